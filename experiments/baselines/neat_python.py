"""NEAT as in neat-python, https://github.com/CodeReclaimers/neat-python.

Evolution is that package's own. Its networks are translated into arrays and played by a kernel,
100,000 decisions with two poles in 0.04 s instead of 2 s. So all episodes are played in full, and
no shorter ones are needed to select by.
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from experiments.baselines.contract import Attempt, Evaluate, Solved, attempt
from experiments.baselines.rate_network import RateNetwork, count_outputs
from fitness import Task
from neuro.errors import InputError
from neuro.specs import whole

RECURRENT = (
    "single-pole-no-velocity", "double-pole-no-velocity", "tennlab-hard", "tennlab-hardest",
)  # fmt: skip
"""Tasks that hide velocities: only a network with a memory can tell them."""

# The values of neat-python's example single-pole-balancing, with these exceptions, most of them
# values of Stanley & Miikkulainen (2002), who introduced NEAT. The population is theirs and that
# of most other examples. Networks begin without hidden nodes and fully connected. Nodes and
# connections are added at their rates and deleted as often as they are added. Weights change by
# more, and count for less in how far two genomes are apart. In ten runs the double pole was solved
# after 2,000 evaluations (median); with the example as it is, after 7,000 to 9,000 if at all.
CONFIG = """
[NEAT]
pop_size = {population}
fitness_criterion = max
fitness_threshold = inf
no_fitness_termination = False
reset_on_extinction = True

[DefaultGenome]
num_inputs = {inputs}
num_outputs = {outputs}
num_hidden = 0
feed_forward = {feed_forward}
initial_connection = full_direct
enabled_default = True
conn_add_prob = 0.05
conn_delete_prob = 0.05
node_add_prob = 0.03
node_delete_prob = 0.03
enabled_mutate_rate = 0.01
compatibility_disjoint_coefficient = 1.0
compatibility_weight_coefficient = 0.4
activation_default = sigmoid
activation_options = sigmoid
activation_mutate_rate = 0.0
aggregation_default = sum
aggregation_options = sum
aggregation_mutate_rate = 0.0
weight_init_mean = 0.0
weight_init_stdev = 1.0
weight_min_value = -30.0
weight_max_value = 30.0
weight_mutate_rate = 0.8
weight_mutate_power = 2.5
weight_replace_rate = 0.1
bias_init_mean = 0.0
bias_init_stdev = 1.0
bias_min_value = -30.0
bias_max_value = 30.0
bias_mutate_rate = 0.7
bias_mutate_power = 0.5
bias_replace_rate = 0.1
response_init_mean = 1.0
response_init_stdev = 0.0
response_min_value = -30.0
response_max_value = 30.0
response_mutate_rate = 0.0
response_mutate_power = 0.0
response_replace_rate = 0.0

[DefaultSpeciesSet]
compatibility_threshold = 3.0

[DefaultStagnation]
species_fitness_func = max
max_stagnation = 20

[Reproduction]
elitism = 2
survival_threshold = 0.2
"""


def solve(
    task: Task,
    seed: int,
    /,
    *,
    evaluations: int,
    solved: Solved | None = None,
    recurrent: bool | None = None,
    population: int = 150,
) -> Attempt:
    """Evolve with neat-python; see `experiments.baselines.contract`.

    Fitness is the mean score. Genomes that live on are not evaluated again. Numbers are drawn
    from Python's global generator, as neat-python does; its state is put back afterwards.

    Parameters
    ----------
    task, seed, evaluations, solved
        As in every baseline; the task must be a compiled one.
    recurrent : bool, optional
        Whether networks may be recurrent; where left out, for the tasks in `RECURRENT`.
    population : int

    Raises
    ------
    InputError
        neat-python is not installed.

    Examples
    --------
    >>> from fitness import TASKS
    >>> solve(TASKS["cartpole"], 1, evaluations=5).evaluations
    5
    """
    neat = _neat()
    recurrent = task.name in RECURRENT if recurrent is None else recurrent
    config = _configure(neat, task, recurrent, whole(population, "population", 2, 10**6))
    network = neat.nn.RecurrentNetwork if recurrent else neat.nn.FeedForwardNetwork

    def evaluate_all(genomes: list[tuple[int, Any]], evaluate: Evaluate) -> None:
        for _, genome in genomes:
            if genome.fitness is None:
                genome.fitness = evaluate(translate(network.create(genome, config)))

    def explore(evaluate: Evaluate) -> NoReturn:
        population = neat.Population(config)
        population.run(lambda genomes, _: evaluate_all(genomes, evaluate))
        raise AssertionError("neat-python ended without a solution")

    before = random.getstate()
    try:
        random.seed(seed)
        return attempt(task, seed, explore, evaluations=evaluations, solved=solved)
    finally:
        random.setstate(before)


def translate(network: Any) -> RateNetwork:
    """Turn a network of neat-python, feed-forward or recurrent, into arrays.

    What does not lead to an output is left out.
    """
    needed = set(network.output_nodes)
    nodes = network.node_evals
    for _ in nodes:
        needed |= {source for node, *_, links in nodes if node in needed for source, _ in links}
    nodes = [row for row in nodes if row[0] in needed]
    inputs = list(network.input_nodes)
    computed = [*inputs, *(row[0] for row in nodes)]
    idle = [key for key in network.output_nodes if key not in computed]
    place = {key: slot for slot, key in enumerate([*computed, *idle])}
    # What nothing leads to in a recurrent network stays at 0, and so does what it sends.
    links = [[(place[s], w) for s, w in row[-1] if s in computed] for row in nodes]
    flat = [link for some in links for link in some]
    return RateNetwork(
        len(inputs),
        first=np.cumsum([0, *map(len, links)]),
        source=np.array([source for source, _ in flat], dtype=np.int64),
        bias=np.array([row[3] for row in nodes], dtype=np.float64),
        response=np.array([row[4] for row in nodes], dtype=np.float64),
        weight=np.array([weight for _, weight in flat], dtype=np.float64),
        outputs=np.array([place[key] for key in network.output_nodes], dtype=np.int64),
        sigmoid=True,
        recurrent=hasattr(network, "active"),
    )


def _configure(neat: Any, task: Task, recurrent: bool, population: int) -> Any:
    class Reproduction(neat.DefaultReproduction):
        """Reproduction that does not give up where there are too many species.

        neat-python raises an error then. Here they count as died out, and since
        `reset_on_extinction` is set, a new population takes their place.
        """

        def reproduce(self, config: Any, species: Any, *rest: Any) -> Any:
            try:
                return super().reproduce(config, species, *rest)
            except RuntimeError:
                species.species = {}
                return {}

    text = CONFIG.format(
        population=population,
        inputs=len(task.observations),
        outputs=count_outputs(task.actions),
        feed_forward=not recurrent,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "neat.ini"
        path.write_text(text)
        return neat.Config(
            neat.DefaultGenome, Reproduction, neat.DefaultSpeciesSet, neat.DefaultStagnation,
            str(path),
        )  # fmt: skip


def _neat() -> Any:
    try:
        import neat
    except ImportError:
        raise InputError(
            "the baseline neat-python needs neat-python; install it with: "
            "pip install 'tardigrade[baselines]'"
        ) from None
    return neat
