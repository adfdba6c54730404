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

    def __init__(self, network: Network) -> None:
        self.network = network
        n = network.neurons
        self.al = [leak_factor(tau, network.dt) for tau in n.tau_mem.tolist()]
        self.be = [leak_factor(tau, network.dt) for tau in n.tau_syn.tolist()]
        self.v = n.v_leak.tolist()
        self.g = [0.0] * len(n)
        self.held = [0] * len(n)
        self.k = 0
        self.arriving: dict[int, list[float]] = {}

    def tick(self, ext: Sequence[float]) -> list[bool]:
        """Advance one tick with external input `ext` and return who fired."""
        n = self.network.neurons
        ring = self.arriving.pop(self.k, [0.0] * len(n))
        fired = []
        for j in range(len(n)):
            self.g[j] = self.g[j] * self.be[j] + ring[j]
            if self.held[j] > 0:
                self.held[j] -= 1
                fired.append(False)
                continue
            total = self.g[j] + (ext[j] + float(n.bias[j]))
            v_leak = float(n.v_leak[j])
            v = max(v_leak + (self.v[j] - v_leak) * self.al[j] + total, float(n.v_min[j]))
            fires = v >= float(n.v_threshold[j])
            if fires:
                if n.reset[j] == 1:
                    v = v - (float(n.v_threshold[j]) - float(n.v_reset[j]))
                else:
                    v = float(n.v_reset[j])
                self.held[j] = int(n.refractory[j])
            self.v[j] = v
            fired.append(fires)
        s = self.network.synapses
        for e in range(len(s)):
            if fired[s.pre[e]]:
                later = self.arriving.setdefault(self.k + int(s.delay[e]), [0.0] * len(n))
                later[s.post[e]] += float(s.weight[e])
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
        constant = [0.0] * len(network.neurons)
        for i in range(len(inputs)):
            constant[inputs.post[i]] += float(inputs.weight[i]) * float(current[inputs.channel[i]])
        spikes = []
        for t in range(encoder.ticks):
            ext = list(constant)
            if not encoder.graded:
                for channel, j in enumerate(network.inputs.tolist()):
                    if int(pulses[channel, t // 64]) >> (t % 64) & 1:
                        ext[j] += encoder.gain
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
