"""The final front: chosen on validation, never on what is reported."""

import pytest

from evo import decode, evolve
from experiments.config import resolve
from experiments.run_directory import final_front, objective_specs
from neuro import prune


def evolved(*extra):
    settings = [
        ("encoder.name", "current"), ("evolution.population", 16), ("evolution.generations", 3),
        ("objectives.feasible", 0.2), ("objectives.starts", 2), ("resilience.draws", 4),
        ("validation.episodes", 6), ("validation.draws", 8), *extra,
    ]  # fmt: skip
    config = resolve("cartpole", settings)
    state = evolve(
        config.evaluator, config.space, objective_specs(config), config.settings, seed=1
    ).state
    return config, state


def test_the_front_is_what_nobody_dominates_in_validation():
    config, state = evolved()
    front = final_front(config, state)
    assert front
    measured = config.validation()([network for *_, network in front])
    assert [v.fitness.values for _, v, _ in front] == [
        tuple(row) for row in measured.objectives.tolist()
    ]
    for _, a, _ in front:
        assert a.feasible
        assert not any(b.fitness.dominates(a.fitness) for _, b, _ in front)
    scores = [v.fitness.values[0] for _, v, _ in front]
    assert scores == sorted(scores, reverse=True)


def test_trained_and_validated_belong_together():
    config, state = evolved()
    for trained, validated, network in final_front(config, state):
        assert any(trained is i for i in state.population)
        assert trained.genome is validated.genome
        assert trained.number == validated.number
        assert trained.fitness.values[1] == validated.fitness.values[1] == network.size


def test_held_out_settings_do_not_change_the_choice():
    config, state = evolved()
    other, _ = evolved(("report.episodes", 3), ("report.draws", 2))
    assert [v.fitness.values for _, v, _ in final_front(config, state)] == [
        v.fitness.values for _, v, _ in final_front(other, state)
    ]


def test_where_validation_fails_everybody_the_best_of_them_is_kept():
    config, state = evolved()
    strict = resolve("cartpole", [
        ("encoder.name", "current"), ("objectives.feasible", 5.0), ("validation.episodes", 6),
    ])  # fmt: skip
    front = final_front(strict, state)
    assert len(front) == 1
    everybody = strict.validation()([n for *_, n in final_front(config, state)])
    assert front[0][1].fitness.violation <= everybody.violation.min()


@pytest.mark.parametrize("count", [10, 16])
def test_where_nobody_is_feasible_the_nearest_is_kept(count):
    config, state = evolved(("objectives.feasible", 5.0), ("validation.nearest", count))
    front = final_front(config, state)
    assert len(front) == 1
    trained, validated, _ = front[0]
    assert not trained.feasible
    nearest = sorted(i.fitness.violation for i in state.population)[:count]
    assert trained.fitness.violation <= nearest[-1]
    # It is the best of them on validation, not the luckiest in training.
    nearest = sorted(state.population, key=lambda i: i.fitness.violation)[:count]
    measured = config.validation()([prune(decode(i.genome, config.space)) for i in nearest])
    assert validated.fitness.violation == measured.violation.min()


@pytest.mark.parametrize("key", ["validation.episodes", "report.draws", "validation.nearest"])
def test_amounts_are_checked(key):
    with pytest.raises(ValueError, match=rf"^{key}: expected a whole number"):
        resolve("cartpole", [(key, -1)])
