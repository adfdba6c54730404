"""neat-python's own single-pole task, as in its example: evaluations of evolved networks.

A network is evaluated on 5 runs of up to 60 s in steps of 0.01 s from starts drawn at random,
with the cart-pole of Florian's "Correct equations for the dynamics of the cart-pole system"
(2007) integrated by velocity Verlet, all in plain Python.
"""

from __future__ import annotations

import math
import random
import time
from pathlib import Path

import neat
from neat.nn import FeedForwardNetwork

from benchmarks.peers.contract import Prepared

CONFIG = Path(__file__).with_suffix(".ini")
RUNS = 5
SECONDS = 60.0
DT = 0.01
X_LIMIT = 2.4
THETA_LIMIT = math.pi / 4
GENERATIONS = 5
SAMPLE = 50

GRAVITY = 9.8
CART_MASS = 1.0
POLE_MASS = 0.1
HALF_LENGTH = 0.5


class Pole:
    """A pole on a cart, at a random start."""

    def __init__(self) -> None:
        self.t = 0.0
        self.x = random.uniform(-0.5 * X_LIMIT, 0.5 * X_LIMIT)
        self.theta = random.uniform(-0.5 * THETA_LIMIT, 0.5 * THETA_LIMIT)
        self.x_dot = random.uniform(-1.0, 1.0)
        self.theta_dot = random.uniform(-1.0, 1.0)
        self.x_acc = self.theta_acc = 0.0

    def observe(self) -> list[float]:
        """Show the state, scaled to about 0 to 1."""
        return [
            0.5 * (self.x + X_LIMIT) / X_LIMIT,
            (self.x_dot + 0.75) / 1.5,
            0.5 * (self.theta + THETA_LIMIT) / THETA_LIMIT,
            (self.theta_dot + 1.0) / 2.0,
        ]

    def step(self, force: float) -> bool:
        """Push for one step; return whether the pole is still up."""
        total = CART_MASS + POLE_MASS
        self.x += DT * self.x_dot + 0.5 * self.x_acc * DT**2
        self.theta += DT * self.theta_dot + 0.5 * self.theta_acc * DT**2
        sin, cos = math.sin(self.theta), math.cos(self.theta)
        swing = POLE_MASS * HALF_LENGTH * self.theta_dot**2 * sin
        theta_acc = (GRAVITY * sin - cos * (force + swing) / total) / (
            HALF_LENGTH * (4.0 / 3.0 - POLE_MASS * cos**2 / total)
        )
        x_acc = (force + swing - POLE_MASS * HALF_LENGTH * theta_acc * cos) / total
        self.x_dot += 0.5 * (self.x_acc + x_acc) * DT
        self.theta_dot += 0.5 * (self.theta_acc + theta_acc) * DT
        self.x_acc, self.theta_acc = x_acc, theta_acc
        self.t += DT
        return abs(self.x) < X_LIMIT and abs(self.theta) < THETA_LIMIT


def evaluate(genome: neat.DefaultGenome, config: neat.Config) -> tuple[float, int]:
    """Evaluate one genome; return its fitness, the worst of its runs, and its control steps."""
    network = FeedForwardNetwork.create(genome, config)
    worst, steps = SECONDS, 0
    for _ in range(RUNS):
        pole, lasted = Pole(), 0.0
        while pole.t < SECONDS:
            action = network.activate(pole.observe())
            up = pole.step(10.0 if action[0] > 0.5 else -10.0)
            steps += 1
            if not up:
                break
            lasted = pole.t
        worst = min(worst, lasted)
    return worst, steps


def evolved(config: neat.Config) -> list[neat.DefaultGenome]:
    """Evolve for some generations and sample the last population."""

    def evaluate_all(genomes: list[tuple[int, neat.DefaultGenome]], _: neat.Config) -> None:
        for _key, genome in genomes:
            genome.fitness = evaluate(genome, config)[0]

    population = neat.Population(config)
    population.run(evaluate_all, GENERATIONS)
    return random.sample(sorted(population.population.values(), key=lambda g: g.key), SAMPLE)


def closed_loop(_neurons: int, _decisions: int) -> Prepared:
    """Prepare the evaluation of a sample; its size and length are the example's own."""
    random.seed(1)
    config = neat.Config(
        neat.DefaultGenome,
        neat.DefaultReproduction,
        neat.DefaultSpeciesSet,
        neat.DefaultStagnation,
        str(CONFIG),
    )
    genomes = evolved(config)

    def evaluate_sample() -> int:
        random.seed(2)  # the same starts each time
        return sum(evaluate(genome, config)[1] for genome in genomes)

    def run() -> float:
        start = time.perf_counter()
        evaluate_sample()
        return time.perf_counter() - start

    return Prepared(run, evaluate_sample(), SAMPLE)
