"""The text of docs/model.md is enough: a simulator written from it gives the same results."""

import json
import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import stranger
from scipy.special import ndtri

from fitness import TASKS, episode_seeds, play, record_episode
from neuro import Current, FlipFlop, Network, WinnerTakesAll, prune, save
from neuro.columns import (
    INPUT_SYNAPSE_COLUMNS,
    NEURON_COLUMNS,
    RESET_RULES,
    SYNAPSE_COLUMNS,
)
from neuro.encoders import ENCODERS, Argyle
from neuro.faults import BitFlip, DeadSynapse, Fault, Gaussian, inject
from neuro.specs import to_table

CARTPOLE = TASKS["cartpole"]
KINDS = sorted([*stranger.SPIKES, *stranger.GRADED])
TEXT = (Path(__file__).parent.parent / "docs" / "model.md").read_text(encoding="utf-8")


def random_encoder(rng, name=None):
    """Any encoder for cart-pole, or the one that is named."""
    cls = ENCODERS[rng.choice(KINDS) if name is None else name]
    ticks = int(rng.choice((1, 5, 10, 24, 70)))
    given = {"scale": CARTPOLE.scale, "ticks": ticks}
    if rng.random() < 0.5:
        given["center"] = rng.choice((0.0, -0.0, 0.1, -0.02), 4)
    if not cls.graded:
        given["gain"] = float(rng.choice((1.0, 0.3, -0.5)))
    period = int(rng.integers(1, min(ticks, 4) + 1))
    longest = (ticks - 1) // period + 1
    low, high = (2, longest + 1) if cls is Argyle else (1, longest)
    options = {
        "period": period, "spikes": int(rng.integers(low, high + 1)),
        "bins": int(rng.integers(2, 4)), "fields": int(rng.integers(2, 4)),
        "width": float(rng.uniform(0.1, 2.0)), "peak": float(rng.uniform(0.2, 1.0)),
        "signed": bool(rng.random() < 0.5), "seed": int(rng.integers(2**53)),
    }  # fmt: skip
    known = {f.name for f in fields(cls)}
    return cls(**given, **{name: options[name] for name in options.keys() & known})


def random_controller(rng):
    """Any feature of a neuron, a synapse and an encoder, in any order of wiring."""
    encoder = random_encoder(rng)
    ends = 0 if encoder.graded else encoder.channels
    n = int(rng.integers(max(ends, 2), max(ends, 8) + 5))

    def some(special, low, high):
        return np.where(rng.random(n) < 0.3, rng.choice(special, n), rng.uniform(low, high, n))

    columns = {
        "key": rng.integers(0, 2**64, n, dtype=np.uint64),
        "tau_mem": some((0.0, np.inf), 0.5, 50.0),
        "v_threshold": some((1.0, 0.0, np.inf), 0.1, 1.5),
        "v_reset": some((0.0, -0.2), -0.5, 0.5),
        "v_leak": some((0.0, 0.3), -0.3, 0.3),
        "v_min": some((-np.inf, 0.0), -1.0, 0.2),
        "refractory": rng.choice((0, 0, 1, 4), n),
        "reset": rng.choice(RESET_RULES, n).tolist(),
        "bias": some((0.0,), -0.1, 0.3),
        "tau_syn": some((0.0,), 0.5, 10.0),
    }
    synapses = {
        (int(rng.integers(n)), int(rng.integers(n)), int(rng.choice((1, 2, 3, 9, 70)))):
        float(rng.normal()) for _ in range(3 * n)
    }  # fmt: skip
    input_synapses = {
        (int(rng.integers(encoder.channels)), int(rng.integers(n))): float(rng.normal())
        for _ in range(2 * n)
    }
    order = rng.permutation(n).tolist()
    return Network.build(
        columns, [(a, b, w, d) for (a, b, d), w in synapses.items()],
        input_synapses=[] if ends else [(c, j, w) for (c, j), w in input_synapses.items()],
        inputs=order[:ends], outputs=rng.permutation(n)[:2].tolist(),
        dt=float(rng.choice((1.0, 0.5))), encoder=encoder, readout=WinnerTakesAll(),
    )  # fmt: skip


def balancing(encoder):
    """A hand-made controller that keeps the pole up for hundreds of decisions."""
    columns = {"tau_mem": [20.0, 20.0, 5.0], "v_threshold": [0.4, 0.4, 1.0],
               "refractory": [1, 1, 0], "reset": ["subtract", "subtract", "to_value"],
               "tau_syn": [0.0, 0.0, 3.0]}  # fmt: skip
    recurrent = [(2, 1, 0.05, 3), (1, 0, -0.05, 9), (0, 2, -0.1, 65)]
    if encoder.graded:
        rows = [(2, 0, -0.5), (2, 1, 0.5), (3, 0, -0.5), (3, 1, 0.5), (3, 2, 0.6)]
        return Network.build(columns, recurrent, input_synapses=rows, outputs=[0, 1],
                             encoder=encoder, readout=WinnerTakesAll())  # fmt: skip
    wide = {name: [*values, *[values[2]] * 8] for name, values in columns.items()}
    wide["v_threshold"] = [0.4, 0.4, 1.0, *[0.5] * 8]
    sensors = [(3 + c, c % 2, 0.3, 1) for c in range(4, 8)]
    return Network.build(wide, [*recurrent, *sensors], inputs=range(3, 11), outputs=[0, 1],
                         encoder=encoder, readout=WinnerTakesAll())  # fmt: skip


def spikes_of(recording):
    return [np.flatnonzero(row).tolist() for row in recording.spikes]


@pytest.mark.parametrize("name", KINDS)
def test_pulses_and_currents_of_encoders(name):
    """Of observations inside and outside of the range, on its edges and at its center."""
    rng = np.random.default_rng(KINDS.index(name))
    edges = (0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1 / 3, 1e-320, 1e300, -1e300)
    for _ in range(300):
        encoder = random_encoder(rng, name)
        x = np.where(rng.random(4) < 0.4, rng.choice(edges, 4), rng.normal(0.0, 0.7, 4))
        x = x * np.where(np.abs(x) < 1e3, encoder.scale, 1.0)
        if rng.random() < 0.5:
            x = x + np.array(encoder.center)
        current = np.zeros(encoder.channels)
        pulses = np.zeros((encoder.channels, (encoder.ticks + 63) // 64), dtype=np.uint64)
        encoder.kernel(x, encoder.parameters(), current, pulses)
        table = json.loads(json.dumps(to_table(encoder)))
        if encoder.graded:
            theirs = np.array(stranger.GRADED[name](table, x.tolist()))
            assert theirs.tobytes() == current.tobytes()
        else:
            theirs = [0] * encoder.channels
            for channel, t in stranger.SPIKES[name](table, x.tolist()):
                assert 0 <= t < encoder.ticks
                theirs[channel] |= 1 << t
            words = [[w & 2**64 - 1, w >> 64][: pulses.shape[1]] for w in theirs]
            assert pulses.tolist() == words


@pytest.mark.parametrize("seed", range(60))
def test_scores_and_spikes_of_random_networks(seed, tmp_path):
    rng = np.random.default_rng(seed)
    network = random_controller(rng)
    theirs = stranger.Network(save(network, tmp_path / "n.json"))
    for episode in range(2):
        number = stranger.episode_seed(seed, "held-out", episode)
        score, spikes = stranger.play_cartpole(theirs, number)
        assert play(network, CARTPOLE, CARTPOLE.starts([number])).scores[0] == score
        ours = record_episode(network, CARTPOLE, number)
        assert ours.score == score
        assert spikes_of(ours) == spikes


def test_the_random_networks_are_worth_comparing():
    """They spike, and they do different things."""
    scores, active = [], 0
    for seed in range(60):
        network = random_controller(np.random.default_rng(seed))
        recording = record_episode(network, CARTPOLE, 1)
        scores.append(recording.score)
        active += bool(recording.spikes[:, network.outputs].any())
    assert active > 40
    assert len(set(scores)) > 5


@pytest.mark.parametrize(
    "encoder", [Current(CARTPOLE.scale), FlipFlop(CARTPOLE.scale)], ids=["current", "flip-flop"]
)
def test_potentials_and_scores_of_long_episodes(encoder, tmp_path):
    network = balancing(encoder)
    theirs = stranger.Network(save(network, tmp_path / "n.json"))
    seeds = episode_seeds(3, "training", 3)
    scores = play(network, CARTPOLE, CARTPOLE.starts(seeds)).scores.tolist()
    assert [stranger.play_cartpole(theirs, s)[0] for s in seeds] == scores
    assert max(scores) > 100
    recording = record_episode(network, CARTPOLE, seeds[0])
    simulator = stranger.Simulator(theirs)
    voltage = []
    for ext in recording.ext.tolist():
        simulator.tick(ext)
        voltage.append(list(simulator.v))
    assert np.array(voltage).tobytes() == recording.voltage.tobytes()


def test_seeds_and_starts():
    for purpose in ("training", "held-out", "campaign"):
        seeds = [stranger.episode_seed(2**64 - 1, purpose, i) for i in range(20)]
        assert seeds == episode_seeds(2**64 - 1, purpose, 20)
        starts = np.array([stranger.cartpole_start(s) for s in seeds])
        assert starts.tobytes() == CARTPOLE.starts(seeds).tobytes()


@pytest.mark.parametrize("seed", range(20))
def test_pruning_size_and_structural_keys(seed, tmp_path):
    network = random_controller(np.random.default_rng(seed))
    theirs = stranger.Network(save(network, tmp_path / "n.json"))
    assert theirs.structural_keys() == network.synapse_keys().tolist()
    small = prune(network)
    assert theirs.pruned() == (small.neurons.key.tolist(), small.size)


@pytest.mark.parametrize(
    ("model", "severity", "settings"),
    [
        (Gaussian(), 0.3, {"inverse_normal": ndtri}),
        (DeadSynapse(), 0.4, {}),
        (BitFlip(), 0.1, {"bits": 8}),
        (BitFlip(bits=4), 0.2, {"bits": 4}),
        (BitFlip(bits=4), 0.0, {"bits": 4}),
    ],
)
def test_scores_under_faults(model, severity, settings, tmp_path):
    for seed, network in enumerate(
        [balancing(Current(CARTPOLE.scale))]
        + [random_controller(np.random.default_rng(s)) for s in range(8)]
    ):
        path = save(network, tmp_path / "n.json")
        copies = inject(network, [Fault(model, severity)], seed, range(3))
        scores = play(
            network, CARTPOLE, CARTPOLE.starts([7]),
            copies=copies, copy_of=np.arange(3), start_of=np.zeros(3, dtype=np.int64),
        ).scores  # fmt: skip
        for draw in range(3):
            theirs = stranger.Network(path)
            weights = stranger.faulty_weights(theirs, model.name, severity, seed, draw, **settings)
            ours = [*copies.weight[draw].tolist(), *copies.in_weight[draw].tolist()]
            assert np.array(weights).tobytes() == np.array(ours).tobytes()
            theirs.set_weights(weights)
            assert stranger.play_cartpole(theirs, 7)[0] == scores[draw]


# --- the text itself -------------------------------------------------------------------------


def table_names(header):
    """First cells of the table that starts with this header."""
    lines = [*TEXT[TEXT.index(header) :].splitlines()[2:], ""]
    rows = lines[: lines.index("")]
    return [re.match(r"\| `([^`]+)`", row)[1] for row in rows]


def test_the_text_describes_every_column():
    assert table_names("| column | symbol, unit |") == list(NEURON_COLUMNS)
    rest = TEXT[TEXT.index("Columns of `synapses`:") :]
    tables = re.findall(r"\| column \| meaning \| value \|\n\|.*\n((?:\|.*\n)+)", rest)
    names = [re.findall(r"^\| `([^`]+)`", table, re.MULTILINE) for table in tables]
    assert names == [list(SYNAPSE_COLUMNS), list(INPUT_SYNAPSE_COLUMNS)]


def test_the_text_describes_every_encoder():
    described = re.findall(r"^### Encoder `([^`]+)` \((\w+)\)$", TEXT, re.MULTILINE)
    graded = {name: "graded" if cls.graded else "spikes" for name, cls in ENCODERS.items()}
    assert dict(described) == {name: graded[name] for name in KINDS}


def test_the_numbers_in_the_text():
    assert f"{stranger.text_hash('a'):016X}" in TEXT
    assert f"{stranger.word_hash(1, 2):016X}" in TEXT
    checks = re.findall(r"^\| (0\.\d+) \| (-?[\d.]+) \|$", TEXT, re.MULTILINE)
    assert len(checks) == 3
    for u, x in checks:
        assert float(ndtri(float(u))) == float(x)


def test_the_stranger_has_not_seen_the_package():
    source = Path(stranger.__file__).read_text(encoding="utf-8")
    imports = re.findall(r"^(?:from|import) ([\w.]+)", source, re.MULTILINE)
    assert set(imports) <= {"__future__", "json", "math", "struct", "numpy.random"}
