"""Where faults strike, and what is struck together."""

import numpy as np
import pytest
from faulty import at_once, graded, pulsed, state

from neuro import InputError, Network
from neuro.faults import DeadNeuron, DeadSynapse, Fault, FaultSite, Gaussian, parse_model
from neuro.faults.sites import GROUPS, KINDS
from neuro.hashing import hash_text, hash_words


def hit_synapses(site, severity=0.5, network=None, draws=range(40)):
    """Which synapses and input synapses are dead, a row for each draw."""
    network = network or graded()
    copies = at_once(DeadSynapse(), severity, network, draws=draws, site=site).copies
    return np.concatenate([copies.weight, copies.in_weight], axis=1) == 0.0


def ends(network):
    """Sender and receiver of each synapse; channels count from 100."""
    s, i = network.synapses, network.input_synapses
    return [*s.pre.tolist(), *(100 + i.channel).tolist()], [*s.post.tolist(), *i.post.tolist()]


def check_together(hit, of):
    """Sites with an equal name are struck in the same draws, others are not."""
    for a, one in enumerate(of):
        for b, other in enumerate(of):
            same = (hit[:, a] == hit[:, b]).all()
            assert same == (one == other), (a, b)


def test_rows_and_columns_of_a_crossbar():
    network = Network.build(
        5, [(a, b, 1.0, 1) for a in range(5) for b in range(5) if a != b],
        input_synapses=[(c, j, 1.0) for c in range(3) for j in range(5)],
    )  # fmt: skip
    senders, receivers = ends(network)
    check_together(hit_synapses(FaultSite(group="row"), network=network), senders)
    check_together(hit_synapses(FaultSite(group="column"), network=network), receivers)
    check_together(hit_synapses(FaultSite(group="network"), network=network), [0] * len(senders))
    check_together(hit_synapses(FaultSite(), network=network), range(len(senders)))
    for size in (1, 3, 4):
        places = np.arange(len(senders)) // size
        hit = hit_synapses(FaultSite(group="cluster", size=size), network=network)
        check_together(hit, places.tolist())
    # The share of what is hit is the severity, whatever is struck together.
    for group in GROUPS:
        hit = hit_synapses(FaultSite(group=group), 0.3, network, range(400))
        assert abs(hit.mean() - 0.3) <= 4 * np.sqrt(0.21 / 400)


def test_noise_of_a_group_is_the_same_error():
    network = graded()
    senders, _ = ends(network)
    site = FaultSite(group="row")
    copies = at_once(Gaussian(), 0.5, network, site=site, draws=[0]).copies
    error = np.concatenate([copies.weight, copies.in_weight], axis=1)[0] / network.weights
    for row in set(senders):
        assert len({round(e, 12) for e, s in zip(error, senders, strict=True) if s == row}) == 1
    assert len({round(e, 12) for e in error}) == len(set(senders))


def test_groups_of_neurons_and_channels():
    network = Network.build({"v_threshold": [1.0] * 9})
    site = FaultSite(group="cluster", size=4)
    struck = at_once(DeadNeuron(), 0.5, network, site=site, draws=range(40))
    held = np.array([state(struck, k)["held"] for k in range(40)])
    check_together(held, [0] * 4 + [1] * 4 + [2])
    site = FaultSite("channels", group="cluster", size=2)
    struck = at_once(parse_model("dead-channel"), 0.5, pulsed(), site=site, draws=range(40))
    check_together(np.array([state(struck, k)["gain"] for k in range(40)]), [0, 0])


def test_a_group_and_a_kind():
    """Only synapses between neurons, and those of a neuron together."""
    network = graded()
    hit = hit_synapses(FaultSite("synapses", group="column"))
    assert not hit[:, 6:].any()
    check_together(hit[:, :6], network.synapses.post.tolist())
    some = hit_synapses(FaultSite("synapses", (0, 2), "column"))
    assert (some[:, [0, 2]] == hit[:, [0, 2]]).all()
    assert not some[:, [1, 3, 4, 5, 6, 7, 8]].any()


def test_rows_and_columns_are_those_of_the_neurons_keys():
    """Indices and other synapses play no part; clusters are places in memory."""
    synapses = [(0, 1, 0.75, 1), (1, 2, -0.5, 2), (0, 2, 1.0, 1)]
    first = Network.build({"key": [7, 8, 9]}, synapses, input_synapses=[(1, 2, 1.0)])
    order = {0: 2, 1: 1, 2: 0}
    second = Network.build(
        {"key": [9, 8, 7, 6]}, [(order[a], order[b], w, d) for a, b, w, d in synapses],
        input_synapses=[(0, 1, 1.0), (1, 0, 1.0)],
    )  # fmt: skip
    for group in ("row", "column"):
        found = []
        for network in (first, second):
            hit = hit_synapses(FaultSite(group=group), network=network)
            name = network.neurons.key
            senders, receivers = ends(network)
            of = senders if group == "row" else receivers
            found.append({
                int(name[end]) if end < 100 else end: hit[:, k].tolist()
                for k, end in enumerate(of)
            })  # fmt: skip
        common = found[0].keys() & found[1].keys()
        assert len(common) >= 2
        assert [found[0][key] for key in common] == [found[1][key] for key in common]


def test_keys_of_groups():
    """As docs/model.md has it."""
    network = graded()
    key = network.neurons.key.tolist()
    channel = [int(hash_words(hash_text("channel"), c)) for c in (0, 1, 2)]
    senders = [key[0], key[0], key[1], key[2], key[3], key[4], *channel]
    keys = FaultSite(group="row").keys(network, "synapses")
    assert keys.tolist() == senders
    receivers = [key[j] for j in (0, 1, 2, 3, 4, 0, 0, 1, 2)]
    assert FaultSite(group="column").keys(network, "synapses").tolist() == receivers
    place = [int(hash_words(hash_text("cluster"), k // 4)) for k in range(9)]
    assert FaultSite(group="cluster").keys(network, "synapses").tolist() == place
    assert FaultSite(group="network").keys(network, "neurons").tolist() == [0] * 5
    assert FaultSite().keys(network, "neurons").tolist() == key
    assert FaultSite().keys(pulsed(), "channels").tolist() == channel[:2]


def test_masks():
    network = pulsed()  # inputs 0 and 2, outputs 3 and 4
    for kind, owner, expected in (
        ("all", "neurons", range(5)), ("neurons", "neurons", range(5)), ("hidden", "neurons", [1]),
        ("inputs", "neurons", [0, 2]), ("outputs", "neurons", [3, 4]),
        ("channels", "channels", [0, 1]), ("synapses", "synapses", range(6)),
        ("input-synapses", "synapses", []), ("all", "synapses", range(6)),
    ):  # fmt: skip
        assert np.flatnonzero(FaultSite(kind).mask(network, owner)).tolist() == list(expected)
    # An index counts within the kind, in the network's own order of inputs and outputs.
    turned = Network.build(4, inputs=[3, 1], outputs=[2, 0])
    assert FaultSite("inputs", (0,)).mask(turned, "neurons").tolist() == [0, 0, 0, 1]
    assert FaultSite("outputs", (1,)).mask(turned, "neurons").tolist() == [1, 0, 0, 0]


REFUSED = [
    (lambda: FaultSite("axons"), "site: expected one of all, synapses, input-synapses, neurons,"),
    (lambda: FaultSite(group="bank"), "site group: expected one of site, row, column, cluster"),
    (lambda: FaultSite(size=0), "site size: expected a whole number from 1 to"),
    (lambda: FaultSite(index=(0.5,)), "site index: expected a whole number from"),
    (lambda: FaultSite("synapses", (6,)).mask(graded()),
     "site: expected an index below 6 of synapses, got 6"),
    (lambda: FaultSite("input-synapses", (-1,)).mask(graded()),
     "site: expected an index below 3 of input-synapses, got -1"),
    (lambda: FaultSite("hidden", (2,)).mask(graded(), "neurons"),
     "site: expected an index below 2 of hidden, got 2"),
    (lambda: FaultSite("neurons").mask(graded()), "site: expected one that synapses have ("),
    (lambda: FaultSite(group="row").mask(graded(), "neurons"),
     "site: expected one that neurons have, got all by row"),
    (lambda: Fault(Gaussian(), 0.1, FaultSite("channels")),
     "site of gaussian: expected one that synapses have (all, synapses, input-synapses), "
     "got channels"),
    (lambda: Fault(DeadNeuron(), 0.1, FaultSite("outputs", group="column")),
     "site of dead-neuron: expected one that neurons have, got outputs by column"),
    (lambda: Fault(parse_model("delay-jitter"), 0.1, FaultSite("input-synapses")),
     "site of delay-jitter: expected all or synapses, got input-synapses"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "line"), REFUSED, ids=[line for _, line in REFUSED])
def test_bad_sites(make, line):
    with pytest.raises(InputError) as error:
        make()
    assert str(error.value).startswith(line)
    assert "\n" not in str(error.value)


def test_what_fits():
    """Each kind belongs to one sort of site, and `all` to every one."""
    for kind in KINDS:
        owners = [o for o in ("synapses", "neurons", "channels") if FaultSite(kind).fits(o)]
        assert len(owners) == (3 if kind == "all" else 1)
