"""Speed of fault campaigns: faulty inferences, audits of fronts, and what need not be played.

Everything is timed in one run, on one core unless it says otherwise; what is compared is compared
side by side.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evo import evolve
from experiments.config import resolve
from experiments.faults.plan import Plan
from experiments.faults.study import run_study
from experiments.run_directory import final_front, objective_specs
from experiments.studies.record import RESULTS, write_origin
from experiments.tables import aligned, write_csv
from fitness import TASKS, Campaign, Task, play
from fitness.faulty import FaultyPlayer
from neuro import Network, Rate, WinnerTakesAll, save
from neuro.faults import BitFlip, Fault, FaultSite, Struck, single_faults, strike_each

NEURONS, SYNAPSES, TICKS, SAMPLES = 50, 200, 100, 150
FIRING = 0.06
REPEATS = 7
EPISODES = 100
EVOLVED = {"cartpole": 1000, "mountain-car": 1000, "acrobot": 300, "iris": 1000, "wine": 1000,
           "mountain-car-continuous": 500, "tennlab-easy": 100, "pendulum": 200}  # fmt: skip
"""Tasks whose evolved networks are audited, and evaluations of the runs that make them."""

Row = dict[str, Any]


def inference_network() -> tuple[Network, float]:
    """Make the network that inferences are counted with, and measure how often it fires."""
    task = TASKS["iris"]
    center, scale = task.ranges()
    encoder = Rate(scale=scale, center=center, ticks=TICKS, peak=0.3)
    for seed in range(2000):
        rng = np.random.default_rng(seed)
        pairs = rng.choice(NEURONS * NEURONS, SYNAPSES, replace=False)
        synapses = [
            (int(k) // NEURONS, int(k) % NEURONS, float(w), int(d))
            for k, w, d in zip(
                pairs, rng.normal(0.3, 0.35, SYNAPSES), rng.integers(1, 6, SYNAPSES), strict=True
            )
        ]
        network = Network.build(
            {"tau_mem": [20.0] * NEURONS}, synapses, inputs=range(encoder.channels),
            outputs=range(NEURONS - 3, NEURONS), encoder=encoder, readout=WinnerTakesAll(),
        )  # fmt: skip
        firing = _firing(network, task)
        if abs(firing - FIRING) < 0.005:
            return network, firing
    raise AssertionError("no network fires as often")


def _firing(network: Network, task: Task) -> float:
    from neuro import Controller

    controller, shares = Controller(network), []
    for start in task.draw_starts(0, "firing", 10):
        controller.reset()
        controller.act(task.begin(start).observation)
        shares.append(controller.spikes.mean())
    return float(np.mean(shares))


def inferences() -> list[Row]:
    """Time the audit of every bit of a network on 150 samples."""
    network, firing = inference_network()
    task = TASKS["iris"]
    starts = task.draw_starts(0, "speed", SAMPLES)
    starts = starts[np.arange(SAMPLES) % len(starts)]
    fault = Fault(BitFlip(), 0.0)
    numbers = single_faults(network, fault.model, FaultSite())
    struck = strike_each(network, fault, 0, numbers)
    count = len(numbers) * SAMPLES

    def audit(accelerate: bool) -> FaultyPlayer:
        player = FaultyPlayer(network, task, starts, accelerate=accelerate)
        player(struck)
        _ = player.golden  # what scores are compared with
        return player

    one = _least(lambda: play(network, task, starts)) / SAMPLES
    lanes, fast = _least(lambda: audit(False)), _least(lambda: audit(True))
    player = audit(True)
    what = f"{NEURONS} neurons, {SYNAPSES} synapses, {TICKS} ticks, {firing:.1%} firing"
    return [
        _row("golden inferences, 32 samples side by side", 1.0 / one, "per second", what),
        _row("faulty inferences, lanes alone", count / lanes, "per second", what),
        _row("faulty inferences, accelerated", count / fast, "per second", what),
        _row("audit of 8-bit words, lanes alone", lanes, "seconds", f"{len(numbers)} bits x 150"),
        _row("audit of 8-bit words, accelerated", fast, "seconds", f"{len(numbers)} bits x 150"),
        _row("share of inferences played", player.played / player.asked, "", what),
    ]


def evolved(name: str, seed: int = 1) -> list[Network]:
    """Evolve the networks of a front with the task's default settings and few evaluations."""
    limits = {"evolution.evaluations": EVOLVED[name], "evolution.generations": 1_000_000}
    config = resolve(name, [*limits.items(), ("run.seed", seed)])
    config = replace(config, settings=replace(config.settings, steps=None))
    state = evolve(
        config.evaluator, config.space, objective_specs(config), config.settings, seed=seed
    ).state
    return [network for *_, network in final_front(config, state)]


def accelerations() -> list[Row]:
    """Compare audits of evolved networks with lanes alone, network by network."""
    rows, ratios = [], []
    for name in EVOLVED:
        task, mine = TASKS[name], []
        starts = task.draw_starts(0, "speed", EPISODES)
        for network in evolved(name):
            fault = Fault(BitFlip(), 0.0)
            struck = strike_each(
                network, fault, 0, single_faults(network, fault.model, FaultSite())
            )
            slow, expected = _audit(network, task, starts, struck, False)
            fast, found = _audit(network, task, starts, struck, True)
            assert np.array_equal(found, expected)
            mine.append(slow / fast)
        ratios += mine
        what = f"{len(mine)} networks, {min(mine):.1f} to {max(mine):.1f}"
        rows.append(_row(f"acceleration, {name}", statistics.median(mine), "times", what))
    what = f"{len(ratios)} networks, identical scores"
    return [*rows, _row("acceleration, all", statistics.median(ratios), "times", what)]


def _audit(
    network: Network, task: Task, starts: NDArray[np.float64], struck: Struck, accelerate: bool
) -> tuple[float, NDArray[np.float64]]:
    """Play an audit's copies; return the time it takes, and the scores."""
    scores: list[NDArray[np.float64]] = []

    def play_it() -> None:
        player = FaultyPlayer(network, task, starts, accelerate=accelerate)
        scores.append(player(struck))
        _ = player.golden  # what scores are compared with

    return _least(play_it), scores[0]


def campaigns() -> list[Row]:
    """Time a front's audit, two workers against one, and reading back."""
    networks = evolved("cartpole")
    task, rows = TASKS["cartpole"], []
    audit = Campaign(task, [(BitFlip(), ())], episodes=20, single=True, workers=2)

    def all_of(campaign: Campaign) -> None:
        for network in networks:
            list(campaign.run(network))

    bits = sum(len(single_faults(n, BitFlip(), FaultSite())) for n in networks)
    what = f"{len(networks)} networks, {bits} bits, 20 episodes, 2 workers"
    rows.append(_row("audit of a front", _wall(lambda: all_of(audit)), "seconds", what))
    network = networks[0]
    for accelerate, label in ((False, "lanes alone"), (True, "accelerated")):
        seconds = {}
        for workers in (1, 2):
            campaign = Campaign(
                task, [(BitFlip(), (0.05,))], draws=10_000, episodes=20, workers=workers,
                accelerate=accelerate,
            )  # fmt: skip
            seconds[workers] = _wall(partial(_run, campaign, network))
        ratio = seconds[1] / seconds[2]
        rows.append(_row(f"two workers against one, {label}", ratio, "times", "10,000 draws"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.json"
        save(network, path)
        plan = Plan((str(path),), draws=1000, workers=2)
        played = _wall(lambda: run_study(plan.resolve(), f"{folder}/out", []), 1)
        again = _wall(lambda: run_study(plan.resolve(), f"{folder}/out", []), 1)
        what = f"{played:.1f} s, then {again:.3f} s"
        rows.append(_row("campaign read back", again / played, "of the time", what))
    return rows


def _run(campaign: Campaign, network: Network) -> None:
    list(campaign.run(network))


def _row(name: str, value: float, unit: str, what: str) -> Row:
    return {"name": name, "value": float(f"{value:.4g}"), "unit": unit, "what": what}


def _least(call: Callable[[], Any]) -> float:
    """Least processor time of a call, after one to warm up."""
    call()
    times = []
    for _ in range(REPEATS):
        begun = time.process_time()
        call()
        times.append(time.process_time() - begun)
    return min(times)


def _wall(call: Callable[[], Any], repeats: int = REPEATS) -> float:
    """Least wall-clock time of a call."""
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return min(times)


def main() -> None:
    """Measure everything and write the table."""
    rows = [*inferences(), *campaigns(), *accelerations()]
    print(aligned([list(r.values()) for r in rows], list(rows[0])))
    RESULTS.mkdir(parents=True, exist_ok=True)
    write_csv(RESULTS / "fault-speed.csv", rows, list(rows[0]))
    write_origin("fault-speed", "make study-fault-speed")


if __name__ == "__main__":
    main()
