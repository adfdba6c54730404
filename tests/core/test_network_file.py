"""Network files: exact in both directions; anything malformed is one line, never a traceback."""

import copy
import json
import os
import random
import stat

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import controllers, examples, networks

from neuro import (
    Current,
    FlipFlop,
    InputError,
    Network,
    WinnerTakesAll,
    load,
    same_network,
    save,
)
from neuro.network_file import from_json, to_json

EXACT = [0.1 + 0.2, 1 / 3, 5e-324, 2.2250738585072014e-308, -0.0, 9007199254740993.0, 1e100,
         1e22, 123456789.12345678, 4.9406564584124654e-324, 0.30000000000000004]  # fmt: skip


def example():
    return Network.build(
        {"tau_mem": [np.inf, 20.0, 0.0, 0.1 + 0.2], "v_min": [-np.inf, -1.0, 0.0, -2.0],
         "v_threshold": [1.0, np.inf, 0.5, 1e-3], "reset": ["to_value", "subtract"] * 2},
        [(0, 1, 0.1 + 0.2, 1), (0, 1, -0.5, 70), (2, 2, 1e-300, 3)],
        inputs=[1, 0, 2, 3], outputs=[3, 1], encoder=FlipFlop(scale=(2.4, 0.209), gain=0.7),
        readout=WinnerTakesAll(), task="cartpole", provenance={"seed": 1, "by": ["a", None, 2.5]},
    )  # fmt: skip


def graded():
    return Network.build(
        2, [(1, 0, 1.0, 1)], input_synapses=[(0, 1, 0.5), (1, 0, -0.5)], outputs=[0, 1],
        encoder=Current(scale=(2.0,)), readout=WinnerTakesAll(),
    )  # fmt: skip


def bits(network):
    """Every float of a network as bits, so that -0.0 and 0.0 differ."""
    tables = (network.neurons, network.synapses, network.input_synapses)
    arrays = [a for table in tables for a in vars(table).values() if a.dtype == np.float64]
    return [a.view(np.int64).tolist() for a in arrays]


@examples(300)
@given(st.one_of(networks(), controllers()))
def test_round_trip_is_exact(network):
    text = to_json(network)
    again = from_json(text)
    assert same_network(network, again)
    assert bits(network) == bits(again)
    assert to_json(again) == text


@pytest.mark.parametrize("value", EXACT)
def test_numbers_survive_exactly(value, tmp_path):
    network = Network.build({"bias": [value, -value]}, [(0, 1, value, 1)], dt=max(value, 0.1 + 0.2)
                            if value < 1e9 else 1.0)  # fmt: skip
    again = load(save(network, tmp_path / "n.json"))
    assert bits(again) == bits(network)
    assert again.dt == network.dt


@examples(200)
@given(st.lists(st.floats(-1e100, 1e100), min_size=1, max_size=5))
def test_any_double_survives(values):
    network = Network.build({"v_leak": values})
    assert bits(from_json(to_json(network))) == bits(network)


def test_infinities_and_keys_are_strings():
    data = json.loads(to_json(example()), parse_constant=pytest.fail)
    assert data["neurons"]["tau_mem"][0] == "inf"
    assert data["neurons"]["v_min"][0] == "-inf"
    assert data["neurons"]["key"][:2] == ["0000000000000001", "0000000000000002"]


def test_provenance_and_settings_survive(tmp_path):
    network = example()
    again = load(save(network, tmp_path / "n.json"))
    assert again.provenance == network.provenance
    assert (again.encoder, again.readout, again.task) == (
        network.encoder, network.readout, network.task,
    )  # fmt: skip


def test_empty_network_survives():
    assert same_network(from_json(to_json(Network.build(0))), Network.build(0))


@pytest.mark.parametrize("provenance", [{"x": float("nan")}, {"x": object()}, {"x": [np.inf]}])
def test_provenance_that_json_cannot_hold_is_refused(provenance, tmp_path):
    """At the latest when saving, and then no half-written file is left."""
    with pytest.raises(InputError, match=r"provenance"):
        save(Network.build(1, provenance=provenance), tmp_path / "n.json")
    assert list(tmp_path.iterdir()) == []


# --- files that are wrong --------------------------------------------------------------------


def changed(*where_and_value, of=example):
    """The JSON text of a good file with one entry replaced; REMOVED takes it out."""
    *where, value = where_and_value
    data = json.loads(to_json(of()))
    place = data
    for step in where[:-1]:
        place = place[step]
    if value is REMOVED:
        del place[where[-1]]
    else:
        place[where[-1]] = value
    return json.dumps(data)


def replaced(old, new, of=example):
    text = to_json(of())
    assert old in text
    return text.replace(old, new, 1)


REMOVED = object()

MALFORMED = {
    "empty file": ("", "not valid JSON"),
    "white space": (" \n ", "not valid JSON"),
    "truncated": (to_json(example())[:200], "not valid JSON"),
    "garbage": ("hello", "not valid JSON"),
    "trailing": (to_json(example()) + "{}", "not valid JSON: Extra data"),
    "deep": ("[" * 100_000, "not valid JSON: nested too deeply"),
    "byte order mark": ("\ufeff" + to_json(example()), "not valid JSON"),
    "a list": ("[]", "file: expected a JSON object, got list"),
    "a number": ("3", "file: expected a JSON object, got int"),
    "null": ("null", "file: expected a JSON object, got NoneType"),
    "NaN": (replaced("0.30000000000000004", "NaN"), "neurons.tau_mem[3]: expected a num"),
    "Infinity": (replaced('"inf"', "Infinity"), 'got Infinity; write "inf"'),
    "-Infinity": (replaced('"-inf"', "-Infinity"), "got -Infinity"),
    "overflow": (replaced('"inf"', "1e400"), "expected"),
    "overflow elsewhere": (replaced("2.5]", "1e400]"), "expected"),
    "huge integer": (replaced("-0.5", "9" * 5000), "expected"),
    "integer beyond 64 bits": (changed("synapses", "pre", 0, 10**30), "synapses.pre[0]: expected"),
    "index beyond 64 bits": (changed("inputs", 0, 10**30), "inputs[0]: expected"),
    "repeated entry": (replaced('"dt": 1.0', '"dt": 1.0, "dt": 2.0'), "dt"),
    "repeated column": (replaced('"delay":', '"delay": [1, 1, 1], "delay":'), "delay"),
    "no format": (changed("format", REMOVED), "format: expected 'tardigrade-network', got None"),
    "other format": (changed("format", "nir"), "format: expected 'tardigrade-network', got nir"),
    "unknown version": (changed("version", 2), "version: expected 1, the only one this release"),
    "version is a bool": (changed("version", True), "version: expected 1"),
    "version is text": (changed("version", "1"), "version: expected 1"),
    "no version": (changed("version", REMOVED), "version: expected 1"),
    "missing entry": (changed("readout", REMOVED), "readout: the entry is missing"),
    "unknown entry": (changed("extra", 1), "extra: unknown entry; expected format, version"),
    "newline in a name": (changed("a\nb", 1), "unknown entry"),
    "newline in a column": (changed("neurons", "a\nb", []), "unknown column"),
    "newline in a parameter": (changed("encoder", "a\nb", []), "unknown parameter"),
    "neurons is a number": (changed("neurons", 4), "neurons: expected a table with the columns"),
    "neurons is a list": (changed("neurons", []), "neurons: expected a table with the columns"),
    "synapses is a list": (changed("synapses", []), "synapses: expected a table of columns"),
    "input synapses is null": (changed("input_synapses", None), "input_synapses: expected a tab"),
    "inputs is a number": (changed("inputs", 1), "inputs: expected a list of neuron indices"),
    "inputs is text": (changed("outputs", "01"), "outputs: expected a list of neuron indices"),
    "missing column": (changed("neurons", "bias", REMOVED), "neurons.bias: the column is missing"),
    "missing synapse column": (changed("synapses", "delay", REMOVED), "synapses.delay: the column"),
    "unknown column": (changed("neurons", "tau", [1] * 4), "neurons.tau: unknown column; expected"),
    "scalar column": (changed("neurons", "bias", 0.0), "neurons.bias: expected a list, got 0.0"),
    "text column": (changed("neurons", "bias", "0000"), "neurons.bias: expected a list, got 0000"),
    "column is a table": (changed("neurons", "bias", {"0": 1}), "neurons.bias"),
    "lengths differ": (changed("neurons", "bias", [0.0]), "neurons.bias: expected 4 values as in"),
    "synapse lengths": (changed("synapses", "weight", [0.5]), "synapses.weight: expected 3 values"),
    "negative delay": (changed("synapses", "delay", 0, -1), "synapses.delay[0]: expected a whole"),
    "zero delay": (changed("synapses", "delay", 1, 0), "delay[1]: expected a whole number from 1"),
    "fractional delay": (changed("synapses", "delay", 2, 1.5), "delay[2]: expected a whole number"),
    "long delay": (changed("synapses", "delay", 0, 5000), "whole number from 1 to 4096, got 5000"),
    "bool as delay": (changed("synapses", "delay", 0, True), "synapses.delay[0]: expected a whole"),
    "text as weight": (changed("synapses", "weight", 0, "0.5"), "synapses.weight[0]: expected a f"),
    "null as weight": (changed("synapses", "weight", 0, None), "synapses.weight[0]: expected a fi"),
    "infinite weight": (changed("synapses", "weight", 0, "inf"), "synapses.weight[0]: expected a "),
    "wrong infinity": (changed("neurons", "tau_mem", 0, "-inf"), "neurons.tau_mem[0]: expected a"),
    "negative tau": (changed("neurons", "tau_mem", 0, -1), "neurons.tau_mem[0]: expected a number"),
    "reset rule": (changed("neurons", "reset", 0, "zero"), "neurons.reset[0]: expected one of to_"),
    "reset rule by number": (changed("neurons", "reset", 0, 0), "neurons.reset[0]: expected one"),
    "short key": (changed("neurons", "key", 0, "1"), "neurons.key[0]: expected a neuron key: 16"),
    "upper-case key": (changed("neurons", "key", 0, "A" * 16), "neurons.key[0]: expected a neuron"),
    "duplicate key": (changed("neurons", "key", 1, "0" * 15 + "1"), "neurons.key[1]: expected dis"),
    "pre out of range": (changed("synapses", "pre", 0, 4), "synapses.pre[0]: expected an index be"),
    "negative post": (changed("synapses", "post", 0, -1), "synapses.post[0]: expected a whole num"),
    "input out of range": (changed("inputs", 3, 4), "inputs[3]: expected an index below 4"),
    "output twice": (changed("outputs", [1, 1]), "outputs[1]: expected distinct values, got that"),
    "wrong number of inputs": (changed("inputs", [0]), "inputs: expected 4 neurons, one per chan"),
    "channel out of range": (
        changed("input_synapses", "channel", 1, 2, of=graded), "input_synapses.channel[1]: expec"),
    "duplicate synapse": (
        changed("synapses", "delay", [1, 1, 3]), "synapses[1]: expected distinct synapses, got th"),
    "duplicate input synapse": (
        changed("input_synapses", {"channel": [0, 0], "post": [1, 1], "weight": [1, 2]}, of=graded),
        "input_synapses[1]: expected distinct synapses"),
    "dt zero": (changed("dt", 0), "dt: expected a number from 1e-09 to 1e+09, got 0"),
    "dt null": (changed("dt", None), "dt: expected a number from 1e-09 to 1e+09, got None"),
    "encoder is text": (changed("encoder", "current"), "encoder: expected a table with a name"),
    "encoder without name": (changed("encoder", "name", REMOVED), "encoder: expected a table with"),
    "unknown encoder": (changed("encoder", "name", "morse"), "encoder.name: expected one of flip-"),
    "encoder name is a list": (changed("encoder", "name", ["x"]), "encoder.name: expected one of"),
    "unknown parameter": (changed("encoder", "rate", 1), "encoder.rate: unknown parameter of flip"),
    "missing parameter": (changed("encoder", "scale", REMOVED), "encoder.scale: the parameter is"),
    "empty scale": (changed("encoder", "scale", []), "encoder.scale: expected a list of at least"),
    "zero scale": (changed("encoder", "scale", 1, 0), "encoder.scale[1]: expected a number from 1"),
    "scale is a number": (changed("encoder", "scale", 1.0), "encoder.scale: expected a list of at"),
    "fractional ticks": (changed("encoder", "ticks", 24.5), "encoder.ticks: expected a whole numb"),
    "too many spikes": (changed("encoder", "spikes", 9), "encoder.spikes: expected a whole number"),
    "period zero": (changed("encoder", "period", 0), "encoder.period: expected a whole number fro"),
    "gain is text": (changed("encoder", "gain", "1"), "encoder.gain: expected a number from"),
    "unknown readout": (changed("readout", "name", "max"), "readout.name: expected one of winner-"),
    "readout parameter": (changed("readout", "k", 1), "readout.k: unknown parameter of winner-tak"),
    "task is a number": (changed("task", 3), "task: expected a name or null, got 3"),
    "provenance is a list": (changed("provenance", []), "provenance: expected a table, got []"),
}  # fmt: skip


def refusal(path):
    with pytest.raises(InputError) as error:
        load(path)
    line = str(error.value)
    assert line.startswith(str(path).replace("\0", "\\x00") + ": ")
    assert len(line.splitlines()) == 1
    return line


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_file_is_one_line(case, tmp_path):
    text, expected = MALFORMED[case]
    path = tmp_path / "network.json"
    path.write_text(text, encoding="utf-8")
    assert expected in refusal(path)


def test_the_unchanged_example_is_accepted():
    """Otherwise the table above would prove nothing."""
    assert same_network(from_json(changed("task", "cartpole")), example())
    assert same_network(from_json(changed("task", None, of=graded)), graded())


def test_missing_and_unreadable_files(tmp_path):
    assert "cannot be read: No such file" in refusal(tmp_path / "missing.json")
    assert "cannot be read: Is a directory" in refusal(tmp_path)
    binary = tmp_path / "binary.json"
    binary.write_bytes(bytes(range(256)))
    assert "expected a text file" in refusal(binary)
    with pytest.raises(InputError, match=r"^with\\x00zero.json: cannot be read: "):
        load("with\0zero.json")


# --- fuzz ------------------------------------------------------------------------------------

JUNK = [
    None, True, False, 0, 1, -1, 2, 1.5, -0.0, 1e308, 1e400, float("nan"), 10**30, -(10**30), 2**63,
    2**64, "", "inf", "-inf", "x", "a\nb", "\ud800", "é" * 200, [], {}, [None], [[]], [[1, 2]],
    {"name": "current"}, {"name": None}, [1, "x"], {"a\r\nb": 1}, ["inf"] * 3, [0] * 50,
]  # fmt: skip


def mutate(tree, rng):
    """Replace, drop, repeat or add something at a random place of a JSON tree, in place."""
    place = tree
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return
        key = rng.choice(keys)
        if isinstance(place[key], (dict, list)) and place[key] and rng.random() < 0.8:
            place = place[key]
            continue
        break
    action = rng.random()
    if action < 0.6:
        place[key] = copy.deepcopy(rng.choice(JUNK))
    elif action < 0.8:
        del place[key]
    elif isinstance(place, dict):
        place[rng.choice(["x", "a\nb", "", "name", "\u2028"])] = copy.deepcopy(rng.choice(JUNK))
    else:
        place.insert(rng.randrange(len(place) + 1), copy.deepcopy(rng.choice([*JUNK, place[key]])))


def accepts_or_refuses(path, content):
    path.write_bytes(content)
    try:
        network = load(path)
    except InputError as error:
        line = str(error)
        assert line.startswith(str(path).replace("\0", "\\x00") + ": ")
        assert len(line.splitlines()) == 1
        return False
    # What was accepted can be saved and read again.
    assert same_network(from_json(to_json(network)), network)
    return True


@pytest.mark.parametrize("seed", range(20))
def test_fuzzed_trees(seed, tmp_path):
    rng = random.Random(seed)
    sources = [to_json(example()), to_json(graded())]
    accepted = 0
    for _ in range(150):
        tree = json.loads(rng.choice(sources))
        for _ in range(rng.choice((1, 1, 1, 2, 5))):
            mutate(tree, rng)
        accepted += accepts_or_refuses(tmp_path / "n.json", json.dumps(tree).encode())
    assert 0 < accepted < 150


@pytest.mark.parametrize("seed", range(10))
def test_fuzzed_bytes(seed, tmp_path):
    rng = random.Random(1000 + seed)
    content = to_json(rng.choice((example(), graded()))).encode()
    for _ in range(150):
        data = bytearray(content)
        if rng.random() < 0.5:
            del data[rng.randrange(len(data)) :]
        for _ in range(rng.choice((0, 1, 3))):
            if data:
                data[rng.randrange(len(data))] = rng.choice(b'\x00\n"{}[],:-+.e019\xff \x80a')
        accepts_or_refuses(tmp_path / "n.json", bytes(data))


# --- writing ---------------------------------------------------------------------------------


def test_saving_replaces_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "n.json"
    save(example(), path)
    assert save(graded(), path) == path
    assert same_network(load(path), graded())
    assert [p.name for p in tmp_path.iterdir()] == ["n.json"]


def test_permissions_are_those_of_an_ordinary_file(tmp_path):
    plain = tmp_path / "plain"
    plain.touch()
    saved = save(example(), tmp_path / "n.json")
    assert stat.S_IMODE(saved.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def cannot_save(path):
    with pytest.raises(InputError) as error:
        save(example(), path)
    line = str(error.value)
    assert line.startswith(str(path).replace("\0", "\\x00") + ": cannot be written: ")
    assert len(line.splitlines()) == 1


def test_saving_where_it_cannot_be_written(tmp_path):
    cannot_save(tmp_path / "missing" / "n.json")
    file = tmp_path / "file"
    file.touch()
    cannot_save(file / "n.json")
    directory = tmp_path / "directory"
    directory.mkdir()
    cannot_save(directory)
    cannot_save(tmp_path / ("x" * 300))
    with pytest.raises(InputError, match=r"^with\\x00zero.json: cannot be written: "):
        save(example(), "with\0zero.json")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["directory", "file"]
    assert list(directory.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_saving_in_a_read_only_directory(tmp_path):
    tmp_path.chmod(0o500)
    try:
        cannot_save(tmp_path / "n.json")
        assert list(tmp_path.iterdir()) == []
    finally:
        tmp_path.chmod(0o700)
