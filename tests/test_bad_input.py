"""Whatever is wrong with an invocation ends in exit code 2 and one line that says what.

Each table row is a command as one would type it, and how its line on stderr goes on after
``tardigrade COMMAND: error: ``. Nothing is printed on stdout and no file is left behind.
"""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.cli import main
from fitness import TASKS
from neuro import Current, FlipFlop, Network, WinnerTakesAll, save

TASK = TASKS["cartpole"]
QUICK = (
    "--population 8 --generations 1 --set encoder.name=current --set objectives.feasible=0.02 "
    "--set resilience.draws=2 --set report.episodes=2 --set report.draws=2"
)

NO_RUN = "expected a run directory, as tardigrade evolve --out makes it"


def good_network(task=TASK.name):
    return Network.build(
        3, [(0, 1, 1.0, 2), (2, 1, 0.5, 1)], input_synapses=[(0, 2, 1.0), (3, 1, 1.0)],
        outputs=[0, 1], encoder=Current(scale=TASK.scale), readout=WinnerTakesAll(), task=task,
    )  # fmt: skip


# Network files, each spoiled in one way: what is changed in the JSON, by path.
DELETE = object()
SPOILED = {
    "newer.json": (("version",), 2),
    "version_true.json": (("version",), True),
    "other.json": (("format",), "other-network"),
    "unknown_task.json": (("task",), "chess"),
    "no_task.json": (("task",), None),
    "no_weights.json": (("synapses", "weight"), DELETE),
    "no_readout.json": (("readout",), None),
    "no_encoder_entry.json": (("encoder",), DELETE),
    "unknown_encoder.json": (("encoder", "name"), "poisson"),
    "unknown_column.json": (("neurons", "colour"), [1, 2, 3]),
    "negative_delay.json": (("synapses", "delay"), [2, -1]),
    "zero_delay.json": (("synapses", "delay"), [0, 1]),
    "half_delay.json": (("synapses", "delay"), [2, 1.5]),
    "short.json": (("synapses", "weight"), [1.0]),
    "far_index.json": (("synapses", "post"), [1, 7]),
    "far_channel.json": (("input_synapses", "channel"), [0, 5]),
    "text_weight.json": (("synapses", "weight"), [1.0, "heavy"]),
    "null_weight.json": (("input_synapses", "weight"), [None, 1.0]),
    "infinite_weight.json": (("synapses", "weight"), [1.0, "inf"]),
    "three_outputs.json": (("outputs",), [0, 1, 2]),
    "three_values.json": (("encoder",), {"name": "current", "scale": [1.0, 1.0, 1.0]}),
}


def spoil(data, path, value):
    *parents, last = path
    for name in parents:
        data = data[name]
    if value is DELETE:
        del data[last]
    else:
        data[last] = value


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A directory with good and bad files, which the commands run in."""
    monkeypatch.chdir(tmp_path)
    text = save(good_network(), "good.json").read_text()
    for name, (path, value) in SPOILED.items():
        data = json.loads(text)
        spoil(data, path, value)
        Path(name).write_text(json.dumps(data))
    rows = [(2 * i + side, 8 + side, 1.0, 1) for i in range(4) for side in (0, 1)]
    spiking = Network.build(
        10, rows, inputs=range(8), outputs=[8, 9], encoder=FlipFlop(scale=TASK.scale),
        readout=WinnerTakesAll(),
    )  # fmt: skip
    save(spiking, "spiking.json")
    Path("truncated.json").write_text(text[: len(text) // 2])
    Path("nan.json").write_text(text.replace("0.5", "NaN"))
    Path("infinity.json").write_text(text.replace("0.5", "Infinity"))
    Path("empty.json").write_text("")
    Path("list.json").write_text("[]")
    Path("binary.json").write_bytes(b"\xff\xfe\x00\x01")
    Path("deep.json").write_text("[" * 100_000)
    Path("endless.json").write_text(text.replace("0.5", "9" * 5000))
    for name in ("full", "empty"):
        Path(name).mkdir()
    Path("full/notes.txt").write_text("precious")
    Path("file").write_text("a regular file")
    Path("broken.toml").write_text("[run\n")
    Path("typo.toml").write_text('[run]\ntask = "cartpole"\nsed = 3\n')
    Path("no_task.toml").write_text("[run]\nseed = 3\n")
    return tmp_path


def files_in(folder):
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None
            for p in folder.rglob("*")}  # fmt: skip


def complain(capsys, command):
    """Run a command that must be refused; return the line, the rest being checked."""
    here = Path.cwd()
    before = files_in(here)
    with pytest.raises(SystemExit) as end:
        main(shlex.split(command))
    out, err = capsys.readouterr()
    assert end.value.code == 2
    assert out == ""
    assert err.endswith("\n")
    assert len(err.splitlines()) == 1, err
    assert "Traceback" not in err
    assert len(err) < 500
    assert files_in(here) == before
    return err.rstrip("\n")


def check(capsys, command, goes_on):
    name = command.split()[0]
    line = complain(capsys, command)
    assert line.startswith(f"tardigrade {name}: error: {goes_on}"), line


def table(rows):
    return pytest.mark.parametrize(("command", "line"), rows, ids=[command for command, _ in rows])


# --- network files, through every command that reads one ---------------------------------------

FILES = [
    ("missing.json", "missing.json: cannot be read: No such file or directory"),
    ("empty", "empty: expected a network file, such as empty/000.json, got a directory"),
    ("file/net.json", "file/net.json: cannot be read: Not a directory"),
    ("binary.json", "binary.json: expected a text file, got bytes that are not UTF-8"),
    ("empty.json", "empty.json: not valid JSON: Expecting value at line 1, column 1"),
    ("truncated.json", "truncated.json: not valid JSON: "),
    ("nan.json", "nan.json: synapses.weight[1]: expected a finite number of magnitude at most"),
    ("infinity.json", 'infinity.json: not valid JSON: expected numbers, got Infinity; write "inf"'),
    ("deep.json", "deep.json: not valid JSON: nested too deeply"),
    ("endless.json", "endless.json: "),
    ("list.json", "list.json: file: expected a JSON object, got list"),
    ("other.json", "other.json: format: expected 'tardigrade-network', got other-network"),
    ("newer.json", "newer.json: version: expected 1, the only one this release reads, got 2"),
    ("version_true.json", "version_true.json: version: expected 1, the only one this"),
    ("no_encoder_entry.json", "no_encoder_entry.json: encoder: the entry is missing"),
    ("no_weights.json", "no_weights.json: synapses.weight: the column is missing"),
    ("unknown_column.json", "unknown_column.json: neurons.colour: unknown column; expected"),
    ("unknown_encoder.json",
     "unknown_encoder.json: encoder.name: expected one of flip-flop, bins, argyle, rate, latency, "
     "current, population, got poisson"),
    ("negative_delay.json",
     "negative_delay.json: synapses.delay[1]: expected a whole number from 1 to 4096, got -1"),
    ("zero_delay.json",
     "zero_delay.json: synapses.delay[0]: expected a whole number from 1 to 4096, got 0"),
    ("half_delay.json",
     "half_delay.json: synapses.delay[1]: expected a whole number from 1 to 4096, got 1.5"),
    ("short.json", "short.json: synapses.weight: expected 2 values as in synapses.pre, got 1"),
    ("far_index.json",
     "far_index.json: synapses.post[1]: expected an index below 3 (there are 3 neurons), got 7"),
    ("far_channel.json",
     "far_channel.json: input_synapses.channel[1]: expected an index below 5 (there are 5 "
     "channels), got 5"),
    ("text_weight.json", "text_weight.json: synapses.weight[1]: expected a finite number"),
    ("null_weight.json", "null_weight.json: input_synapses.weight[0]: expected a finite number"),
    ("infinite_weight.json", "infinite_weight.json: synapses.weight[1]: expected a finite number"),
]  # fmt: skip


@table(FILES)
def test_network_files(place, capsys, command, line):
    for reader in ("evaluate", "faults --out new", "export --to brian2 --out new.py", "show"):
        if command == "empty" and reader in ("show", "faults --out new"):
            continue  # a directory is a run there
        check(capsys, f"{reader} {command}", line)


UNWIRED = [
    ("unknown_task.json", "unknown_task.json: task: expected one of cartpole"),
    ("no_task.json", "no_task.json: the file names no task; give one with --task"),
    ("good.json --task chess", "--task: expected one of cartpole"),
    ("good.json --task pendulum", "good.json: network.encoder: expected 3 observations as in pend"),
    ("good.json --task gymnasium:Nothing-v1", "gymnasium:Nothing-v1: cannot be made: "),
    ("good.json --task gymnasium:Acrobot-v1",
     "good.json: network.encoder: expected 6 observations as in gymnasium:Acrobot-v1, got 4"),
    ("no_readout.json",
     "no_readout.json: network.readout: expected one to play cartpole, got none"),
    ("three_outputs.json",
     "three_outputs.json: network.outputs: expected 2 neurons for the actions of cartpole, got 3"),
    ("three_values.json",
     "three_values.json: network.encoder: expected 4 observations as in cartpole, got 3"),
]  # fmt: skip


def test_a_task_that_is_not_registered_may_be_ones_own(place, capsys):
    line = complain(capsys, "evaluate unknown_task.json")
    assert line.endswith("; tasks of your own are known only where they are registered")
    assert "of your own" not in complain(capsys, "evaluate three_outputs.json")


@table(UNWIRED)
def test_networks_that_are_not_wired_for_the_task(place, capsys, command, line):
    for user in ("evaluate", "faults --out new", "export --to brian2 --out new.py"):
        check(capsys, f"{user} {command}", line)


# --- each command -----------------------------------------------------------------------------

EVALUATE = [
    ("evaluate", "the following arguments are required: NETWORK.json"),
    ("evaluate good.json other", "unrecognized arguments: other"),
    ("evaluate good.json --episode-count 3", "unrecognized arguments: --episode-count 3"),
    ("evaluate good.json --episodes", "argument --episodes: expected one argument"),
    ("evaluate good.json --episodes 0", "--episodes: expected a whole number from 1 to"),
    ("evaluate good.json --episodes -5", "--episodes: expected a whole number from 1 to"),
    ("evaluate good.json --episodes 1.5", "argument --episodes: invalid int value: '1.5'"),
    ("evaluate good.json --episodes 1e3", "argument --episodes: invalid int value: '1e3'"),
    ("evaluate good.json --episodes many", "argument --episodes: invalid int value: 'many'"),
    ("evaluate good.json --episodes nan", "argument --episodes: invalid int value: 'nan'"),
    ("evaluate good.json --episodes 99999999999", "--episodes: expected a whole number from 1"),
    ("evaluate good.json --gymnasium --task tennlab-easy",
     "task: expected one with a Gymnasium environment (cartpole, mountain-car, mountain-car-contin"
     "uous, acrobot, pendulum, gymnasium:ID), got tennlab-easy"),
    ("evaluate good.json --seed -1", "--seed: expected a whole number from 0 to"),
    ("evaluate good.json --seed 18446744073709551616", "--seed: expected a whole number from 0"),
]  # fmt: skip

EVOLVE = [
    ("evolve", "the following arguments are required: TASK|CONFIG.toml"),
    ("evolve chess", "task: expected one of cartpole"),
    ("evolve ''", "task: expected one of cartpole"),
    ("evolve good.json",
     "task: expected a name, or a configuration file, which ends in .toml, got the file good.json"),
    ("evolve csv:missing.csv", "csv:missing.csv: expected the column with the class:"),
    ("evolve csv:missing.csv?target=y", "missing.csv: cannot be read: No such file or directory"),
    ("evolve csv:", "csv:: expected a name after the colon, got none"),
    ("evolve csv:good.json?target=y&target=z", "csv:good.json?target=y&target=z: expected each op"),
    ("evolve idx:empty", "empty/train-images-idx3-ubyte: cannot be read: No such file"),
    ("evolve idx:missing", "missing/train-images-idx3-ubyte: cannot be read: No such file"),
    ("evolve idx:", "idx:: expected a name after the colon, got none"),
    ("evolve gymnasium:Nothing-v1", "gymnasium:Nothing-v1: cannot be made: Environment `Nothing`"),
    ("evolve gymnasium:", "gymnasium:: expected a name after the colon, got none"),
    ("evolve gymnasium:CartPole-v1?worst", "gymnasium:CartPole-v1?worst: expected ?option=value&"),
    ("evolve gymnasium:Pendulum-v1",
     "gymnasium:Pendulum-v1: the environment declares no score that counts as solved; give one:"),
    ("evolve gymnasium:Blackjack-v1", "gymnasium:Blackjack-v1: observation space: expected a Box,"),
    ("evolve gym:CartPole-v1", "task: expected one of cartpole"),
    ("evolve pendulum --set readout.name=winner-takes-all",
     "readout winner-takes-all: expected one choice, got continuous values: [-2, 2]"),
    ("evolve cartpole --set readout.name=rate",
     "readout rate: expected continuous values, got choices: 2"),
    ("evolve missing.toml", "missing.toml: cannot be read: No such file or directory"),
    ("evolve broken.toml", "broken.toml: not valid TOML: "),
    ("evolve typo.toml", "typo.toml: unknown key in run: run.sed; did you mean run.seed?"),
    ("evolve no_task.toml", "no_task.toml: run.task: expected the name of a task, got none"),
    ("evolve cartpole --population 1", "evolution.population: expected a whole number from 2"),
    ("evolve cartpole --population 0", "evolution.population: expected a whole number from 2"),
    ("evolve cartpole --population -8", "evolution.population: expected a whole number from 2"),
    ("evolve cartpole --population 99999999", "evolution.population: expected a whole number"),
    ("evolve cartpole --population 2.5", "argument --population: invalid int value: '2.5'"),
    ("evolve cartpole --generations -1", "evolution.generations: expected a whole number from 0"),
    ("evolve cartpole --generations ten", "argument --generations: invalid int value: 'ten'"),
    ("evolve cartpole --evaluations 0", "evolution.evaluations: expected a whole number from 1"),
    ("evolve cartpole --seed -1", "run.seed: expected a whole number from 0"),
    ("evolve cartpole --seed x", "argument --seed: invalid int value: 'x'"),
    ("evolve cartpole --workers 0", "run.workers: expected a whole number from 1"),
    ("evolve cartpole --workers 99999", "run.workers: expected a whole number from 1 to 1024"),
    ("evolve cartpole --set", "argument --set: expected one argument"),
    ("evolve --seed-network good.json", "the following arguments are required: TASK|CONFIG.toml"),
    ("evolve cartpole --seed-network full",
     "full: expected a network file, such as full/000.json, got a directory"),
    ("evolve cartpole --set run=3", "--set: expected section.key=value, got run=3"),
    ("evolve cartpole --set run.seed", "--set: expected section.key=value, got run.seed"),
    ("evolve cartpole --set rum.seed=1", "unknown section: rum; did you mean run?"),
    ("evolve cartpole --set space.denstiy=1", "unknown key in space: space.denstiy; did you mean "
                                              "space.density?"),
    ("evolve cartpole --set space.dt=nan", "space.dt: expected a number from"),
    ("evolve cartpole --set encoder.name=poisson", "encoder.name: expected one of flip-flop,"),
    ("evolve cartpole --set resilience.draws=0",
     "resilience.draws: expected at least 1, as resilience is an objective, got 0"),
    ("evolve cartpole --set resilience.severity=high", "resilience.severity"),
    ("evolve cartpole --set resilience.model=rust", "resilience.model: expected one of the"),
    (f"evolve cartpole {QUICK} --out full",
     "full: expected a new or empty directory, got one with files in it"),
    (f"evolve cartpole {QUICK} --out file", "file: expected a new or empty directory, got a file"),
    (f"evolve cartpole {QUICK} --out file/run", "file/run: cannot be made: Not a directory"),
]  # fmt: skip

FAULTS = [
    ("faults --out new", "NETWORK.json: expected at least one network, got none"),
    ("faults good.json", "--out: expected a directory, got none"),
    ("faults good.json --out new --model rust", "model: expected one of the 43 of tardigra"),
    ("faults good.json --out new --model ''", "model: expected one of the 43 of tardigra"),
    ("faults good.json --out new --model all --model gaussian", "model: expected one of the 43 "),
    ("faults good.json --out new --model gaussian:bits=3",
     "model gaussian: expected parameters (none), got bits=3"),
    ("faults good.json --out new --model gaussian:name=3",
     "model gaussian: expected parameters (none), got name=3"),
    ("faults good.json --out new --model bit-flip:bytes=3",
     "model bit-flip: expected parameters bits, protected, zeros, ones, got bytes=3"),
    ("faults good.json --out new --model bit-flip:bits=1",
     "model bit-flip: bits: expected a whole number from 2 to 32, got 1"),
    ("faults good.json --out new --model bit-flip:bits=x",
     "model bit-flip: bits: expected a number, got x"),
    ("faults good.json --out new --model bit-flip:bits=2.5", "model bit-flip: bits: expected a"),
    ("faults good.json --out new --model bit-flip:bits", "model bit-flip: bits: expected a number"),
    ("faults good.json --out new --model bit-flip:bits=--8", "model bit-flip: bits: expected a"),
    ("faults good.json --out new --model gaussian --model gaussian",
     "model: expected each fault model once, got gaussian, gaussian"),
    ("faults good.json --out new --model bit-flip --model bit-flip:bits=8",
     "model: expected each fault model once, got bit-flip, bit-flip:bits=8"),
    ("faults good.json --out new --severity x", "--severity: expected numbers A,B,... or LOW.."),
    ("faults good.json --out new --severity 0.1,", "--severity: expected numbers A,B,..."),
    ("faults good.json --out new --severity nan", "--severity: expected distinct numbers"),
    ("faults good.json --out new --severity inf", "--severity: expected distinct numbers"),
    ("faults good.json --out new --severity -1,0.5",
     "--severity: expected distinct numbers of at least 0, got -1,0.5"),
    ("faults good.json --list", "NETWORK.json: expected none beside --list, got good.json"),
    ("faults good.json --out new --severity=-0.1", "--severity: expected distinct numbers"),
    ("faults good.json --out new --severity 0.1,0.1", "--severity: expected distinct numbers"),
    ("faults good.json --out new --severity 0..1:5", "--severity: expected numbers A,B,..."),
    ("faults good.json --out new --severity 1..0.1:5", "--severity: expected numbers A,B,..."),
    ("faults good.json --out new --severity 0.1..1", "--severity: expected numbers A,B,..."),
    ("faults good.json --out new --severity 0.1..1:1", "--severity: expected numbers A,B,..."),
    ("faults good.json --out new --severity 0.1..1:1000000", "--severity: expected numbers A,B"),
    ("faults good.json --out new --draws 1 --episodes 1 --severity 1..1.0000001:3",
     "--severity: expected distinct numbers"),
    ("faults good.json --out new --model dead-synapse --severity 2",
     "severity of dead-synapse: expected a number from 0 to 1, got 2"),
    ("faults good.json --out new --site nowhere", "site: expected one of all, synapses, input-"),
    ("faults good.json --out new --site neurons --model gaussian",
     "site of gaussian: expected one that synapses have (all, synapses, input-synapses), "
     "got neurons"),
    ("faults good.json --out new --site channels", "site of gaussian: expected one that synapses"),
    ("faults good.json --out new --group crowd", "site group: expected one of site, row, column"),
    ("faults good.json --out new --group row --model dead-neuron",
     "site of dead-neuron: expected one that neurons have, got all by row"),
    ("faults good.json --out new --single --group row", "site group: expected site, for faults"),
    ("faults good.json --out new --time never", "time: expected one of permanent, upset, window"),
    ("faults good.json --out new --time upset:tick=-2", "time upset: tick: expected a whole num"),
    ("faults good.json --out new --time window:ticks=0", "time window: ticks: expected a whole"),
    ("faults good.json --out new --time window:ticks=nan", "time window: ticks: expected a whole"),
    ("faults good.json --out new --time intermittent:up=3",
     "time intermittent: expected parameters on, off, got up=3"),
    ("faults good.json --out new --single --model gaussian",
     "model gaussian: expected one with single faults, got noise everywhere"),
    ("faults good.json --out new --single --model all --site channels --group cluster",
     "site group: expected site, for faults one by one, got cluster"),
    ("faults spiking.json --task cartpole --out new --single --site input-synapses "
     "--model dead-synapse",
     "spiking.json: model dead-synapse: expected sites that can have it, got a network without "
     "input synapses"),
    ("faults spiking.json --task cartpole --out new --site hidden --model dead-neuron",
     "spiking.json: model dead-neuron: expected sites that can have it, got a network without "
     "hidden neurons"),
    ("faults good.json --out new --site inputs --model dead-neuron",
     "good.json: model dead-neuron: expected sites that can have it, got a network without "
     "input neurons"),
    ("faults good.json --out new --single --severity 0.1", "--severity: expected none beside --si"),
    ("faults good.json --out new --single --draws 9", "--draws: expected none beside --single"),
    ("faults good.json --out new --margin 0.1", "--margin: expected none without --single, got 0"),
    ("faults good.json --out new --most 9", "--most: expected none without --single, got 9"),
    ("faults good.json --out new --confidence 0.9", "--confidence: expected none without --si"),
    ("faults good.json --out new --single --margin 0", "margin: expected a number from 1e-06 to 1"),
    ("faults good.json --out new --single --margin nan", "margin: expected a number from 1e-06"),
    ("faults good.json --out new --single --margin x", "argument --margin: invalid float value"),
    ("faults good.json --out new --single --confidence 1", "confidence: expected a number from 0"),
    ("faults good.json --out new --single --most 0", "most: expected a whole number from 1"),
    ("faults good.json --out new --single --most 1e9", "argument --most: invalid int value"),
    ("faults good.json --out new --precision 0", "precision: expected a number from 1e-09"),
    ("faults good.json --out new --precision inf", "precision: expected a number from 1e-09"),
    ("faults good.json --out new --draws 0", "draws: expected a whole number from 1"),
    ("faults good.json --out new --draws -1", "draws: expected a whole number from 1"),
    ("faults good.json --out new --draws 1.5", "argument --draws: invalid int value: '1.5'"),
    ("faults good.json --out new --draws 99999999999", "draws: expected a whole number from 1"),
    ("faults good.json --out new --episodes 0", "episodes: expected a whole number from 1"),
    ("faults good.json --out new --episodes=-1", "episodes: expected a whole number from 1"),
    ("faults good.json --out new --episodes 99999999999", "episodes: expected a whole number"),
    ("faults good.json --out new --seed -1", "seed: expected a whole number from 0"),
    ("faults good.json --out new --workers 0", "workers: expected a whole number from 1"),
    ("faults good.json good.json --out new", "good.json: expected each network once"),
    ("faults empty --out new", "empty: expected a network file, or a run with networks in front/"),
    ("faults good.json spiking.json --out new", "spiking.json: the file names no task"),
    ("faults missing.toml --out new", "missing.toml: cannot be read: No such file or directory"),
    ("faults broken.toml --out new", "broken.toml: not valid TOML: "),
    ("faults typo.toml --out new", "typo.toml: key: expected one of networks, models, "),
    ("faults typo.toml good.json --out new", "campaign: expected one campaign file, or networks"),
    ("faults good.json missing.json --out new", "missing.json: cannot be read: No such file"),
    ("faults good.json --draws 2 --out full", "full: expected a new or empty directory, got one"),
    ("faults good.json --draws 2 --out file", "file: expected a new or empty directory, got a fi"),
    ("faults good.json --draws 2 --out file/new", "file/new: cannot be made: Not a directory"),
]  # fmt: skip

EXPORT = [
    ("export good.json --out new.py", "the following arguments are required: --to"),
    ("export good.json --to brian2", "the following arguments are required: --out"),
    ("export good.json --to neuron --out new.py", "--to: expected "),
    ("export good.json --to brian2 --out new.py --decisions 0", "--decisions: expected a whole"),
    ("export good.json --to brian2 --out new.py --seed -1", "--seed: expected a whole number"),
    ("export good.json --to brian2 --out ./good.json",
     "--out: expected another file than the network, got ./good.json"),
    ("export good.json --to brian2 --decisions 2 --out no/new.py",
     "no/new.py: cannot be written: No such file or directory"),
    ("export good.json --to brian2 --decisions 2 --out empty",
     "empty: cannot be written: Is a directory"),
    ("export good.json --to brian2 --decisions 2 --out file/new.py",
     "file/new.py: cannot be written: Not a directory"),
]  # fmt: skip

SHOW = [
    ("show", "the following arguments are required: NETWORK.json|RUN_DIR"),
    ("show nothing", "nothing: cannot be read: No such file or directory"),
    ("show empty", f"empty: {NO_RUN}, got a directory without config.toml"),
    ("show good.json --out picture.gif", "--out: expected a name that ends in .png, .svg, .pdf"),
    ("show good.json --out picture", "--out: expected a name that ends in .png, .svg, .pdf"),
    ("show good.json --out no/picture.png", "no/picture.png: cannot be written: No such file"),
    ("show good.json --out file/picture.png", "file/picture.png: cannot be written: Not a dir"),
    ("show good.json --raster", "--raster: expected a file to draw into, given with --out, got"),
    ("show spiking.json --raster --out p.png", "spiking.json: the file names no task"),
    ("show three_outputs.json --raster --out p.png", "three_outputs.json: network.outputs: "),
    ("show good.json --seed 3", "--seed: expected none without --raster, got 3"),
    ("show full --seed 3", "--seed: expected none without --raster, got 3"),
    ("show good.json --raster --seed -1 --out p.png", "--seed: expected a whole number from 0"),
]  # fmt: skip

RESUME = [
    ("resume", "the following arguments are required: RUN_DIR"),
    ("resume nothing", f"nothing: {NO_RUN}, got nothing of that name"),
    ("resume empty", f"empty: {NO_RUN}, got a directory without config.toml"),
    ("resume file", f"file: {NO_RUN}, got a file"),
    ("resume empty --workers x", "argument --workers: invalid int value: 'x'"),
]  # fmt: skip

TASKS_ = [
    ("tasks cartpole", "unrecognized arguments: cartpole"),
    ("tasks --jsno", "unrecognized arguments: --jsno"),
]


@table([*EVALUATE, *EVOLVE, *FAULTS, *EXPORT, *SHOW, *RESUME, *TASKS_])
def test_invocations(place, capsys, command, line):
    name = command.split()[0]
    complaint = complain(capsys, command)
    # argparse reports what it does not recognise in the name of the whole program.
    known = (f"tardigrade {name}: error: {line}", f"tardigrade: error: {line}")
    assert complaint.startswith(known), complaint


@pytest.mark.parametrize("command", ["evolv", "EVOLVE", "", "-x", "--jsonn"])
def test_commands_that_do_not_exist(place, capsys, command):
    line = complain(capsys, shlex.quote(command))
    assert line.startswith("tardigrade: error: ")
    assert line.endswith("(see tardigrade --help)")


def test_json_complains_in_the_same_way(place, capsys):
    check(capsys, "evaluate missing.json --json", "missing.json: cannot be read: No such file")


def test_the_process_behaves_alike(place):
    for arguments, line in (
        (
            ["evaluate", "missing.json", "--json"],
            "missing.json: cannot be read: No such file or directory",
        ),
        (["evolve", "cartpole", "--out", "file/run"], "file/run: cannot be made: Not a directory"),
    ):
        done = subprocess.run(
            [Path(sys.executable).with_name("tardigrade"), *arguments],
            capture_output=True, text=True, cwd=place,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"tardigrade {arguments[0]}: error: {line}\n"


# --- run directories --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path = tmp_path_factory.mktemp("finished") / "run"
    assert main(["evolve", "cartpole", *shlex.split(QUICK), "--out", str(path)]) == 0
    return files_in(path)


@pytest.fixture
def run(finished, place):
    """A copy of a finished run, to be damaged."""
    for name, content in sorted(finished.items()):
        if content is None:
            (place / "run" / name).mkdir(parents=True)
        else:
            (place / "run" / name).write_bytes(content)
    return place / "run"


def spiking(config):
    """Another encoder, and more generations to evolve with it."""
    for old, new in (
        (b'"current"', b'"flip-flop"'), (b"ticks = 10", b"ticks = 24"),
        (b"generations = 1", b"generations = 3"),
    ):  # fmt: skip
        assert old in config
        config = config.replace(old, new)
    return config


DAMAGE = [
    # (file, how it is changed, command, line)
    ("config.toml", None, "resume run", f"run: {NO_RUN}, got a directory without config.toml"),
    ("config.toml", lambda b: b[:50], "resume run", "run/config.toml: "),
    ("config.toml", lambda b: b.replace(b"seed = 1", b"sed = 1"), "resume run",
     "run/config.toml: unknown key in run: run.sed; did you mean run.seed?"),
    ("config.toml", lambda b: b.replace(b"population = 8", b"population = 1"), "resume run",
     "run/config.toml: evolution.population: expected a whole number from 2"),
    ("checkpoint/state.npz", None, "resume run",
     "run/checkpoint/state.npz: cannot be read: No such file or directory"),
    ("checkpoint/state.npz", lambda b: b"", "resume run",
     "run/checkpoint/state.npz: not a readable checkpoint"),
    ("checkpoint/state.npz", lambda b: b[:-100], "resume run",
     "run/checkpoint/state.npz: not a readable checkpoint"),
    ("checkpoint/state.npz", lambda b: b"garbage", "resume run",
     "run/checkpoint/state.npz: not a readable checkpoint"),
    # The checkpoint belongs to another configuration.
    ("config.toml", lambda b: b.replace(b'    "size",\n', b""), "resume run",
     "run/config.toml: objectives.names: expected ['score', 'size', 'resilience'] as when"),
    ("config.toml", spiking, "resume run",
     "run/config.toml: encoder.name: expected current as when the run began, got flip-flop"),
    ("config.toml", lambda b: b.replace(b"seed = 1", b"seed = 2"), "resume run",
     "run/config.toml: run.seed: expected 1 as when the run began, got 2"),
    ("config.toml", lambda b: b.replace(b"\ngenerations = 1", b"\ngenerations = 0"), "resume run",
     "run/config.toml: evolution.generations: expected at least 1, which the run has reached, got"),
    ("checkpoint/config.toml", None, "resume run", "run/checkpoint/config.toml: cannot be read"),
    ("config.toml", None, "show run", f"run: {NO_RUN}, got a directory without config.toml"),
    ("manifest.json", None, "show run",
     "run: the run is not finished; go on with: tardigrade resume run"),
    ("manifest.json", lambda b: b[:40], "show run", "run: not the directory of a finished run"),
    ("manifest.json", lambda b: b"[]", "show run", "run: not the directory of a finished run"),
    ("manifest.json", lambda b: b"{}", "show run", "run: not the directory of a finished run"),
    ("front.csv", None, "show run", "run/front.csv: cannot be read: No such file"),
    ("front.csv", lambda b: b.replace(b".json,", b".json,many,"), "show run",
     "run: not the directory of a finished run"),
    ("front.csv", lambda b: b.splitlines()[0] + b"\nfront/000.json,2\n", "show run",
     "run: not the directory of a finished run"),
    ("front.csv", lambda b: b.splitlines()[0] + b"\n", "show run --out pareto.png",
     "run: the front is empty, there is nothing to draw"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "change", "command", "line"), DAMAGE,
    ids=[f"{k} {file} {command}" for k, (file, _, command, _) in enumerate(DAMAGE)],
)  # fmt: skip
def test_damaged_run_directories(run, capsys, file, change, command, line):
    if change is None:
        (run / file).unlink()
    else:
        before = (run / file).read_bytes()
        (run / file).write_bytes(change(before))
        assert (run / file).read_bytes() != before
    check(capsys, command, line)


@pytest.mark.parametrize("command", ["show .", "resume ."])
def test_a_directory_of_runs_is_none(run, capsys, command):
    line = f".: {NO_RUN}, got a directory without config.toml; did you mean run?"
    check(capsys, command, line)


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(b"garbage")])
def test_a_run_whose_checkpoint_is_lost_can_be_repeated(run, capsys, damage):
    damage(run / "checkpoint" / "state.npz")
    advice = complain(capsys, "resume run").partition("; repeat the run with: tardigrade ")[2]
    assert advice == "evolve run/config.toml --out NEW"
    assert main(shlex.split(advice)) == 0
    assert Path("NEW/front.csv").read_bytes() == (run / "front.csv").read_bytes()


def test_the_run_is_fine_before_it_is_damaged(run, capsys):
    for command in ("show run", "resume run"):
        assert main(shlex.split(command)) == 0
    assert capsys.readouterr().err == ""
