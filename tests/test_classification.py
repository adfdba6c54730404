"""Samples as episodes: how they are split and drawn, and that the mean score is the accuracy."""

import dataclasses
import subprocess
import sys

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitness import TASKS, play
from fitness.tasks.classification import Classification, Data, chance, spread
from fitness.tasks.datasets import BREAST_CANCER, DATASETS, DIGITS, IRIS, WINE
from neuro import Current, InputError, Network, WinnerTakesAll

every_set = pytest.mark.parametrize("task", DATASETS, ids=[task.name for task in DATASETS])


def made_up(labels, *, features=None, own_test=0, **parameters):
    """A task whose feature is the number of the sample, unless given."""
    labels = np.array(labels, dtype=np.int64)
    if features is None:
        features = np.arange(len(labels), dtype=np.float64)[:, None]
    features = np.asarray(features, dtype=np.float64)
    classes = tuple("abcdefgh"[: int(labels.max()) + 1])
    said = {
        "name": "made up", "observations": [f"f{i}" for i in range(features.shape[1])],
        "actions": len(classes), "solved_at": 1.0, "worst": 0.5, "source": "",
        "load": lambda: Data(features, labels, classes, own_test),
    }  # fmt: skip
    return Classification(**{**said, **parameters})


def numbers(states):
    """Which samples these are, of a made-up task."""
    return states[:, 0].astype(int).tolist()


sizes = st.lists(st.integers(3, 25), min_size=2, max_size=4)


@st.composite
def tasks(draw, own=False):
    labels = [label for label, n in enumerate(draw(sizes)) for _ in range(n)]
    labels = draw(st.permutations(labels))
    test = draw(st.lists(st.sampled_from(labels), min_size=1, max_size=9)) if own else []
    return made_up(
        [*labels, *test], own_test=len(test), split_seed=draw(st.integers(0, 2**64 - 1)),
        validation_share=draw(st.floats(0.05, 0.45)), test_share=draw(st.floats(0.05, 0.45)),
    )  # fmt: skip


# --- splits -----------------------------------------------------------------------------------


@given(tasks())
def test_splits_are_disjoint_complete_and_stratified(task):
    labels = task.data.labels
    assert sorted(np.concatenate(task.splits).tolist()) == list(range(len(labels)))
    shares = (1 - task.validation_share - task.test_share, task.validation_share, task.test_share)
    for split, share in zip(task.splits, shares, strict=True):
        for label, count in enumerate(np.bincount(labels)):
            here = int((labels[split] == label).sum())
            assert here >= 1
            assert abs(here - share * count) <= 2


@given(tasks(own=True))
def test_a_test_split_that_the_data_bring_is_kept(task):
    labels, own = task.data.labels, task.data.own_test
    assert sorted(task.splits.test.tolist()) == list(range(len(labels) - own, len(labels)))
    both = [*task.splits.training.tolist(), *task.splits.validation.tolist()]
    assert sorted(both) == list(range(len(labels) - own))
    for split in task.splits[:2]:
        assert set(labels[split]) == set(labels)


def test_a_test_split_of_its_own_leaves_the_proportion_of_the_others():
    task = made_up([0, 1] * 50 + [0, 1, 1], own_test=3)
    assert [len(split) for split in task.splits] == [76, 24, 3]  # 50 in four: 37.5 and 12.5


@given(tasks(), st.integers(0, 2**64 - 1), st.integers(1, 120))
def test_draws_keep_to_their_split(task, seed, count):
    for purpose, split in (
        ("training", 0), ("training 7", 0), ("validation", 1), ("validation 2", 1),
        ("held-out", 2), ("campaign", 2), ("test", 2),
    ):  # fmt: skip
        states = task.draw_starts(seed, purpose, count)
        drawn = numbers(states)
        allowed = task.splits[split].tolist()
        assert len(drawn) == len(set(drawn)) == min(count, len(allowed))
        assert set(drawn) <= set(allowed)
        assert states[:, -1].tolist() == task.data.labels[drawn].tolist()


@given(tasks(), st.integers(0, 2**64 - 1))
def test_draws_are_nested_and_in_proportion(task, seed):
    labels = task.data.labels
    whole = numbers(task.draw_starts(seed, "training", len(task.splits.training)))
    longest = numbers(task.draw_starts(seed, "training", len(whole) - 1))
    for count in range(1, len(whole)):
        drawn = numbers(task.draw_starts(seed, "training", count))
        assert drawn == longest[:count]
        for label in range(task.actions):
            share = (labels[whole] == label).mean()
            assert abs((labels[drawn] == label).sum() - share * count) <= task.actions / 2
    assert set(longest) < set(whole)


def test_draws_depend_on_seed_and_purpose():
    task = made_up([0, 1, 2] * 40)
    draws = [
        tuple(numbers(task.draw_starts(seed, purpose, 12)))
        for seed in (1, 2) for purpose in ("training", "training 1", "validation", "held-out")
    ]  # fmt: skip
    assert len(set(draws)) == 8


def test_the_whole_split_is_the_same_for_every_seed():
    task = made_up([0, 1, 2] * 40)
    first = task.draw_starts(1, "held-out", 24)
    assert first.tobytes() == task.draw_starts(2, "campaign", 10**6).tobytes()
    assert sorted(first[:6, -1]) == [0, 0, 1, 1, 2, 2]


@given(tasks(), st.integers(0, 2**64 - 1), st.floats(0.1, 3.0), st.integers(1, 400))
def test_jitter_repeats_training_samples_with_noise(task, seed, jitter, count):
    noisy = dataclasses.replace(task, jitter=jitter)
    for purpose in ("validation", "held-out"):
        drawn = noisy.draw_starts(seed, purpose, count)
        assert drawn.tobytes() == task.draw_starts(seed, purpose, count).tobytes()
    plain, drawn = (t.draw_starts(seed, "training", count) for t in (task, noisy))
    assert len(drawn) == count
    assert drawn[: len(plain)].tobytes() == plain.tobytes()
    again = plain[np.arange(len(plain), count) % len(plain)]
    assert (drawn[len(plain) :, -1] == again[:, -1]).all()  # labels are right
    longer = noisy.draw_starts(seed, "training", count + 5)
    if count >= len(task.splits.training):
        assert longer[:count].tobytes() == drawn.tobytes()


def test_jitter_is_in_standard_deviations_and_new_in_each_epoch():
    task = dataclasses.replace(IRIS, jitter=0.5)
    split = task.draw_starts(1, "training", 90)
    one, two = (task.draw_starts(1, f"training{e}", 90 * 101)[90:] for e in ("", " 1"))
    noise = one - np.tile(split, (100, 1))
    assert (noise[:, -1] == 0.0).all()
    assert noise[:, :-1].std(axis=0) == pytest.approx(0.5 * split[:, :-1].std(axis=0), rel=0.05)
    assert abs(noise[:, :-1].mean(axis=0)).max() < 0.03
    assert not (one[:, :-1] == two[:, :-1]).any()


def test_splits_depend_on_the_split_seed_alone():
    labels = [0, 1, 2] * 20
    fixed = made_up(labels).splits
    again, other = made_up(labels).splits, made_up(labels, split_seed=1).splits
    assert [s.tolist() for s in again] == [s.tolist() for s in fixed]
    assert [set(s.tolist()) for s in other] != [set(s.tolist()) for s in fixed]


def test_the_split_of_iris_is_fixed_for_ever():
    """Changing it would change what the held-out score of every saved network means."""
    assert IRIS.splits.test[:9].tolist() == IRIS_TEST
    assert IRIS.draw_starts(1, "training", 6)[:, 2].tolist() == IRIS_DRAWN


IRIS_TEST = [4, 149, 80, 2, 128, 64, 11, 56, 143]
IRIS_DRAWN = [1.3, 4.8, 6.1, 1.6, 4.5, 3.7]


@given(tasks(), st.lists(st.integers(0, 2**64 - 1), max_size=8))
def test_starts_are_test_samples_by_seed(task, seeds):
    test = task.splits.test.tolist()
    starts = task.starts(seeds)
    assert starts.shape == (len(seeds), 2)
    assert numbers(starts) == [test[seed % len(test)] for seed in seeds]
    assert numbers(task.starts(range(len(test)))) == test


def test_reset_draws_from_the_test_split():
    task = made_up([0, 1] * 20)
    drawn = [task.reset(np.random.default_rng(seed)) for seed in range(50)]
    assert {int(d[0]) for d in drawn} <= set(task.splits.test.tolist())
    assert drawn[0].shape == (task.state_size,)
    assert len({int(d[0]) for d in drawn}) > 4


def test_spread_mixes_classes():
    labels = np.array([0] * 30 + [1] * 10)
    order = spread(np.arange(40), labels, np.arange(40, dtype=np.uint64))
    assert sorted(order.tolist()) == list(range(40))
    for count in range(4, 41, 4):
        assert labels[order[:count]].sum() == count // 4


def test_ranges_come_from_the_training_split_alone():
    task = made_up([0, 1] * 20)
    features = np.full((40, 3), 7.0)
    features[:, 0], features[:, 1] = np.linspace(-3.0, 5.0, 40), 1e6
    features[task.splits.training, 1] = np.linspace(10.0, 20.0, len(task.splits.training))
    task = made_up([0, 1] * 20, features=features)
    seen = features[task.splits.training, 0]
    center, scale = task.ranges()
    assert center == pytest.approx(((seen.min() + seen.max()) / 2, 15.0, 7.0))
    assert scale == pytest.approx(((seen.max() - seen.min()) / 2, 5.0, 1.0))
    given = made_up([0, 1] * 20, features=features, scale=(1.0, 2.0, 3.0))
    assert given.ranges() == ((0.0, 0.0, 0.0), (1.0, 2.0, 3.0))


# --- episodes ---------------------------------------------------------------------------------


@numba.njit
def compiled_observe(observe, state, observation):
    observe(state, observation)


@numba.njit
def compiled_step(step, state, action):
    return step(state, action)


def test_compiled_functions_agree_with_plain_ones():
    for state in DIGITS.draw_starts(1, "training", 20):
        plain, compiled = np.full(64, np.nan), np.full(64, np.nan)
        DIGITS.observe(state, plain)
        compiled_observe(DIGITS.observe, state, compiled)
        assert plain.tobytes() == compiled.tobytes() == state[:64].tobytes()
        for action in range(10):
            reward, ended = DIGITS.step(state, np.array([float(action)]))
            assert (reward, ended) == (float(action == state[64]), True)
            assert compiled_step(DIGITS.step, state, np.array([float(action)])) == (reward, ended)


def test_an_episode_stepped_from_python():
    start = IRIS.starts([3])[0]
    for action in range(3):
        episode = IRIS.begin(start)
        assert episode.observation.tolist() == start[:4].tolist()
        assert episode.step(np.array([float(action)])) == (float(action == start[4]), True, False)
        episode.close()


def test_the_mean_score_is_the_accuracy():
    """A network that says 1 for values above the middle; some labels are made wrong for it."""
    x = np.tile([-4.0, -3.0, -2.0, -1.0, 1.0, 2.0, 3.0, 4.0], 10) + 100.0
    labels = (x > 100.0).astype(np.int64)
    labels[::7] = 1 - labels[::7]
    task = made_up(labels, features=x[:, None])
    center, scale = task.ranges()
    assert (center, scale) == ((100.0,), (4.0,))
    network = Network.build(
        2, input_synapses=[(0, 1, 2.0)], outputs=[0, 1],
        encoder=Current(scale=scale, center=center), readout=WinnerTakesAll(),
    )  # fmt: skip
    right = (x > 100.0) == labels
    for purpose, split in (("training", 0), ("validation", 1), ("held-out", 2)):
        result = play(network, task, task.draw_starts(1, purpose, 1000))
        index = task.splits[split]
        assert result.scores.tolist() == right[index].tolist()
        assert result.scores.mean() == right[index].mean()
        assert 0.5 < result.scores.mean() < 1.0
        assert result.steps.tolist() == [1] * len(index)


@every_set
def test_saying_one_class_scores_its_share(task):
    center, scale = task.ranges()
    network = Network.build(
        task.actions, outputs=range(task.actions), encoder=Current(scale=scale, center=center),
        readout=WinnerTakesAll(),
    )  # fmt: skip
    starts = task.draw_starts(1, "held-out", 10_000)
    assert play(network, task, starts).scores.mean() == (starts[:, -1] == 0).mean()


# --- what data may be -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"observations": ["one", "two"]},
         "task made up: features: expected shape (40, 2), got (40, 1)"),
        ({"actions": 3}, "task made up: classes: expected 3 of them, got 2"),
        ({"features": np.full((40, 1), np.nan)}, "task made up: features: expected magnitudes up"),
        ({"features": np.full((40, 1), 2e9)}, "task made up: features: expected magnitudes up"),
        ({"own_test": 41},
         "task made up: own_test: expected a whole number from 0 to 40, got 41"),
        ({"own_test": 36},
         "task made up: class a: expected at least 3 samples, got 2"),
        ({"load": lambda: Data(np.zeros((3, 1)), np.array([0, 1, 2]), ("a", "b"))},
         "task made up: labels: expected numbers from 0 to 1"),
        ({"load": lambda: Data(np.zeros((3, 1)), np.zeros(3, dtype=np.int64), ("a",)),
          "actions": 1},
         "task made up: expected at least 2 classes, got a"),
    ],
)  # fmt: skip
def test_data_that_are_not_what_the_task_says(changed, line):
    with pytest.raises(InputError) as error:
        made_up([0, 1] * 20, **changed).starts([1])
    assert str(error.value).startswith(line)


@pytest.mark.parametrize(
    ("shares", "line"),
    [
        ({"test_share": 0.0}, "test_share: expected a number from 0.01 to 0.98, got 0.0"),
        ({"test_share": 0.5, "validation_share": 0.5}, "validation_share: expected a number from"),
        ({"split_seed": -1}, "split_seed: expected a whole number from 0 to"),
    ],
)
def test_bad_parameters(shares, line):
    with pytest.raises(InputError) as error:
        made_up([0, 1] * 20, **shares)
    assert str(error.value).startswith(line)


def test_data_are_loaded_once_and_late():
    calls = []

    def load():
        calls.append(1)
        return IRIS.data

    task = dataclasses.replace(IRIS, load=load)
    assert repr(task).startswith("Classification(name='iris', ")
    assert task.state_size == 5
    assert calls == []
    task.starts([1, 2])
    task.draw_starts(1, "training", 5)
    task.ranges()
    assert calls == [1]


# --- the bundled sets -------------------------------------------------------------------------


@every_set
def test_bundled_sets_are_what_is_said_of_them(task):
    from sklearn import datasets

    assert TASKS[task.name] is task
    assert (task.kind, task.unit, task.max_steps) == ("classification", "accuracy", 1)
    found = getattr(datasets, "load_" + task.name.replace("-", "_"))()
    assert list(task.observations) == list(found.feature_names)
    assert task.data.features.tobytes() == np.ascontiguousarray(found.data, np.float64).tobytes()
    assert task.data.labels.tolist() == found.target.tolist()
    assert task.worst == chance(task.data.labels)
    assert task.worst < task.solved_at
    assert task.ranges() == task.ranges()


@pytest.mark.parametrize(
    ("task", "features", "counts", "classes"),
    [
        (IRIS, 4, [50, 50, 50], ("setosa", "versicolor", "virginica")),
        (WINE, 13, [59, 71, 48], ("class_0", "class_1", "class_2")),
        (BREAST_CANCER, 30, [212, 357], ("malignant", "benign")),
        (DIGITS, 64, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180],
         tuple("0123456789")),
    ],
    ids=lambda value: getattr(value, "name", None),
)  # fmt: skip
def test_published_sizes(task, features, counts, classes):
    assert task.data.features.shape == (sum(counts), features)
    assert np.bincount(task.data.labels).tolist() == counts
    assert task.data.classes == classes


def test_published_values():
    """First and last sample of Fisher's table; largest values that are documented."""
    assert IRIS.data.features[0].tolist() == [5.1, 3.5, 1.4, 0.2]
    assert IRIS.data.features[149].tolist() == [5.9, 3.0, 5.1, 1.8]
    assert WINE.data.features[:, 12].max() == 1680.0
    assert BREAST_CANCER.data.features[:, 3].max() == 2501.0
    assert (DIGITS.data.features.min(), DIGITS.data.features.max()) == (0.0, 16.0)


@pytest.mark.parametrize(
    ("task", "expected"),
    [(IRIS, [90, 30, 30]), (WINE, [106, 36, 36]), (BREAST_CANCER, [343, 113, 113]),
     (DIGITS, [1079, 359, 359])],
    ids=lambda value: getattr(value, "name", None),
)  # fmt: skip
def test_sizes_of_splits(task, expected):
    assert [len(split) for split in task.splits] == expected


def test_scikit_learn_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    task = dataclasses.replace(IRIS)  # which has not loaded anything yet
    with pytest.raises(InputError) as error:
        task.ranges()
    assert str(error.value) == (
        "task iris: needs scikit-learn; install it with: pip install 'tardigrade[classification]'"
    )


def test_listing_tasks_imports_no_scikit_learn():
    script = (
        "import sys; from experiments.cli import main; main(['tasks']); "
        "assert not [m for m in sys.modules if m.startswith('sklearn')]"
    )
    listed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert listed.returncode == 0, listed.stderr
    assert "breast-cancer" in listed.stdout
