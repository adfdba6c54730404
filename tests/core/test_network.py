"""Building networks: what is filled in, sorted, frozen, and refused with one line."""

import numpy as np
import pytest
from hypothesis import given
from strategies import examples, networks

from neuro import Current, FlipFlop, InputError, Network, WinnerTakesAll, same_network
from neuro.network import NEURON_DEFAULTS


def build(neurons=3, synapses=(), **settings):
    return Network.build(neurons, synapses, **settings)


def test_defaults_are_a_perfect_integrator():
    network = build(2)
    neurons = network.neurons
    assert neurons.key.tolist() == [1, 2]
    assert neurons.tau_mem.tolist() == [np.inf] * 2
    assert neurons.v_threshold.tolist() == [1.0] * 2
    assert neurons.v_min.tolist() == [-np.inf] * 2
    for name in ("v_reset", "v_leak", "refractory", "reset", "bias", "tau_syn"):
        assert getattr(neurons, name).tolist() == [0] * 2
    assert (network.dt, network.encoder, network.readout, network.task) == (1.0, None, None, None)


def test_scalars_are_repeated_and_columns_filled_in():
    neurons = build({"bias": [0.1, 0.2], "tau_mem": 5.0, "reset": "subtract"}).neurons
    assert neurons.bias.tolist() == [0.1, 0.2]
    assert neurons.tau_mem.tolist() == [5.0, 5.0]
    assert neurons.reset.tolist() == [1, 1]
    assert neurons.v_threshold.tolist() == [NEURON_DEFAULTS["v_threshold"]] * 2


def test_types_and_lengths():
    network = build(2, [(0, 1, 1, 1)], input_synapses=[(0, 1, 2)], inputs=[0], outputs=[1])
    assert network.neurons.key.dtype == np.uint64
    assert network.neurons.reset.dtype == np.int8
    assert network.neurons.refractory.dtype == network.synapses.pre.dtype == np.int64
    assert network.synapses.weight.dtype == network.input_synapses.weight.dtype == np.float64
    assert network.size == 2 + 1 + 1
    assert network.weights.tolist() == [1.0, 2.0]
    assert repr(network) == "<Network: 2 neurons, 1 synapse, 1 input synapse>"


@examples(100)
@given(networks())
def test_arrays_are_read_only_and_sorted(network):
    s, i = network.synapses, network.input_synapses
    for table in (network.neurons, s, i, network):
        for array in vars(table).values():
            if isinstance(array, np.ndarray):
                assert not array.flags.writeable
    rows = list(zip(s.pre.tolist(), s.post.tolist(), s.delay.tolist(), strict=True))
    assert rows == sorted(set(rows))


@examples(100)
@given(networks())
def test_order_of_rows_does_not_matter(network):
    s = network.synapses
    rows = list(zip(s.pre.tolist(), s.post.tolist(), s.weight.tolist(), s.delay.tolist(),
                    strict=True))  # fmt: skip
    columns = {"key": network.neurons.key}
    assert same_network(Network.build(columns, rows), Network.build(columns, rows[::-1]))


def test_input_arrays_are_copied():
    bias, weight = np.array([0.1, 0.2]), np.array([3.0])
    network = build({"bias": bias}, {"pre": [0], "post": [1], "weight": weight, "delay": [1]})
    bias[0] = weight[0] = 9.0
    assert network.neurons.bias[0] == 0.1
    assert network.synapses.weight[0] == 3.0
    assert bias.flags.writeable


def test_tables_and_rows_mean_the_same():
    rows = build(2, [(1, 0, 0.5, 2), (0, 1, 0.25, 1)])
    table = {"pre": [1, 0], "post": [0, 1], "weight": [0.5, 0.25], "delay": [2, 1]}
    assert same_network(rows, build(2, table))
    assert rows.synapses.weight.tolist() == [0.25, 0.5]


def test_parallel_synapses_of_different_delay():
    network = build(2, [(0, 1, 0.5, 2), (0, 1, 0.5, 1)])
    assert network.synapses.delay.tolist() == [1, 2]
    assert len(set(network.synapse_keys().tolist())) == 2


def test_same_network_sees_every_difference():
    settings = {
        "input_synapses": [(0, 0, 1.0)], "inputs": [0], "outputs": [1], "dt": 1.0, "task": "a",
        "encoder": Current(scale=[1.0]), "readout": WinnerTakesAll(),
    }  # fmt: skip
    base = build(2, [(0, 1, 1.0, 1)], **settings)
    assert same_network(base, build(2, [(0, 1, 1.0, 1)], **settings, provenance={"a": 1}))
    for change in (
        {"inputs": [1]}, {"outputs": [0]}, {"dt": 2.0}, {"task": "b"}, {"readout": None},
        {"encoder": Current(scale=[2.0])}, {"input_synapses": [(0, 0, 2.0)]},
    ):  # fmt: skip
        assert not same_network(base, build(2, [(0, 1, 1.0, 1)], **{**settings, **change}))
    assert not same_network(base, build(2, [(0, 1, 1.0, 2)], **settings))
    assert not same_network(base, build({"bias": [0, 1]}, [(0, 1, 1.0, 1)], **settings))


ONE = [(0, 1, 0.5, 1)]


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: build(-1), "neurons: expected a whole number from 0 to 2147483648, got -1"),
        (lambda: build("x"), "neurons: expected a whole number from 0 to 2147483648, got x"),
        (lambda: build({"bias": 1.0}),
         "neurons: expected a number or at least one column that is a list, got {'bias': 1.0}"),
        (lambda: build({"bias": [1.0], "foo": [1]}),
         "neurons.foo: unknown column; expected the columns key, tau_mem,"),
        (lambda: build({"bias": [1.0], "tau_mem": [1.0, 2.0]}), "neurons.tau_mem: expected 1 val"),
        (lambda: build({"tau_mem": [1.0, -1.0]}), "neurons.tau_mem[1]: expected a number from 0"),
        (lambda: build({"tau_mem": [1.0, "inf", "-inf"]}), "neurons.tau_mem[2]: expected a number"),
        (lambda: build({"tau_mem": np.array([1.0, np.nan])}), "neurons.tau_mem[1]: expected a num"),
        (lambda: build({"v_threshold": [-np.inf]}), "neurons.v_threshold[0]: expected a finite"),
        (lambda: build({"v_min": [np.inf]}), "neurons.v_min[0]: expected a finite number"),
        (lambda: build({"v_reset": [np.inf]}),
         "neurons.v_reset[0]: expected a finite number of magnitude at most 1e+100, got inf"),
        (lambda: build({"v_leak": np.array([0.0, np.inf])}), "neurons.v_leak[1]: expected a finit"),
        (lambda: build({"bias": [0.0, True]}), "neurons.bias[1]: expected a finite number"),
        (lambda: build({"bias": [None]}), "neurons.bias[0]: expected a finite number"),
        (lambda: build({"bias": [2e100]}), "neurons.bias[0]: expected a finite number of magnitu"),
        (lambda: build({"tau_syn": ["inf"]}), "neurons.tau_syn[0]: expected a number from 0"),
        (lambda: build({"refractory": [0.5]}),
         "neurons.refractory[0]: expected a whole number from 0 to 2147483647, got 0.5"),
        (lambda: build({"refractory": np.array([0, -1])}), "neurons.refractory[1]: expected a who"),
        (lambda: build({"reset": ["to_zero"]}),
         "neurons.reset[0]: expected one of to_value, subtract, got to_zero"),
        (lambda: build({"reset": np.array([2], dtype=np.int8)}), "neurons.reset[0]: expected one"),
        (lambda: build({"key": [1, 1]}), "neurons.key[1]: expected distinct values, got that of"),
        (lambda: build({"key": ["12"]}), "neurons.key[0]: expected a neuron key: 16 hexadecimal d"),
        (lambda: build({"key": [-1]}), "neurons.key[0]: expected a neuron key: 16 hexadecimal di"),
        (lambda: build({"bias": [[1.0, 2.0]]}), "neurons.bias[0]: expected a finite number"),
        (lambda: build(2, {"pre": [0]}), "synapses.post: the column is missing"),
        (lambda: build(2, [(0, 1, 0.5)]), "synapses[0]: expected (pre, post, weight, delay), got"),
        (lambda: build(2, [*ONE, 7]), "synapses[1]: expected (pre, post, weight, delay), got 7"),
        (lambda: build(2, 7), "synapses: expected"),
        (lambda: build(2, [(0, 2, 0.5, 1)]),
         "synapses.post[0]: expected an index below 2 (there are 2 neurons), got 2"),
        (lambda: build(2, [(-1, 0, 0.5, 1)]), "synapses.pre[0]: expected a whole number of at le"),
        (lambda: build(2, [(0, 1, np.nan, 1)]), "synapses.weight[0]: expected a finite number"),
        (lambda: build(2, [(0, 1, 1.0, 0)]),
         "synapses.delay[0]: expected a whole number from 1 to 4096, got 0"),
        (lambda: build(2, [(0, 1, 1.0, 4097)]), "synapses.delay[0]: expected a whole number from"),
        (lambda: build(2, [(0, 1, 1.0, 1.5)]), "synapses.delay[0]: expected a whole number from"),
        (lambda: build(2, [(0, 10**30, 1.0, 1)]), "synapses.post[0]: expected"),
        (lambda: build(2, [(1, 0, 1.0, 1), *ONE, *ONE]),
         "synapses[2]: expected distinct synapses, got that of [1] (pre 0, post 1, delay 1)"),
        (lambda: build(2, input_synapses=[(0, 2, 1.0)]), "input_synapses.post[0]: expected an ind"),
        (lambda: build(2, input_synapses=[(0, 1, 1.0), (0, 1, 2.0)]),
         "input_synapses[1]: expected distinct synapses, got that of [0] (channel 0, post 1)"),
        (lambda: build(2, input_synapses=[(2, 1, 1.0)], encoder=Current(scale=[1.0])),
         "input_synapses.channel[0]: expected an index below 2 (there are 2 channels), got 2"),
        (lambda: build(2, input_synapses=[(0, 1, 1.0)], inputs=[0, 1],
                       encoder=FlipFlop(scale=[1.0])), "input_synapses: expected none with the e"),
        (lambda: build(2, inputs=[0], encoder=FlipFlop(scale=[1.0])),
         "inputs: expected 2 neurons, one per channel of the encoder flip-flop, got 1"),
        (lambda: build(2, inputs=[0, 2]), "inputs[1]: expected an index below 2"),
        (lambda: build(2, inputs=[10**30]), "inputs[0]: expected"),
        (lambda: build(2, outputs=[1, 1]), "outputs[1]: expected distinct values, got that of [0]"),
        (lambda: build(2, outputs=1), "outputs: expected a list, got 1"),
        (lambda: build(2, dt=0.0), "dt: expected a number from 1e-09 to 1e+09, got 0.0"),
        (lambda: build(2, dt=np.inf), "dt: expected a number"),
        (lambda: build(2, dt="1"), "dt: expected a number"),
        (lambda: build(2, encoder="current"), "encoder: expected"),
        (lambda: build(2, readout="winner-takes-all"), "readout: expected"),
        (lambda: build(2, task=3), "task: expected a name or null, got 3"),
        (lambda: build(2, provenance=[1]), "provenance: expected a table, got [1]"),
    ],
)  # fmt: skip
def test_refused_with_one_line(make, line):
    with pytest.raises(InputError) as error:
        make()
    assert str(error.value).startswith(line)
    assert "\n" not in str(error.value)


def test_structural_keys_follow_neuron_keys_not_indices():
    """The same structure has the same key wherever its neurons stand."""
    a = build({"key": [10, 20]}, [(0, 1, 1.0, 1), (0, 1, 1.0, 4)])
    b = build({"key": [5, 20, 10]}, [(2, 1, 9.0, 2), (2, 1, 9.0, 3), (0, 1, 1.0, 1)])
    assert a.synapse_keys().tolist() == b.synapse_keys()[1:].tolist()
    c = build(3, input_synapses=[(0, 2, 1.0), (1, 2, 1.0)])
    d = build({"key": [3]}, input_synapses=[(0, 0, 2.0), (1, 0, 2.0)])
    assert c.synapse_keys().tolist() == d.synapse_keys().tolist()


def test_structural_keys_are_pinned():
    """Changing them would change the faults of every published campaign."""
    network = build({"key": [1, 2]}, [(0, 1, 1.0, 1), (0, 1, 1.0, 2), (1, 0, 1.0, 1)],
                    input_synapses=[(0, 0, 1.0), (3, 1, 1.0)])  # fmt: skip
    assert [f"{key:016x}" for key in network.synapse_keys().tolist()] == PINNED


PINNED = [
    "2c90a72e483bc5e8", "7a290ddaa12abce7", "a2e650419f405404",
    "57f53836fac3da73", "96a79b21fb9a9519",
]  # fmt: skip
