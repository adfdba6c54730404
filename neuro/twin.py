"""The plain-Python twin: the tick of ``docs/model.md`` as one would write it on paper.

Slow and clear. Every compiled kernel and every exporter is compared with it, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neuro.network import Network
from neuro.program import leak_factor


class Twin:
    """One network in plain Python floats, at rest to begin with.

    Examples
    --------
    >>> from neuro import Network
    >>> twin = Twin(Network.build(2, [(0, 1, 1.0, 2)], inputs=[0], outputs=[1]))
    >>> [twin.tick([current, 0.0]) for current in (1.0, 0.0, 0.0)]
    [[True, False], [False, False], [False, True]]
    """

    def __init__(self, network: Network, edits: Sequence[tuple[int, int, float]] = ()) -> None:
        self.network = network
        n = network.neurons
        encoder = network.encoder
        pulsed = 0 if encoder is None or encoder.graded else len(network.inputs)
        # All that an edit can reach, in the order of `neuro.slots.NAMES`.
        self.slots: dict[str, list[float]] = {
            "weight": network.synapses.weight.tolist(),
            "in_weight": network.input_synapses.weight.tolist(),
            "v": n.v_leak.tolist(),
            "g": [0.0] * len(n),
            "held": [0.0] * len(n),
            "gain": [encoder.gain] * pulsed if encoder and pulsed else [],
            "al": [leak_factor(tau, network.dt) for tau in n.tau_mem.tolist()],
            "v_threshold": n.v_threshold.tolist(),
            "v_reset": n.v_reset.tolist(),
            "be": [leak_factor(tau, network.dt) for tau in n.tau_syn.tolist()],
            "v_leak": n.v_leak.tolist(),
            "v_min": n.v_min.tolist(),
            "refractory": n.refractory.astype(float).tolist(),
            "subtract": [float(reset == 1) for reset in n.reset],
            "bias": n.bias.tolist(),
        }
        self.edits = list(edits)
        self.k = 0
        self.arriving: dict[int, list[float]] = {}

    @property
    def v(self) -> list[float]:
        """Potentials."""
        return self.slots["v"]

    def edit(self) -> None:
        """Make the edits that are due."""
        while self.edits and self.edits[0][0] <= self.k:
            _, slot, value = self.edits.pop(0)
            for values in self.slots.values():
                if slot < len(values):
                    values[slot] = value
                    break
                slot -= len(values)

    def tick(self, ext: Sequence[float]) -> list[bool]:
        """Advance one tick with external input `ext` and return who fired."""
        self.edit()
        n, s = len(self.network.neurons), self.slots
        ring = self.arriving.pop(self.k, [0.0] * n)
        fired = []
        for j in range(n):
            s["g"][j] = s["g"][j] * s["be"][j] + ring[j]
            if s["held"][j] > 0:
                s["held"][j] -= 1
                fired.append(False)
                continue
            total = s["g"][j] + (ext[j] + s["bias"][j])
            v_leak = s["v_leak"][j]
            v = max(v_leak + (s["v"][j] - v_leak) * s["al"][j] + total, s["v_min"][j])
            fires = v >= s["v_threshold"][j]
            if fires:
                if s["subtract"][j] == 1:
                    v = v - (s["v_threshold"][j] - s["v_reset"][j])
                else:
                    v = s["v_reset"][j]
                s["held"][j] = s["refractory"][j]
            s["v"][j] = v
            fired.append(fires)
        synapses = self.network.synapses
        for e in range(len(synapses)):
            if fired[synapses.pre[e]]:
                later = self.arriving.setdefault(self.k + int(synapses.delay[e]), [0.0] * n)
                later[synapses.post[e]] += self.slots["weight"][e]
        self.k += 1
        return fired

    def act(self, observation: Sequence[float]) -> tuple[NDArray[np.float64], list[list[bool]]]:
        """Take one decision; return the action and who fired at each of its ticks."""
        network = self.network
        encoder, readout, inputs = network.encoder, network.readout, network.input_synapses
        if encoder is None or readout is None:
            raise ValueError("the network has no encoder or no readout")
        current = np.zeros(encoder.channels)
        pulses = np.zeros((encoder.channels, (encoder.ticks + 63) // 64), dtype=np.uint64)
        values = np.asarray(observation, dtype=np.float64)
        encoder.kernel(values, encoder.parameters(), current, pulses)
        spikes = []
        for t in range(encoder.ticks):
            self.edit()
            ext = [0.0] * len(network.neurons)
            for i, weight in enumerate(self.slots["in_weight"]):
                ext[inputs.post[i]] += weight * float(current[inputs.channel[i]])
            if not encoder.graded:
                for channel, j in enumerate(network.inputs.tolist()):
                    if int(pulses[channel, t // 64]) >> (t % 64) & 1:
                        ext[j] += self.slots["gain"][channel]
            spikes.append(self.tick(ext))
        seen = np.zeros(len(network.outputs))
        for o, j in enumerate(network.outputs.tolist()):
            train = [row[j] for row in spikes]
            if readout.sees == "potential":
                seen[o] = self.v[j]
            elif readout.sees == "first":
                seen[o] = train.index(True) if any(train) else len(train)
            else:
                seen[o] = sum(train)
        action = np.zeros(readout.values)
        readout.kernel(seen, readout.parameters(), action)
        return action, spikes


def simulate_twin(
    network: Network, ext: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Run the twin open loop; same arguments and result as `neuro.simulate`."""
    twin = Twin(network)
    spikes = np.zeros(ext.shape, dtype=bool)
    voltage = np.zeros(ext.shape)
    for t, row in enumerate(ext.tolist()):
        spikes[t] = twin.tick(row)
        voltage[t] = twin.v
    return spikes, voltage
