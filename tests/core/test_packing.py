"""Networks as arrays: what is unpacked is what was packed, bit for bit."""

import pickle
from dataclasses import dataclass, fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import controllers, examples, networks

from neuro import Current, InputError, Network, WinnerTakesAll, prune
from neuro.network_file import to_json
from neuro.packing import pack, unpack


def arrays_of(network):
    for name in ("neurons", "synapses", "input_synapses"):
        table = getattr(network, name)
        yield from (getattr(table, f.name) for f in fields(table))
    yield from (network.inputs, network.outputs)


def bits(network):
    return [(a.dtype.str, a.tobytes()) for a in arrays_of(network)]


@examples(100)
@given(st.lists(networks(max_neurons=6) | controllers(), max_size=5))
def test_what_is_unpacked_is_what_was_packed(packed):
    before = [to_json(n) for n in packed]
    # As on the wire, where arrays and header are all there is.
    found = unpack(pickle.loads(pickle.dumps(pack(packed))))
    assert [bits(n) for n in found] == [bits(n) for n in packed]
    assert [to_json(n) for n in found] == [to_json(n) for n in packed] == before
    for network in found:
        assert not any(a.flags.writeable for a in arrays_of(network))
        assert all(a.flags.c_contiguous for a in arrays_of(network))


def test_what_networks_share_is_sent_once_and_what_they_do_not_share_is_kept():
    encoder, readout = Current(scale=(1.0, 2.0)), WinnerTakesAll()
    plain = Network.build(2, outputs=[0, 1], encoder=encoder, readout=readout, task="cartpole")
    others = [
        replace(plain, provenance={"seed": 1}), replace(plain, task=None), replace(plain, dt=0.1),
        replace(plain, encoder=Current(scale=(1.0, 0.1 + 0.2))), replace(plain, readout=None),
    ]  # fmt: skip
    header = pack([plain] * 50).header
    assert header == pack([plain]).header
    found = unpack(pack([plain, *others, plain]))
    for network, other in zip(found, [plain, *others, plain], strict=True):
        assert to_json(network) == to_json(other)


def test_numbers_of_every_kind_stay_what_they_are():
    network = Network.build(
        {"key": [2**64 - 1, 0], "v_reset": [-0.0, 5e-324], "v_threshold": [np.inf, 1e100],
         "v_min": [-np.inf, -0.0], "refractory": [2**31 - 1, 0], "reset": ["subtract", "to_value"]},
        [(0, 1, -0.0, 4096), (0, 1, 1e-300, 1)], inputs=[1], outputs=[1, 0],
    )  # fmt: skip
    assert bits(unpack(pack([network]))[0]) == bits(network)
    assert bits(unpack(pack([prune(network)]))[0]) == bits(prune(network))


@dataclass(frozen=True)
class Louder(Current):
    """An encoder that nobody has registered."""


def test_parts_that_nobody_could_make_again_are_refused():
    network = Network.build(1, outputs=[0], encoder=Louder(scale=(1.0,)))
    with pytest.raises(InputError, match=r"^encoder: expected one that is registered under its"):
        pack([network])
