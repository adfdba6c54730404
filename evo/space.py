"""The search space: how networks are wired to their task, and the range of every gene."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from evo.hardware import FLOAT, HardwareProfile, Range
from neuro import Encoder, Readout
from neuro.columns import MAX_DELAY, MAX_REFRACTORY, RESET_RULES
from neuro.errors import InputError, wrong
from neuro.hashing import hash_text, hash_words
from neuro.specs import real, whole
from neuro.symmetry import Symmetry


@dataclass(frozen=True)
class SearchSpace:
    """What evolution may build.

    Parameters
    ----------
    encoder : Encoder
    readout : Readout
    outputs : int
        Number of output neurons.
    task : str, optional
        Recorded in the networks.
    dt : float
        ms per tick.
    weight_limit : float
        Weights lie in [-weight_limit, weight_limit].
    delay_limit : int
        Delays lie in 1 .. delay_limit ticks.
    threshold_low, threshold_high : float
    tau_low, tau_high : float
        ms; a time constant that grows beyond tau_high becomes infinite (no leak).
    v_reset, v_leak, v_min : float
    refractory : int
        Ticks.
    reset : {"to_value", "subtract"}
    hidden_limit, synapse_limit : int
        Operators do not grow a genome beyond these.
    density : float
        Share of all connections from sources to their targets that a first network has.
    first_hidden : int
        Hidden neurons per output in a first network.
    first_weight : float
        Standard deviation of the weights of a first network; 0 for weights from all of the range.
        Networks that do little at first are good places to begin for refinement.
    first_bias : float
        Weight that first synapses from a constant channel have in any case.
    first_threshold, first_tau : float
        Threshold and time constant of the neurons of a first network; 0 for random ones.
    symmetry : Symmetry, optional
        Networks are built with their mirror image: every neuron has a twin, every synapse too,
        of equal weight, so that the network does in a mirror what it does outside. A genome
        holds one of each.
    hardware : HardwareProfile
        What the chip that the networks are for can hold; no restriction by default. Where it
        says something, that counts and not the limit here.

    Notes
    -----
    Outputs that never spike (see `Readout.neurons`) send nothing, and channels of a graded
    encoder do not reach them directly: what they integrate is spikes. With such an encoder a
    first network has at least one hidden neuron per output.
    """

    encoder: Encoder
    readout: Readout
    outputs: int
    task: str | None = None
    dt: float = 1.0
    weight_limit: float = 2.0
    delay_limit: int = 8
    threshold_low: float = 0.1
    threshold_high: float = 2.0
    tau_low: float = 1.0
    tau_high: float = 100.0
    v_reset: float = 0.0
    v_leak: float = 0.0
    v_min: float = -np.inf
    refractory: int = 0
    reset: str = "to_value"
    hidden_limit: int = 32
    synapse_limit: int = 256
    density: float = 0.4
    first_hidden: int = 0
    first_weight: float = 0.0
    first_bias: float = 0.0
    first_threshold: float = 0.0
    first_tau: float = 0.0
    symmetry: Symmetry | None = None
    hardware: HardwareProfile = FLOAT

    def __post_init__(self) -> None:
        whole(self.outputs, "outputs", 1, 10_000)
        real(self.dt, "dt", 1e-9, 1e9)
        real(self.weight_limit, "weight_limit", 1e-9, 1e9)
        whole(self.delay_limit, "delay_limit", 1, MAX_DELAY)
        real(self.threshold_low, "threshold_low", 1e-9, 1e9)
        real(self.threshold_high, "threshold_high", self.threshold_low, 1e9)
        real(self.tau_low, "tau_low", 1e-9, 1e9)
        real(self.tau_high, "tau_high", self.tau_low, 1e9)
        for name in ("v_reset", "v_leak"):
            real(getattr(self, name), name, -1e9, 1e9)
        real(self.v_min, "v_min", -np.inf, 1e9)
        whole(self.refractory, "refractory", 0, MAX_REFRACTORY)
        if self.reset not in RESET_RULES:
            raise wrong("reset", f"one of {', '.join(RESET_RULES)}", self.reset)
        whole(self.hidden_limit, "hidden_limit", 0, 100_000)
        whole(self.synapse_limit, "synapse_limit", 1, 1_000_000)
        real(self.density, "density", 0.0, 1.0)
        whole(self.first_hidden, "first_hidden", 0, self.hidden_limit)
        real(self.first_weight, "first_weight", 0.0, self.weight_limit)
        real(self.first_bias, "first_bias", -self.weight_limit, self.weight_limit)
        for name in ("threshold", "tau"):
            if getattr(self, f"first_{name}") != 0.0:
                low, high = getattr(self, f"{name}_low"), getattr(self, f"{name}_high")
                real(getattr(self, f"first_{name}"), f"first_{name}", low, high)
        if self.readout.size not in (None, self.outputs):
            raise wrong(
                "outputs", f"{self.readout.size} for the readout {self.readout.name}", self.outputs
            )
        if self.symmetry is not None:
            if len(self.symmetry.signs) != self.encoder.observations:
                count = f"{self.encoder.observations} signs"
                raise wrong("symmetry", count, len(self.symmetry.signs))
            self.encoder.mirror(self.symmetry)
            self.readout.mirror(self.symmetry, self.outputs)
        first = max(self.first_hidden, int(self.silent and self.encoder.graded))
        if self.hidden_limit < first * len(self.targets):
            least = f"at least {first * len(self.targets)}, those of a first network"
            raise wrong("hidden_limit", least, self.hidden_limit)
        if not isinstance(self.hardware, HardwareProfile):
            raise wrong("hardware", "a HardwareProfile", self.hardware)
        try:
            self.hardware.check(self)
        except InputError as error:
            raise InputError(f"hardware.{error}") from None

    @cached_property
    def weights(self) -> Range:
        """The weights there are."""
        return self.hardware.weights(self.weight_limit)

    @cached_property
    def thresholds(self) -> Range:
        """The thresholds there are."""
        return self.hardware.thresholds(self.threshold_low, self.threshold_high)

    @cached_property
    def delays(self) -> tuple[int, int]:
        """Shortest and longest delay, ticks."""
        return self.hardware.delay_low, self.hardware.delay_high or self.delay_limit

    @property
    def floor(self) -> float:
        """Floor of the potential."""
        return self.v_min if self.hardware.v_min is None else self.hardware.v_min

    @cached_property
    def input_keys(self) -> NDArray[np.uint64]:
        """Keys of the input neurons; empty with a graded encoder."""
        count = 0 if self.encoder.graded else self.encoder.channels
        return hash_words(hash_text("input"), np.arange(count, dtype=np.uint64))

    @cached_property
    def output_keys(self) -> NDArray[np.uint64]:
        """Keys of the output neurons."""
        return hash_words(hash_text("output"), np.arange(self.outputs, dtype=np.uint64))

    @cached_property
    def channel_keys(self) -> NDArray[np.uint64]:
        """Keys of the channels of a graded encoder, which genes use as `pre`; else empty."""
        count = self.encoder.channels if self.encoder.graded else 0
        return hash_words(hash_text("channel"), np.arange(count, dtype=np.uint64))

    @cached_property
    def constant_keys(self) -> NDArray[np.uint64]:
        """Keys of the channels whose current never changes; see `Encoder.constants`."""
        return self.channel_keys[len(self.channel_keys) - self.encoder.constants :]

    @cached_property
    def output_columns(self) -> dict[str, NDArray[np.float64]]:
        """Columns of the output neurons that the readout dictates."""
        return self.readout.neurons(self.outputs)

    @cached_property
    def silent(self) -> bool:
        """Whether the outputs never spike."""
        threshold = self.output_columns.get("v_threshold", np.zeros(1))
        return bool(np.isinf(threshold).all())

    @cached_property
    def _channels(self) -> frozenset[int]:
        return frozenset(self.channel_keys.tolist())

    @cached_property
    def _silent(self) -> frozenset[int]:
        return frozenset(self.output_keys.tolist()) if self.silent else frozenset()

    def allows(self, pre: np.uint64, post: np.uint64) -> bool:
        """Whether a synapse gene from `pre` to `post` may be.

        In a mirrored network a gene onto an output that is its own twin has its image there too:
        only one of the two is allowed, and none that would have to be its own opposite.
        """
        a, b = int(pre), int(post)
        if a in self._silent or (b in self._silent and a in self._channels):
            return False
        if self.twins.get(b) != b:
            return True
        twin = self.twins.get(a)
        if twin is None:  # a hidden neuron, whose image sends the opposite
            return True
        return a < twin or (a == twin and (a in self.odd) == (b in self.odd))

    @cached_property
    def twins(self) -> dict[int, int]:
        """Keys of what takes the place of each channel, input and output in the mirror."""
        if self.symmetry is None:
            return {}
        channels = self.encoder.mirror(self.symmetry).place
        outputs = self.readout.mirror(self.symmetry, self.outputs).place
        heard = self.channel_keys if self.encoder.graded else self.input_keys
        pairs = [(heard, channels), (self.output_keys, outputs)]
        return {
            int(key): int(keys[other])
            for keys, places in pairs
            for key, other in zip(keys, places, strict=True)
        }

    @cached_property
    def odd(self) -> frozenset[int]:
        """Keys of channels and outputs whose value changes its sign in the mirror."""
        if self.symmetry is None:
            return frozenset()
        found = []
        if self.encoder.graded:
            found.append((self.channel_keys, self.encoder.mirror(self.symmetry).sign))
        found.append((self.output_keys, self.readout.mirror(self.symmetry, self.outputs).sign))
        return frozenset(int(key) for keys, signs in found for key in keys[signs < 0])

    @cached_property
    def own(self) -> NDArray[np.int64]:
        """Indices of the fixed neurons whose genes count, in a mirrored network one of a pair."""
        keys = np.concatenate([self.input_keys, self.output_keys]).tolist()
        return np.array(
            [i for i, key in enumerate(keys) if keys.index(self.twins.get(key, key)) >= i]
        )

    @cached_property
    def targets(self) -> NDArray[np.uint64]:
        """Keys of the outputs that genes may lead to: in a mirrored network one of a pair."""
        inputs = len(self.input_keys)
        return self.output_keys[self.own[self.own >= inputs] - inputs]

    @property
    def fixed(self) -> int:
        """Number of neurons that every genome has: inputs, then outputs."""
        return len(self.input_keys) + len(self.output_keys)
