"""Classification under the task contract: one sample is one episode of one decision.

The score of an episode is 1 for the right class and 0 for another, so the mean score is the
accuracy. Samples are split in three, class by class: networks are evolved on the training split
and chosen on the validation split; the test split is for numbers to quote.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fitness.tasks.contract import CompiledTask, episode_seeds
from neuro.errors import InputError, wrong
from neuro.hashing import hash_text, hash_words
from neuro.jit import OBSERVE, STEP, KernelFunction, kernel_function
from neuro.specs import real, settle, whole

LARGEST = 1e9
"""Largest magnitude of a feature; encoders take no wider range."""

LEAST = 3
"""Samples that a class needs: one for each split."""


class Data(NamedTuple):
    """Labelled samples.

    Attributes
    ----------
    features : ndarray of float64, shape (n, d)
    labels : ndarray of int64, shape (n,)
        From 0 to the number of classes - 1.
    classes : tuple of str
        Names of the classes.
    own_test : int
        How many samples, the last ones, their publisher set aside for tests.
    """

    features: NDArray[np.float64]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    own_test: int = 0


class Splits(NamedTuple):
    """Which samples belong to which split, as indices; see `spread` for their order."""

    training: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


@kernel_function(OBSERVE)
def observe(state, observation):
    """Show the features; the label comes after them."""
    for i in range(len(observation)):
        observation[i] = state[i]


@kernel_function(STEP)
def step(state, action):
    """Reward the right class. There is nothing more to decide."""
    return 1.0 if action[0] == state[len(state) - 1] else 0.0, True


@dataclass(frozen=True, kw_only=True)
class Classification(CompiledTask):
    """A task of telling classes apart; see `Task` for the rest.

    Parameters
    ----------
    load : callable
        Returns the `Data`; called once, when they are first needed.
    validation_share, test_share : float
        Shares of the samples; the rest is for training. Where the data have a test split of
        their own, the other two keep their proportion.
    split_seed : int
        Which samples belong to which split. A run's seed has no say in it: a network's score
        on the test split always refers to the same samples.
    jitter : float
        Noise of training samples that are drawn beyond the split, in standard deviations of each
        feature; 0 for none to be drawn. Few samples that are all told apart say nothing of how
        safely; noisy copies do, as noise is a regulariser (Bishop, "Training with noise is
        equivalent to Tikhonov regularization", Neural Computation 7 (1995), 108-116).

    Examples
    --------
    >>> from dataclasses import replace
    >>> from fitness import TASKS
    >>> iris = TASKS["iris"]
    >>> [len(split) for split in iris.splits]
    [90, 30, 30]
    >>> iris.draw_starts(1, "training", 8).shape   # four features and the label
    (8, 5)
    >>> [len(replace(iris, jitter=j).draw_starts(1, "training", 500)) for j in (0.0, 0.3)]
    [90, 500]
    """

    kind: ClassVar[str] = "classification"
    unit: ClassVar[str] = "accuracy"

    load: Callable[[], Data] = field(repr=False)
    validation_share: float = 0.2
    test_share: float = 0.2
    split_seed: int = 0
    jitter: float = 0.0
    max_steps: int = 1
    reset: Callable[[np.random.Generator], NDArray[np.float64]] = field(
        init=False, repr=False, compare=False
    )
    observe: KernelFunction = observe
    step: KernelFunction = step

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, reset=self._draw)
        whole(self.split_seed, "split_seed", 0, 2**64 - 1)
        real(self.test_share, "test_share", 0.01, 0.98)
        real(self.validation_share, "validation_share", 0.01, 0.99 - self.test_share)
        real(self.jitter, "jitter", 0.0, 1e9)

    def fingerprint(self) -> str:
        """Hash features and labels (the beginning of a SHA-256)."""
        features, labels = (np.ascontiguousarray(a) for a in (self.data.features, self.data.labels))
        return hashlib.sha256(features.tobytes() + labels.tobytes()).hexdigest()[:16]

    @cached_property
    def data(self) -> Data:
        """The samples.

        Raises
        ------
        InputError
            They cannot be loaded, or are not what the task says of them.
        """
        data, where = self.load(), f"task {self.name}"
        shape = (len(data.labels), len(self.observations))
        if data.features.shape != shape:
            raise wrong(f"{where}: features", f"shape {shape}", data.features.shape)
        low, high = data.features.min(initial=0.0), data.features.max(initial=0.0)
        if not -LARGEST <= low <= high <= LARGEST:  # NaN is not either
            raise InputError(f"{where}: features: expected magnitudes up to {LARGEST:g}")
        if len(data.classes) != self.actions:
            raise wrong(f"{where}: classes", f"{self.actions} of them", len(data.classes))
        if len(data.labels) and not 0 <= data.labels.min() <= data.labels.max() < self.actions:
            raise InputError(f"{where}: labels: expected numbers from 0 to {self.actions - 1}")
        whole(data.own_test, f"{where}: own_test", 0, len(data.labels))
        check_classes(data.labels[: len(data.labels) - data.own_test], data.classes, where)
        return data

    @cached_property
    def splits(self) -> Splits:
        """The training, validation and test split: disjoint, and together all samples."""
        labels, own = self.data.labels, self.data.own_test
        index = np.arange(len(labels))
        key = hash_words(np.uint64(self.split_seed), hash_text("split"), index.astype(np.uint64))
        shared = index[: len(index) - own]
        validation_share = self.validation_share / (1.0 - self.test_share if own else 1.0)
        split = np.zeros(len(labels), dtype=np.int64)  # 0 for training
        split[len(shared) :] = 2
        for label in range(len(self.data.classes)):
            members = shared[labels[shared] == label]
            members = members[np.argsort(key[members], kind="stable")]
            count = len(members)
            # At least one sample for each split: a class has `LEAST`.
            test = 0 if own else min(max(round(self.test_share * count), 1), count - 2)
            validation = min(max(round(validation_share * count), 1), count - test - 1)
            split[members[:test]] = 2
            split[members[test : test + validation]] = 1
        return Splits(*(spread(index[split == s], labels, key) for s in range(3)))

    def ranges(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Center and scale of each feature, from the training split alone."""
        if self.scale:
            return super().ranges()
        seen = self.data.features[self.splits.training]
        low, high = seen.min(axis=0), seen.max(axis=0)
        half = 0.5 * (high - low)
        scale = np.where(half > 1e-9, half, 1.0)
        return tuple((0.5 * (low + high)).tolist()), tuple(scale.tolist())

    @cached_property
    def state_size(self) -> int:
        """Number of features and one label."""
        return len(self.observations) + 1

    def starts(self, seeds: Sequence[int]) -> NDArray[np.float64]:
        """Samples of the test split, one per seed: the one at seed modulo its size."""
        test = self.splits.test
        checked = [whole(seed, f"seeds[{i}]", 0, 2**64 - 1) for i, seed in enumerate(seeds)]
        return self._states(test[[seed % len(test) for seed in checked]])

    def draw_starts(self, seed: int, purpose: str, count: int) -> NDArray[np.float64]:
        """Return samples for a purpose, in the proportion of their classes and each only once.

        Purposes that start with "training" and "validation" draw from these splits, all
        others from the test split. A longer list begins with the shorter, up to the whole
        split, which has an order of its own. `count` may be larger: beyond the split there is
        nothing, but for training with `jitter` the samples again and again, each time with noise
        of its own.
        """
        whole(seed, "seed", 0, 2**64 - 1)
        split = self.splits.test
        for name in ("training", "validation"):
            if purpose.startswith(name):
                split = getattr(self.splits, name)
        if count < len(split):
            key = hash_words(
                np.uint64(seed), hash_text(purpose),
                np.arange(len(self.data.labels), dtype=np.uint64),
            )  # fmt: skip
            split = spread(np.sort(split), self.data.labels, key)[:count]
        drawn = self._states(split)
        if self.jitter and purpose.startswith("training") and count > len(split):
            drawn = self._with_noisy(drawn, count, episode_seeds(seed, f"{purpose} jitter", 1)[0])
        return drawn

    def _with_noisy(self, drawn: NDArray[np.float64], count: int, seed: int) -> NDArray[np.float64]:
        """Add samples with noise after those without, in their order, until there are `count`."""
        again = drawn[np.arange(len(drawn), count) % len(drawn)]
        noise = np.random.default_rng(seed).standard_normal((len(again), drawn.shape[1] - 1))
        again[:, :-1] += self.jitter * drawn[:, :-1].std(axis=0) * noise
        return np.concatenate((drawn, np.clip(again, -LARGEST, LARGEST)))

    def _states(self, index: NDArray[np.int64]) -> NDArray[np.float64]:
        states = np.empty((len(index), self.state_size))
        states[:, :-1], states[:, -1] = self.data.features[index], self.data.labels[index]
        return states

    def _draw(self, rng: np.random.Generator) -> NDArray[np.float64]:
        return self.starts([int(rng.integers(len(self.splits.test)))]).ravel()


def spread(
    index: NDArray[np.int64], labels: NDArray[np.int64], key: NDArray[np.uint64]
) -> NDArray[np.int64]:
    """Order samples so that every beginning has the classes in their proportion.

    Each class is laid out evenly from 0 to 1, its own samples in the order of their `key`. That
    matters beyond fair subsets: fault draws that are fewer than the samples take the first ones.

    Examples
    --------
    >>> labels = np.array([0, 0, 0, 0, 1, 1])
    >>> labels[spread(np.arange(6), labels, np.arange(6, dtype=np.uint64))]
    array([0, 1, 0, 0, 1, 0])
    """
    place = np.empty(len(index))
    for label in np.unique(labels[index]):
        members = np.flatnonzero(labels[index] == label)
        members = members[np.argsort(key[index[members]], kind="stable")]
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    order: NDArray[np.int64] = index[np.lexsort((key[index], place))]
    return order


def check_classes(labels: NDArray[np.int64], classes: Sequence[str], where: str) -> None:
    """Make sure that there is something to tell apart, and enough of it to split.

    Raises
    ------
    InputError
        Fewer than two classes, or fewer than `LEAST` samples of one.
    """
    if len(classes) < 2:
        raise wrong(where, "at least 2 classes", ", ".join(classes) or "none")
    for name, count in zip(classes, np.bincount(labels, minlength=len(classes)), strict=True):
        if count < LEAST:
            raise wrong(f"{where}: class {name}", f"at least {LEAST} samples", int(count))


def chance(labels: NDArray[np.int64]) -> float:
    """Accuracy of always saying the most frequent class.

    Examples
    --------
    >>> chance(np.array([0, 1, 1]))
    0.667
    """
    return round(float(np.bincount(labels).max()) / len(labels), 3)


def make_task(
    name: str, data: Data, observations: Sequence[str], solved_at: float, source: str
) -> Classification:
    """Make a task of data that have been read.

    Raises
    ------
    InputError
        Data that cannot be split, or a `solved_at` that needs no network.
    """
    worst = chance(data.labels)
    if not worst < real(solved_at, f"{name}: solved_at", 0.0, 1.0):
        raise wrong(
            f"{name}: solved_at", f"a number above {worst:g}, the share of the largest class, to 1",
            solved_at,
        )  # fmt: skip
    task = Classification(
        name=name,
        observations=tuple(observations),
        actions=len(data.classes),
        solved_at=float(solved_at),
        worst=worst,
        source=source,
        load=lambda: data,
    )
    task.data  # noqa: B018  checks them
    return task
