"""The model of ``docs/model.md`` in Brian2's own terms, for plain leaky neurons."""

from __future__ import annotations

from typing import NamedTuple

import brian2 as b2

from benchmarks.problems import TAU_MEM, Problem, external_input


class Model(NamedTuple):
    """A Brian2 network and a monitor that counts its spikes without recording them."""

    network: b2.Network
    counter: b2.SpikeMonitor
    duration: b2.Quantity


def build(problem: Problem) -> Model:
    """Build the network of a problem with its input; call after choosing the device."""
    network, synapses = problem.network, problem.network.synapses
    dt = network.dt * b2.ms
    b2.defaultclock.dt = dt
    pulses = b2.TimedArray(external_input(problem), dt=dt, name="pulses")
    neurons = b2.NeuronGroup(
        len(network.neurons),
        "dv/dt = -v / tau : 1",
        threshold="v >= 1",
        reset="v = 0",
        method="exact",
        namespace={"pulses": pulses, "tau": TAU_MEM * b2.ms},
    )
    # A SpikeGeneratorGroup is no faster, and costs another pathway.
    neurons.run_regularly("v += pulses(t, i)", dt=dt, when="groups", order=1)
    recurrent = b2.Synapses(neurons, neurons, "w : 1", on_pre="v_post += w")
    recurrent.connect(i=synapses.pre, j=synapses.post)
    recurrent.w = synapses.weight
    # A spike is seen after the update, so one tick has passed when Brian2 counts zero.
    recurrent.delay = (synapses.delay - 1) * dt
    counter = b2.SpikeMonitor(neurons, record=False)
    live = b2.Network(neurons, recurrent, counter)
    # Decay, deliver spikes, then compare with the threshold, then reset.
    live.schedule = ["start", "groups", "synapses", "thresholds", "resets", "end"]
    return Model(live, counter, len(problem.pulses) * dt)
