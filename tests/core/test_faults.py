"""Fault models: one contract for all that are registered."""

from dataclasses import replace

import numpy as np
import pytest
from faulty import (
    EVERY,
    Fixed,
    at_once,
    by_site,
    changed_sites,
    golden,
    graded,
    is_random,
    middle,
    network_for,
    pulsed,
    state,
    states,
)
from strategies import JIT, edits_of, random_controller, weighed

from neuro import READOUTS, Current, FlipFlop, InputError, LaneController, Network, golden_copies
from neuro.faults import (
    MODELS,
    TIMES,
    Draws,
    Fault,
    FaultSite,
    SiteFault,
    Values,
    inject,
    parse_model,
    single_faults,
    site_names,
    strike,
    strike_each,
)
from neuro.faults.values import site_keys
from neuro.twin import Twin

every_model = pytest.mark.parametrize("model", EVERY, ids=repr)
ONE_BY_ONE = [model for model in EVERY if isinstance(model, SiteFault)]
every_countable = pytest.mark.parametrize("model", ONE_BY_ONE, ids=repr)
FAMILIES = {"analogue", "digital", "structural", "neuron", "channel"}
OWNED = {"synapses", "neurons", "channels"}
BITS = ("bit-flip", "stuck-bit-0", "stuck-bit-1")
MOVES_DELAYS = ("delay-shift", "stuck-delay", "delay-jitter")


def quantised(model, network):
    """What bit faults leave of a network when no bit is hit: words, and states of their sites."""
    return at_once(model, 0.0, network) if model.name in BITS else golden(network, 8)


# --- descriptions ----------------------------------------------------------------------------


def test_there_is_a_model_for_everything():
    assert {cls.family for cls in MODELS.values()} == FAMILIES
    assert {cls.owner for cls in MODELS.values()} == OWNED
    assert {cls.time.name for cls in MODELS.values()} == {"permanent", "upset", "redrawn"}


@every_model
def test_registered_and_described(model):
    assert MODELS[model.name] is type(model)
    assert parse_model(model.name) == type(model)()
    assert model.family in FAMILIES
    assert model.owner in OWNED
    assert len(model.severity) > 10
    assert len(type(model).__doc__.split(".")[0]) > 10
    assert list(model.severities) == sorted(set(model.severities))
    assert 0.0 < model.severities[0] <= model.severities[-1] <= model.largest
    assert 0.0 < model.typical <= model.largest
    assert FaultSite(model.within).fits(model.owner)
    assert Fault(model, model.typical).when == model.time


@every_model
def test_severity_out_of_range(model):
    for severity in (-0.1, 1e13, float("nan"), float("inf"), "0.1", None):
        with pytest.raises(InputError) as error:
            Fault(model, severity)
        line = f"severity of {model.name}: expected a number from 0 to {model.largest:g}, got "
        assert str(error.value).startswith(line)
    Fault(model, 0)
    Fault(model, model.largest)


# --- random numbers --------------------------------------------------------------------------


@every_model
def test_a_draw_does_not_depend_on_which_others_are_asked_for(model):
    together = states(at_once(model, middle(model)))
    for draw in range(8):
        assert states(at_once(model, middle(model), draws=[draw])) == together[draw : draw + 1]
    order = [5, 0, 7, 5]
    assert states(at_once(model, middle(model), draws=order)) == [together[k] for k in order]
    assert (len({repr(held) for held in together}) > 1) == is_random(model)


@every_model
def test_the_seed_decides(model):
    first = states(at_once(model, middle(model), seed=1))
    assert first == states(at_once(model, middle(model), seed=1))
    assert (first != states(at_once(model, middle(model), seed=2))) == is_random(model)


@every_model
def test_the_same_site_meets_the_same_fault_in_every_network(model):
    """Neurons in another order, and two more: what belongs to a key is struck alike."""
    order = (3, 1, 4, 0, 2)
    here, there = (
        network_for(model) if model.owner == "channels" else network
        for network in (graded(), graded(order, extra=2))
    )
    found = []
    for network in (here, there):
        values, keys = Values(network, 8), site_keys(network, model.owner)
        struck = model.strike(values, middle(model), Draws(1, range(8), keys, model.name))
        place = {int(key): k for k, key in enumerate(keys)}
        shared = [place[int(key)] for key in site_keys(here, model.owner)]
        found.append({name: array[:, shared] for name, array in struck.items()})
    assert found[0].keys() == found[1].keys()
    for name, array in found[0].items():
        assert np.array_equal(array, found[1][name], equal_nan=True), name


@every_model
def test_severity_zero_changes_nothing_but_the_resolution(model):
    network = network_for(model)
    result = at_once(model, 0.0)
    if model.name in BITS:
        step = 2.0 / (2 ** (model.bits - 1) - 1)  # the largest weight is 2
        words = network.weights / step
        expected = np.rint(words) * step
        assert np.array_equal(result.copies.weight[3], expected[: len(network.synapses)])
        assert np.array_equal(result.copies.in_weight[3], expected[len(network.synapses) :])
        assert len(result.copies.tick) == 0
    else:
        assert states(result) == states(golden(network, 8))


@every_countable
def test_hits_are_nested_in_severity(model):
    """What is hit at a severity is hit, and in the same way, at any higher one."""
    before = by_site(quantised(model, network_for(model)), 0, model.owner)
    most = [0] * 8
    for low, high in ((0.0, 0.1), (0.1, 0.3), (0.3, 0.5), (0.5, 1.0)):
        milder, worse = (at_once(model, severity) for severity in (low, high))
        for copy in range(8):
            hit = changed_sites(milder, copy, model.owner, before)
            most[copy] = max(most[copy], sum(hit))
            if model.name in BITS:
                continue  # more bits of the same words: see the tests of those models
            a, b = (by_site(struck, copy, model.owner) for struck in (milder, worse))
            assert [x for x, h in zip(a, hit, strict=True) if h] == [
                y for y, h in zip(b, hit, strict=True) if h
            ]
    assert max(most) > 0


@every_countable
def test_severity_one_hits_every_site(model):
    """In every draw: no uniform number is 1. What the damage itself leaves alone stays."""
    values = Values(network_for(model), 8)
    draws = Draws(1, range(8), site_keys(values.network, model.owner), model.name)
    struck, damage = model.strike(values, 1.0, draws), model.damage(values, draws)
    rates = [getattr(model, name, 1.0) for name in ("zeros", "ones")]
    if rates != [1.0, 1.0]:
        return  # not every bit is hit then
    for name, array in struck.items():
        assert np.array_equal(array, damage[name], equal_nan=True)


# --- copies ----------------------------------------------------------------------------------


@every_model
def test_the_given_arrays_stay_as_they_are(model):
    network = network_for(model)
    values = Values(network, 4)
    before = {name: values[name].copy() for name in ("weight", "delay", "v_threshold", "gain")}
    draws = Draws(1, range(4), site_keys(network, model.owner), model.name)
    for name, array in model.strike(values, middle(model), draws).items():
        assert array.shape == values[name].shape
        assert array.dtype == np.float64
        assert not np.shares_memory(array, values[name])
    assert values.changed == {}
    for name, array in before.items():
        assert np.array_equal(values[name], array, equal_nan=True)


@every_model
def test_copies_are_complete(model):
    network = network_for(model)
    weights = network.weights.copy()
    for time in (None, *(cls() for cls in TIMES.values())):
        fault = Fault(model, middle(model), time=time)
        carrier, copies = strike(network, [fault], 1, range(5), horizon=12)
        assert copies.weight.shape == (5, len(carrier.synapses))
        assert copies.in_weight.shape == (5, len(network.input_synapses))
        assert all(array.flags.c_contiguous and array.flags.writeable for array in copies)
        assert all(np.isfinite(array).all() for array in (copies.weight, copies.in_weight))
        assert not np.isnan(copies.value).any()
        assert (copies.tick >= 0).all()
        assert (copies.tick < 12).all()
        assert np.array_equal(network.weights, weights)
        assert (carrier is network) or model.name in MOVES_DELAYS


@every_model
def test_networks_that_lack_what_is_struck(model):
    """No synapses, no encoder, nothing at all; no draws."""
    for network in (Network.build(2), Network.build(0)):
        carrier, copies = at_once(model, middle(model), network, draws=range(3))
        assert carrier is network
        assert [a.shape for a in copies[:3]] == [(3, 0), (3, 0), (4,)]
        if model.owner != "neurons":
            assert len(copies.tick) == 0
    copies = at_once(model, middle(model), draws=[]).copies
    assert [a.shape for a in copies[:3]] == [
        (0, 6),
        (0, 0 if model.owner == "channels" else 3),
        (1,),
    ]


@every_model
def test_extreme_severities_of_extreme_networks(model):
    """Tiny, huge and zero weights; nothing overflows or becomes undefined."""
    columns = {"v_threshold": [0.0, -1.0, np.inf, 1e100], "tau_mem": [0.0, np.inf, 5e-324, 1e100]}
    synapses = [(0, 1, 5e-324, 1), (0, 1, 0.0, 2), (1, 2, -0.0, 4096), (2, 3, -5e-324, 3)]
    for rows in (synapses, [(a, b, 0.0, d) for a, b, _, d in synapses]):
        network = Network.build(columns, rows)
        for severity in (model.typical, model.largest):
            copies = at_once(model, severity, network).copies
            assert np.isfinite(copies.weight).all()
            assert not np.isnan(copies.value).any()


# --- sites -----------------------------------------------------------------------------------

SITES = {
    "synapses": (
        ("all", None, range(9)), ("synapses", None, range(6)), ("input-synapses", None, (6, 7, 8)),
        ("synapses", (3, 0), (0, 3)), ("input-synapses", (1,), (7,)), ("all", (7, 2), (2, 7)),
        ("all", (), ()),
    ),
    "neurons": (
        ("all", None, range(5)), ("neurons", None, range(5)), ("hidden", None, (0, 2)),
        ("inputs", None, (1,)), ("outputs", None, (3, 4)), ("outputs", (1,), (4,)),
        ("neurons", (2, 0), (0, 2)),
    ),
    "channels": (("all", None, (0, 1)), ("channels", (1,), (1,)), ("channels", (), ())),
}  # fmt: skip


@every_model
def test_only_the_site_is_struck(model):
    network, severity = network_for(model), middle(model)
    names = site_names(network, model.owner)
    before = by_site(golden(network), 0, model.owner)
    everywhere = at_once(model, severity)
    for kind, index, covered in SITES[model.owner]:
        site = FaultSite(kind, index)
        if kind == "input-synapses" and model.within == "synapses":
            with pytest.raises(InputError, match=r"expected all or synapses, got input-synapses"):
                Fault(model, severity, site)
            continue
        mask = site.mask(network, model.owner)
        assert np.flatnonzero(mask).tolist() == list(covered)
        assert len(names) == len(mask) == len(before)
        struck = at_once(model, severity, site=site)
        for copy in range(8):
            parts = zip(mask, by_site(everywhere, copy, model.owner), before, strict=True)
            expected = [there if covers else was for covers, there, was in parts]
            assert by_site(struck, copy, model.owner) == expected


@every_countable
def test_a_network_that_shares_its_fate(model):
    """Struck as a whole, each draw has all faults or none."""
    if model.name in BITS:
        return  # a bit at a time; see below
    none, alls = (
        states(golden(network_for(model), 8)),
        at_once(model, 1.0, site=FaultSite(group="network"), draws=range(40)),
    )
    some = at_once(model, 0.5, site=FaultSite(group="network"), draws=range(40))
    hit = [state(some, k) == state(alls, k) for k in range(40)]
    missed = [state(some, k) == none[0] for k in range(40)]
    assert all(a != b for a, b in zip(hit, missed, strict=True))
    assert 5 < sum(hit) < 35


# --- one by one ------------------------------------------------------------------------------


@every_model
def test_single_faults(model):
    network = network_for(model)
    if not isinstance(model, SiteFault):
        with pytest.raises(InputError, match=r"^faults one by one: expected a model that strikes"):
            single_faults(network, model, FaultSite())
        with pytest.raises(InputError, match=r"^faults one by one: expected a model that strikes"):
            strike_each(network, Fault(model, 0.0), 1, [0])
        return
    ways = model.ways()
    assert ways == (model.bits - model.protected if model.name in BITS else 1)
    within = {"synapses": 9 if model.within == "all" else 6, "neurons": 5, "channels": 2}
    numbers = single_faults(network, model, FaultSite())
    assert numbers.tolist() == list(range(within[model.owner] * ways))
    for kind, index, covered in SITES[model.owner]:
        if kind == "input-synapses" and model.within == "synapses":
            continue
        some = single_faults(network, model, FaultSite(kind, index)).tolist()
        allowed = [s for s in covered if s < within[model.owner]]
        assert some == [ways * s + w for s in allowed for w in range(ways)]
    with pytest.raises(InputError, match=r"^site group: expected site, for faults one by one"):
        single_faults(network, model, FaultSite(group="network"))
    if ways:
        beyond = ways * len(site_keys(network, model.owner))
        with pytest.raises(InputError, match=rf"expected numbers below {beyond}, got {beyond}"):
            strike_each(network, Fault(model, 0.0), 1, [0, beyond])


@every_countable
def test_each_single_fault_changes_its_site_alone(model):
    network = network_for(model)
    numbers = single_faults(network, model, FaultSite())
    fault = Fault(model, 0.0, time=Fixed())
    each = strike_each(network, fault, 1, numbers, horizon=1)
    before = by_site(quantised(model, network), 0, model.owner)
    everything = at_once(model, 1.0, draws=[0])
    effective = 0
    for copy, number in enumerate(numbers.tolist()):
        site = number // model.ways()
        changed = changed_sites(each, copy, model.owner, before)
        assert not any(changed[:site] + changed[site + 1 :])
        effective += changed[site]
        if model.ways() == 1:  # as if it had struck everywhere
            there = by_site(everything, 0, model.owner)[site]
            assert by_site(each, copy, model.owner)[site] == there
    assert effective > len(numbers) // 4 or model.name == "saturated-synapse"
    # One does not depend on the others.
    last = strike_each(network, fault, 1, numbers[-1:], horizon=1)
    assert states(last) == ([state(each, len(numbers) - 1)] if len(numbers) else [])


# --- in use ----------------------------------------------------------------------------------

ENCODERS = {"graded": Current([1.0, 2.0], ticks=7), "pulsed": FlipFlop([1.0, 2.0], 9, 3, 2, 0.8)}
COPIES, DECISIONS = (5, 6) if JIT else (2, 2)


def check_against_twins(struck, rng):
    """Every copy decides as the plain twin with the same edits does, to the last bit."""
    carrier, copies = struck
    count = len(copies.weight)
    lanes = LaneController(carrier, copies)
    twins = [Twin(weighed(carrier, copies, k), edits_of(copies, k)) for k in range(count)]
    for k in range(count):
        lanes.begin(k, k)
    for _ in range(DECISIONS):
        observed = np.repeat(rng.normal(size=(1, 2)), count, axis=0)
        taken = lanes.act(observed)
        for k, twin in enumerate(twins):
            action, _ = twin.act(observed[k])
            assert action.tolist() == taken[k].tolist()
            # Actions may be alike by chance, potentials are not.
            assert [lanes._lanes.v[j * 32 + k] for j in range(len(twin.v))] == twin.v


@every_model
@pytest.mark.parametrize("encoder", ENCODERS)
def test_copies_decide_as_twins_at_every_time(model, encoder):
    rng = np.random.default_rng([len(model.name), len(encoder)])
    network = random_controller(rng, ENCODERS[encoder], READOUTS["winner-takes-all"](), 3)
    horizon = DECISIONS * network.encoder.ticks
    times = [None, *(cls() for cls in TIMES.values())]
    for time in times if JIT else times[EVERY.index(model) % 2 :: 3]:
        fault = Fault(model, middle(model), time=time)
        check_against_twins(strike(network, [fault], 5, range(COPIES), horizon=horizon), rng)


def test_inject_wants_no_other_delays():
    network = graded()
    with pytest.raises(InputError, match=r"^faults delay-shift: they change delays; expected a"):
        inject(network, [Fault(parse_model("delay-shift"), 1.0)], 1, [0])
    copies = inject(network, [Fault(parse_model("dead-neuron"), 1.0)], 1, [0])
    assert copies.tick.tolist() == [0] * 5


@pytest.mark.parametrize(("seed", "draws"), [(-1, [0]), (2**64, [0]), (1, [-1]), (1, ["x"])])
def test_bad_seeds_and_draws(seed, draws):
    fault = Fault(parse_model("gaussian"), 0.1)
    for make in (inject, strike):
        with pytest.raises(InputError, match=r"^(seed|draws): expected .*, got "):
            make(graded(), [fault], seed, draws)
    with pytest.raises(InputError, match=r"^(seed|draws): expected .*, got "):
        strike_each(graded(), Fault(parse_model("dead-neuron"), 0.0), seed, draws)


def test_no_faults_are_golden_copies():
    for network in (graded(), pulsed()):
        copies = inject(network, [], 1, range(2))
        for mine, theirs in zip(copies, golden_copies(network, 2), strict=True):
            assert np.array_equal(mine, theirs)


def test_names_of_sites():
    network = Network.build(2, [(0, 1, 0.5, 3), (0, 1, 0.25, 1)], input_synapses=[(1, 0, 1.0)])
    assert site_names(network, "synapses") == [
        "synapse 0>1 after 1", "synapse 0>1 after 3", "input 1>0",
    ]  # fmt: skip
    assert site_names(network, "neurons") == ["neuron 0", "neuron 1"]
    assert site_names(replace(pulsed()), "channels") == ["channel 0", "channel 1"]
