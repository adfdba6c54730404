# This text is the second half of every exported script, and the module behind the live export:
# what is verified is what is delivered. It uses nothing but Brian2 and numpy.

import argparse
import os
from pathlib import Path

import brian2 as b2
import numpy as np


def set_preferences(target="numpy"):
    """Make Brian2 keep the order of floating-point operations, so that results are exact."""
    b2.prefs.codegen.target = target
    # Otherwise Brian2 rewrites expressions, and voltages differ in the last digits.
    b2.prefs.codegen.loop_invariant_optimisations = False
    # The compiled targets default to -ffast-math, which reorders sums.
    b2.prefs.codegen.cpp.extra_compile_args = ["-w", "-O3", "-ffp-contract=off", "-std=c++11"]
    # Brian2 looks its compiled code up without regard to these flags: keep ours apart.
    b2.prefs.codegen.runtime.cython.cache_dir = str(Path.home() / ".cython" / "brian2_exact")


def expand_drive(changes, ticks, neurons):
    """Turn {neuron: [(tick, value), ...]} into an array (ticks, neurons); values hold."""
    drive = np.zeros((ticks, neurons))
    for neuron, steps in changes.items():
        for tick, value in steps:
            drive[tick:, neuron] = value
    return drive


def build(p, drive):
    """Build the network.

    Parameters
    ----------
    p : dict
        Arrays by name, one value per neuron or per synapse.
    drive : array (ticks, neurons)
        External input of each neuron at each tick.

    Returns
    -------
    brian2.Network
        With the objects "neurons", "synapses" (if there are any), "spikes" and "voltage".
    """
    dt = p["dt"] * b2.ms
    ticks, count = drive.shape
    # The last row is zero: a TimedArray holds its last value for ever.
    external_input = b2.TimedArray(
        np.vstack([drive, np.zeros((1, count))]), dt=dt, name="external_input"
    )
    neurons = b2.NeuronGroup(
        count,
        """
        v : 1
        g : 1                               # synaptic current
        arriving : 1                        # weights that arrive in this tick
        al : 1 (constant)                   # exp(-dt/tau_mem)
        be : 1 (constant)                   # exp(-dt/tau_syn), 0 for delta synapses
        v_leak : 1 (constant)
        v_threshold : 1 (constant)
        v_reset : 1 (constant)
        v_min : 1 (constant)
        bias : 1 (constant)
        subtract : 1 (constant)             # 1: v -= v_threshold - v_reset; 0: v = v_reset
        held_for : second (constant)
        """,
        threshold="v >= v_threshold",
        reset="v = v_reset * (1 - subtract) + (v - (v_threshold - v_reset)) * subtract",
        refractory="held_for",
        namespace={"external_input": external_input},
        dt=dt,
        name="neurons",
    )
    neurons.run_regularly(
        """
        g = g * be + arriving
        updated = clip(v_leak + (v - v_leak) * al + (g + (external_input(t, i) + bias)), v_min, inf)
        v = int(not_refractory) * updated + (1 - int(not_refractory)) * v
        arriving = 0
        """,
        dt=dt,
        when="groups",
        order=1,
    )
    for name in ("al", "be", "v_leak", "v_threshold", "v_reset", "v_min", "bias", "subtract"):
        setattr(neurons, name, p[name])
    neurons.v = p["v_leak"]
    # Brian2 lets a neuron go when (ticks since its spike) >= held_for: one more than we hold it.
    # Longer than the run makes no difference, but would hold neurons that have never spiked:
    # Brian2 starts as if their last spike were 10,000 s ago.
    neurons.held_for = (np.minimum(p["refractory"], ticks) + 1) * dt

    spikes = b2.SpikeMonitor(neurons, name="spikes")
    voltage = b2.StateMonitor(neurons, "v", record=True, when="end", dt=dt, name="voltage")
    network = b2.Network(neurons, spikes, voltage)
    if len(p["pre"]):
        synapses = b2.Synapses(
            neurons, neurons, "w : 1", on_pre="arriving_post += w", dt=dt, name="synapses"
        )
        synapses.connect(i=p["pre"], j=p["post"])
        synapses.w = p["weight"]
        # A spike is seen after the update, so one tick has passed when Brian2 counts zero.
        synapses.delay = (np.array(p["delay"]) - 1) * dt
        network.add(synapses)
    # Deliver spikes first, then update, then compare with the threshold, then reset.
    network.schedule = ["start", "synapses", "groups", "thresholds", "resets", "end"]
    return network


def run(p, drive):
    """Build and run; return spikes as (ticks, neurons) booleans and voltages likewise."""
    network = build(p, drive)
    ticks = len(drive)
    network.run(ticks * p["dt"] * b2.ms, namespace={})
    spikes = np.zeros((ticks, len(p["v_leak"])), dtype=bool)
    at = np.rint(np.asarray(network["spikes"].t / b2.ms) / p["dt"]).astype(int)
    spikes[at, np.asarray(network["spikes"].i)] = True
    return spikes, np.array(network["voltage"].v).T


def main():
    """Run the recorded episode and say what the outputs did."""
    parser = argparse.ArgumentParser(description="Run this network on its recorded input.")
    parser.add_argument("--target", default="numpy", choices=["numpy", "cython"])
    parser.add_argument("--save", metavar="FILE.npz", help="write spikes and voltages")
    arguments = parser.parse_args()
    if arguments.save:  # now, not after a long simulation
        target = Path(arguments.save)
        if not os.access(target.parent, os.W_OK) or not target.parent.is_dir() or target.is_dir():
            expected = "a file in a directory that can be written"
            parser.exit(2, f"--save: expected {expected}, got {arguments.save}\n")
    set_preferences(arguments.target)
    drive = expand_drive(DRIVE, TICKS, len(PARAMETERS["v_leak"]))  # noqa: F821
    spikes, voltage = run(PARAMETERS, drive)  # noqa: F821
    print(f"{TICKS} ticks, {spikes.sum()} spikes")  # noqa: F821
    for neuron in OUTPUTS:  # noqa: F821
        print(f"output neuron {neuron}: {spikes[:, neuron].sum()} spikes")
    if arguments.save:
        np.savez(arguments.save, spikes=spikes, voltage=voltage)


if __name__ == "__main__":
    main()
