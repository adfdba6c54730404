"""Brian2 runs the same networks to the same bit: live, and as a script that stands alone."""

import ast
import subprocess
import sys

import brian2
import numpy as np
import pytest

from fitness import TASKS, record_episode
from neuro import Current, FlipFlop, Network, WinnerTakesAll, simulate
from neuro.columns import MAX_DELAY
from neuro.export import Parity, brian2_network, brian2_script, verify_script
from neuro.export.brian2 import compare

TASK = TASKS["cartpole"]
RESET_RULES = ("to_value", "subtract")


def mixed(rng, special, low, high, count):
    return np.where(
        rng.random(count) < 0.3, rng.choice(special, count), rng.uniform(low, high, count)
    )


def random_network(seed):
    """A network in which any neuron may have any feature, with loops and parallel synapses."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 9))
    columns = {
        "tau_mem": mixed(rng, (0.0, np.inf, 1e-3, 1e100), 0.5, 30.0, n),
        "v_threshold": mixed(rng, (np.inf, 1.0, -0.25), 0.1, 1.5, n),
        "v_reset": mixed(rng, (0.0, -0.0), -0.5, 0.09, n),
        "v_leak": mixed(rng, (0.0, -0.0), -0.3, 0.3, n),
        "v_min": mixed(rng, (-np.inf, 0.0, -0.0), -1.0, 0.2, n),
        "refractory": rng.choice((0, 0, 1, 2, 7), n),
        "reset": rng.choice(RESET_RULES, n),
        "bias": mixed(rng, (0.0, -0.0), -0.2, 0.4, n),
        "tau_syn": mixed(rng, (0.0, 0.0, 1e100), 0.3, 10.0, n),
    }
    rows = {}
    for _ in range(int(rng.integers(0, 4 * n))):
        pre, post, delay = int(rng.integers(n)), int(rng.integers(n)), int(rng.integers(1, 20))
        rows[pre, post, delay] = float(mixed(rng, (0.0, 1.0, -1.0, 0.1), -1.5, 1.5, 1)[0])
    return Network.build(
        columns, [(a, b, w, d) for (a, b, d), w in rows.items()], inputs=[0], outputs=[n - 1],
        dt=float(rng.choice([1.0, 0.1, 0.3, 2.5])),
    )  # fmt: skip


def random_input(network, seed, ticks=120):
    rng = np.random.default_rng([seed, 1])
    shape = (ticks, len(network.neurons))
    return np.where(rng.random(shape) < 0.3, rng.uniform(-1.0, 2.0, shape), 0.0)


SEEDS = range(20)
FEATURES = {
    "no leak": lambda n, s: np.isinf(n.tau_mem),
    "full leak": lambda n, s: n.tau_mem == 0,
    "leak": lambda n, s: (n.tau_mem > 0.5) & (n.tau_mem < 30),
    "never fires": lambda n, s: np.isinf(n.v_threshold),
    "threshold below rest": lambda n, s: n.v_threshold < n.v_leak,
    "reset elsewhere": lambda n, s: n.v_reset != n.v_leak,
    "resting potential": lambda n, s: n.v_leak != 0,
    "floor": lambda n, s: np.isfinite(n.v_min),
    "floor above rest": lambda n, s: n.v_min > n.v_leak,
    "no floor": lambda n, s: np.isinf(n.v_min),
    "refractory": lambda n, s: n.refractory > 0,
    "not refractory": lambda n, s: n.refractory == 0,
    "reset to a value": lambda n, s: n.reset == 0,
    "reset by subtraction": lambda n, s: n.reset == 1,
    "bias": lambda n, s: n.bias != 0,
    "synaptic current": lambda n, s: n.tau_syn > 0,
    "delta synapse": lambda n, s: n.tau_syn == 0,
    "loop": lambda n, s: s.pre == s.post,
    "parallel synapses": lambda n, s: (np.diff(s.pre) == 0) & (np.diff(s.post) == 0),
    "negative weight": lambda n, s: s.weight < 0,
    "delay of one": lambda n, s: s.delay == 1,
    "long delay": lambda n, s: s.delay > 10,
}


@pytest.mark.parametrize("feature", FEATURES)
def test_the_networks_have_every_feature(feature):
    found = [random_network(seed) for seed in SEEDS]
    assert sum(FEATURES[feature](n.neurons, n.synapses).any() for n in found) >= 3


def test_the_networks_are_active():
    spikes = [
        simulate(n, random_input(n, s)).spikes for s, n in enumerate(map(random_network, SEEDS))
    ]
    assert sum(s.any() and not s.all() for s in spikes) >= 15
    assert sum(s.sum() for s in spikes) > 1000


def run_live(network, ext):
    """Run the live network and compare it with ours."""
    live = brian2_network(network, ext)
    live.run(len(ext) * network.dt * brian2.ms, namespace={})
    spikes = np.zeros(ext.shape, dtype=bool)
    at = np.rint(np.asarray(live["spikes"].t / brian2.ms) / network.dt).astype(int)
    spikes[at, np.asarray(live["spikes"].i)] = True
    return compare(network, ext, spikes, np.array(live["voltage"].v).T)


def run_script(network, ext):
    """Execute the exported script here, and compare its result with ours."""
    names = {"__name__": "exported"}
    exec(compile(brian2_script(network, ext), "exported.py", "exec"), names)
    drive = names["expand_drive"](names["DRIVE"], names["TICKS"], len(network.neurons))
    assert np.array_equal(drive, ext)
    names["set_preferences"]()
    return compare(network, ext, *names["run"](names["PARAMETERS"], drive))


@pytest.mark.parametrize("run", [run_live, run_script])
@pytest.mark.parametrize("seed", SEEDS)
def test_brian2_is_exact(seed, run):
    network = random_network(seed)
    ext = random_input(network, seed)
    parity = run(network, ext)
    assert parity.spikes_equal
    assert parity.max_abs_voltage_difference == 0.0
    assert parity.exact
    assert parity.ticks == len(ext)
    assert parity.spikes_compared == simulate(network, ext).spikes.sum()


EXTREMES = {
    "the longest delay": (Network.build(2, [(0, 1, 1.0, MAX_DELAY)]), MAX_DELAY + 5),
    "held for ever": (Network.build({"refractory": [2**31 - 1, 0]}, [(0, 1, 1.0, 1)]), 50),
    "one neuron, no synapse": (Network.build(1), 20),
    "the largest weights": (
        Network.build(3, [(0, 2, 1e100, 1), (1, 2, -1e100, 1), (0, 1, 1.0, 1)]), 40,
    ),
    "a tiny tick": (Network.build({"tau_mem": [1.0, 1.0]}, [(0, 1, 1.0, 3)], dt=1e-3), 40),
    "many that arrive together": (
        Network.build(9, [(i, 8, w, 1 + i % 3) for i, w in enumerate(np.linspace(0.1, 0.7, 8))]),
        60,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXTREMES)
def test_extremes_are_exact_too(name):
    network, ticks = EXTREMES[name]
    ext = random_input(network, 5, ticks)
    ext[0] = 1.0
    assert run_script(network, ext).exact


def test_a_difference_is_noticed():
    network = random_network(3)
    ext = random_input(network, 3)
    ours = simulate(network, ext)
    assert compare(network, ext, ours.spikes, ours.voltage).exact
    spikes, voltage = ours.spikes.copy(), ours.voltage.copy()
    spikes[-1, 0] ^= True
    voltage[7, 0] = np.nextafter(voltage[7, 0], 9.0)
    one, other = (
        compare(network, ext, spikes, ours.voltage),
        compare(network, ext, ours.spikes, voltage),
    )
    assert (one.spikes_equal, one.max_abs_voltage_difference, one.exact) == (False, 0.0, False)
    assert other.spikes_equal
    assert 0 < other.max_abs_voltage_difference < 1e-12
    assert not other.exact


def test_the_live_network_has_its_parts():
    network = Network.build(2, [(0, 1, 0.5, 3)])
    live = brian2_network(network, np.zeros((5, 2)))
    assert {"neurons", "synapses", "spikes", "voltage"} <= {o.name for o in live.objects}
    alone = brian2_network(Network.build(2), np.zeros((5, 2)))
    assert "synapses" not in {o.name for o in alone.objects}


# --- a controller, as a script in a process of its own -----------------------------------------


def controller(encoder, rows):
    wiring = {"encoder": encoder, "readout": WinnerTakesAll(), "task": TASK.name}
    if encoder.graded:
        return Network.build(
            {"tau_mem": [20.0, np.inf]}, [(0, 1, -0.2, 2)], input_synapses=rows, outputs=[0, 1],
            **wiring,
        )  # fmt: skip
    return Network.build(10, rows, inputs=range(8), outputs=[8, 9], **wiring)


LEAN = (0.1, 0.3, 1.0, 1.0)
CONTROLLERS = {
    "current": controller(Current(scale=TASK.scale), [(c, 1, w) for c, w in enumerate(LEAN)]),
    "flip-flop": controller(
        FlipFlop(scale=TASK.scale),
        [(2 * i + side, 8 + side, w, 1 + 2 * side) for i, w in enumerate(LEAN) for side in (0, 1)],
    ),
}


def test_a_recorded_episode_is_repeated_by_the_script(tmp_path):
    network = CONTROLLERS["current"]
    episode = record_episode(network, TASK, 7, decisions=40)
    script = tmp_path / "network.py"
    script.write_text(brian2_script(network, episode.ext))
    parity = verify_script(script, network, episode.ext)
    assert parity == Parity(len(episode.ext), int(episode.spikes.sum()), True, 0.0)
    assert parity.spikes_compared > 10


def test_a_script_that_was_changed_is_found_out(tmp_path):
    network = CONTROLLERS["flip-flop"]
    episode = record_episode(network, TASK, 7, decisions=10)
    text = brian2_script(network, episode.ext)
    (line,) = [line for line in text.splitlines() if line.startswith(" 'weight'")]
    script = tmp_path / "network.py"
    script.write_text(text.replace(line, line.replace("0.3", "0.31")))
    assert script.read_text() != text
    parity = verify_script(script, network, episode.ext)
    assert not parity.exact
    assert parity.max_abs_voltage_difference > 0.005


def test_a_script_that_fails_says_why(tmp_path):
    script = tmp_path / "network.py"
    script.write_text("raise SystemExit('out of neurons')\n")
    with pytest.raises(
        RuntimeError, match=r"network\.py: the exported script failed: out of neuro"
    ):
        verify_script(script, CONTROLLERS["current"], np.zeros((3, 2)))


ALONE = """
import runpy, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"neuro", "fitness", "evo", "experiments", "numba", "deap"}:
            raise ImportError(f"the script wants {name}")

sys.meta_path.insert(0, Refuse())
sys.argv = ["network.py"]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_the_script_needs_nothing_but_brian2(tmp_path):
    network = CONTROLLERS["current"]
    episode = record_episode(network, TASK, 7, decisions=5)
    text = brian2_script(network, episode.ext)
    imported = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module.partition(".")[0])
    assert imported - sys.stdlib_module_names == {"brian2", "numpy"}

    (tmp_path / "network.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", ALONE], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"{len(episode.ext)} ticks, {episode.spikes.sum()} spikes"
    assert lines[1:] == [
        f"output neuron {j}: {episode.spikes[:, j].sum()} spikes" for j in network.outputs
    ]
    assert [p.name for p in tmp_path.iterdir()] == ["network.py"]


@pytest.mark.parametrize("place", ["no/x.npz", "network.py/x.npz", "."])
def test_results_that_cannot_be_saved_are_refused_before_the_simulation(tmp_path, place):
    script = brian2_script(CONTROLLERS["current"], np.zeros((3, 2)))
    (tmp_path / "network.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "network.py", "--save", place],
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")  # nothing was simulated
    expected = "a file in a directory that can be written"
    assert done.stderr == f"--save: expected {expected}, got {place}\n"


NASTY = ['"""', "'''", "\\", "\\N{BULLET} \\u00e9 \\x", "inf", "naïve ∞", "a\nb", "%s {x}", "PLACE"]


@pytest.mark.parametrize("text", NASTY)
def test_whatever_provenance_says_the_script_is_valid(text):
    network = Network.build(
        {"v_min": [-np.inf, 0.0], "v_threshold": [1.0, np.inf]}, [(0, 1, 0.5, 1)], task=text,
        provenance={text: [text, {"nested": None}]},
    )  # fmt: skip
    ext = np.full((4, 2), 0.4)
    assert run_script(network, ext).exact


def test_the_script_is_always_the_same():
    network, ext = random_network(4), random_input(random_network(4), 4)
    assert brian2_script(network, ext) == brian2_script(network, ext)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["cython"])
def test_compiled_targets_are_exact(tmp_path, target):
    network = random_network(1)
    ext = random_input(network, 1)
    script = tmp_path / "network.py"
    script.write_text(brian2_script(network, ext))
    assert verify_script(script, network, ext, target=target).exact
