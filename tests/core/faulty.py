"""Faulty copies seen from outside: what each of their places holds at a tick."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from strategies import edits_of, weighed

from neuro import READOUTS, Current, FlipFlop, Network, golden_copies
from neuro.faults import MODELS, Change, Fault, FaultTime, SiteFault, Struck, parse_model, strike
from neuro.twin import Twin

PARAMETERS = [
    "bit-flip:bits=2", "bit-flip:bits=32", "bit-flip:zeros=0,protected=1",
    "stuck-bit-0:bits=4,protected=2", "stuck-bit-1:bits=3", "stuck-synapse:value=-0.5",
    "saturated-synapse:fence=0", "stuck-high-resistance:ratio=1", "delay-shift:ticks=-1",
    "delay-shift:ticks=3", "stuck-delay:ticks=4", "parametric-threshold:factor=0.5",
    "parametric-leak:factor=3", "parametric-reset:share=-1", "parametric-refractory:ticks=1",
    "stuck-channel:value=-2", "channel-noise:value=0.5", "drift:nu=0,spread=1,t0=1",
]  # fmt: skip
EVERY = [*(cls() for cls in MODELS.values()), *map(parse_model, PARAMETERS)]

NEURONS = {
    "key": [10, 20, 30, 40, 50],
    "tau_mem": [20.0, 10.0, 5.0, 8.0, 30.0],
    "v_threshold": [1.0, 0.5, 2.0, 0.75, 0.25],
    "v_reset": [0.0, -0.25, 0.125, 0.0, 0.0],
    "v_leak": [0.0, 0.0, 0.5, 0.0, 0.375],
    "refractory": [2, 0, 1, 3, 0],
    "reset": ["to_value", "subtract", "to_value", "to_value", "subtract"],
    "bias": [0.25, 0.0, 0.125, 0.0, 0.0],
    "tau_syn": [0.0, 4.0, 0.0, 2.0, 1.0],
}
# Weights and their squares can be summed up in any order without rounding.
SYNAPSES = [(0, 1, 0.75, 1), (1, 2, -0.5, 2), (2, 3, 1.5, 3), (3, 4, -2.0, 1), (4, 0, 0.25, 2),
            (0, 0, 1.0, 4)]  # fmt: skip
INPUTS = [(0, 0, 0.5), (1, 1, -1.25), (2, 2, 1.0)]


def graded(order=(0, 1, 2, 3, 4), extra=0):
    """A controller of five neurons, written down in any order, perhaps with idle ones."""
    place = {j: k for k, j in enumerate(order)}
    columns = {name: [values[j] for j in order] for name, values in NEURONS.items()}
    columns = {
        name: [*values, *values[:1] * extra] if name != "key" else [*values, *range(90, 90 + extra)]
        for name, values in columns.items()
    }
    return Network.build(
        columns, [(place[a], place[b], w, d) for a, b, w, d in SYNAPSES],
        input_synapses=[(c, place[j], w) for c, j, w in INPUTS],
        inputs=[place[1]], outputs=[place[3], place[4]],
        encoder=Current([1.0, 1.0], ticks=4), readout=READOUTS["winner-takes-all"](),
    )  # fmt: skip


def pulsed():
    """The same neurons and synapses, driven by pulses of 0.5."""
    return Network.build(
        NEURONS, SYNAPSES, inputs=[0, 2], outputs=[3, 4],
        encoder=FlipFlop([1.0], 4, gain=0.5, period=1, spikes=4),
        readout=READOUTS["winner-takes-all"](),
    )  # fmt: skip


def network_for(model):
    """A network whose sites can be told apart."""
    return pulsed() if model.owner == "channels" else graded()


def middle(model):
    """A severity that hits some of the sites in some of the draws."""
    return 0.5 if isinstance(model, SiteFault) else model.typical


def is_random(model):
    """Whether draws differ at all."""
    return model.name not in ("weight-loss", "quantisation")


@dataclass(frozen=True)
class Fixed(FaultTime):
    """There from the first tick on, at a level."""

    name: ClassVar[str] = "fixed"
    level: float = 1.0
    occasion: int = 0

    def changes(self, horizon, seed, draw):
        return [Change(0, self.level, self.occasion)]


def at_once(model, severity, network=None, seed=1, draws=range(8), **where):
    """Copies that are faulty from the first tick on."""
    fault = Fault(model, severity, time=Fixed(), **where)
    return strike(network or network_for(model), [fault], seed, draws, horizon=1)


def golden(network, count=1):
    return Struck(network, golden_copies(network, count))


def state(struck, copy=0, tick=0):
    """What a copy holds when edits up to a tick are made, but nothing has run.

    Synapses by (pre, post, delay), those of weight 0 left out; the rest as in `Twin`.
    """
    network, copies = struck
    twin = Twin(weighed(network, copies, copy), edits_of(copies, copy))
    twin.k = tick
    twin.edit()
    s, held = network.synapses, dict(twin.slots)
    ends = zip(s.pre.tolist(), s.post.tolist(), s.delay.tolist(), strict=True)
    held["weight"] = [
        (end, w) for end, w in zip(ends, held["weight"], strict=True) if w != 0.0
    ]  # fmt: skip
    return held


def states(struck, tick=0):
    return [state(struck, k, tick) for k in range(len(struck.copies.weight))]


def by_site(struck, copy, owner):
    """The state of a copy, taken apart into what belongs to each site."""
    held, network = state(struck, copy), struck.network
    if owner == "synapses":
        ends = sorted({(a, b) for a, b, _, _ in SYNAPSES})
        parts = [[(d, w) for (a, b, d), w in held["weight"] if (a, b) == end] for end in ends]
        return parts + held["in_weight"]
    if owner == "neurons":
        names = [
            name for name, values in held.items() if name not in ("weight", "in_weight", "gain")
        ]
        return [[held[name][j] for name in names] for j in range(len(network.neurons))]
    return [(held["gain"][c], held["bias"][j]) for c, j in enumerate(network.inputs)]


def changed_sites(struck, copy, owner, before=None):
    """Which sites of a copy are not as in the golden network, or not as given."""
    if before is None:
        before = by_site(golden(pulsed() if owner == "channels" else graded()), 0, owner)
    return [a != b for a, b in zip(by_site(struck, copy, owner), before, strict=True)]


def rebuilt(network, **columns):
    """The network built anew with other columns of neurons."""
    n = network.neurons
    table = {name: getattr(n, name).tolist() for name in NEURONS if name != "reset"} | {
        "v_min": n.v_min.tolist(),
        "reset": [("to_value", "subtract")[r] for r in n.reset],
    }
    return replace(network, neurons=Network.build(table | columns).neurons)
