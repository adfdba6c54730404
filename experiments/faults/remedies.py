"""Remedies against faults: what is protected or duplicated, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from experiments.faults.duplicates import duplicate, hidden_neurons
from fitness.sampling import order
from neuro import Network
from neuro.errors import wrong
from neuro.faults import Draws, Fault, FaultModel, FaultSite, SiteFault, Values
from neuro.hashing import hash_text, hash_words
from neuro.specs import settle

REMEDIES = {
    "synapses": "the weights of chosen synapses are exempt from faults",
    "bits": "the highest bits of all weights are exempt",
    "halves": "chosen neurons are there twice, with half of their outgoing weights each",
    "copies": "chosen neurons are there twice, with all of their outgoing weights each",
}
"""Remedies by name."""
SHARES = {"halves": 0.5, "copies": 1.0}
WORD = 8
"""Bits of a weight, unless a fault model says otherwise."""


class Remedy(NamedTuple):
    """A remedy that has been applied.

    Attributes
    ----------
    network : Network
    faults : mapping
        What each model that it concerns injects then.
    protected_bits, added_neurons, added_synapses : int
    """

    network: Network
    faults: Mapping[str, Sequence[Fault]]
    protected_bits: int = 0
    added_neurons: int = 0
    added_synapses: int = 0


@dataclass(frozen=True)
class Patient:
    """A network, and the faults that it is to be protected from.

    Parameters
    ----------
    network : Network
    models : mapping
        Fault models by their texts.
    severities : mapping
        Severity of each.

    Examples
    --------
    >>> from neuro.faults import BitFlip
    >>> network = Network.build(2, [(0, 1, 0.5, 1), (1, 0, 0.7, 1)])
    >>> patient = Patient(network, {"bit-flip": BitFlip()}, {"bit-flip": 0.02})
    >>> patient.sites("synapses"), patient.apply("bits", [0]).protected_bits
    (2, 2)
    """

    network: Network
    models: Mapping[str, SiteFault]
    severities: Mapping[str, float]

    def concerned(self, remedy: str) -> list[str]:
        """Models that a remedy could make a difference to; of copies, all if any strikes neurons.

        More neurons and synapses are more that can be struck, by whatever model.
        """
        if remedy == "bits":
            return [text for text, model in self.models.items() if has_bits(model)]
        if remedy == "synapses":
            return [text for text, model in self.models.items() if model.owner == "synapses"]
        return list(self.models) if self.struck("neurons") else []

    def struck(self, owner: str) -> list[str]:
        """Models that act on synapses, neurons or channels."""
        return [text for text, model in self.models.items() if model.owner == owner]

    def sites(self, remedy: str) -> int:
        """Count what there is to choose from."""
        if remedy == "synapses":
            return len(self.network.weights)
        if remedy == "bits":
            return max(model.ways() for model in self.models.values() if has_bits(model))
        return len(hidden_neurons(self.network))

    def random(self, remedy: str, seed: int, choices: int) -> list[NDArray[np.int64]]:
        """Put what there is to choose from into orders of chance.

        They are one order that begins at up to `choices` places, so that few sites of each are
        different ones.
        """
        keys = np.arange(self.sites(remedy), dtype=np.uint64)
        if remedy == "synapses":
            keys = self.network.synapse_keys()
        elif remedy in SHARES:
            keys = self.network.neurons.key[hidden_neurons(self.network)]
        found = order(keys, int(hash_words(seed, hash_text("control"))))
        count = min(choices, len(found))
        return [np.roll(found, -k * len(found) // count) for k in range(count)]

    def untreated(self) -> Remedy:
        """Nothing is protected."""
        return Remedy(self.network, {text: [self._fault(text)] for text in self.models})

    def apply(self, remedy: str, chosen: Sequence[int]) -> Remedy:
        """Protect or duplicate.

        Parameters
        ----------
        remedy : str
            One of `REMEDIES`.
        chosen : sequence of int
            Indices of synapses (input synapses last); places of bits, counted from the highest;
            or places among the hidden neurons.
        """
        if remedy not in REMEDIES:
            raise wrong("remedy", f"one of {', '.join(REMEDIES)}", remedy)
        network, texts = self.network, self.concerned(remedy)
        if remedy in SHARES:
            twice = duplicate(
                network, hidden_neurons(network)[list(chosen)].tolist(), SHARES[remedy]
            )
            faults = {text: [self._fault(text)] for text in texts}
            more = len(twice.weights) - len(network.weights)
            return Remedy(twice, faults, added_neurons=len(chosen), added_synapses=more)
        if remedy == "bits":
            faults = {text: [self._without_bits(text, chosen)] for text in texts}
            return Remedy(network, faults, protected_bits=len(chosen) * len(network.weights))
        others = set(range(len(network.weights))) - set(chosen)
        site = FaultSite(index=tuple(sorted(others)))
        faults = {text: self._elsewhere(text, site) for text in texts}
        return Remedy(network, faults, protected_bits=len(chosen) * self.word)

    @property
    def word(self) -> int:
        """Bits of a weight."""
        return max(
            (getattr(model, "bits", WORD) for model in self.models.values() if has_bits(model)),
            default=WORD,
        )

    def _fault(self, text: str) -> Fault:
        return Fault(self.models[text], self.severities[text])

    def _elsewhere(self, text: str, site: FaultSite) -> list[Fault]:
        """Strike the other sites; a protected word is still one of so many bits, and not exact."""
        fault = replace(self._fault(text), site=site)
        words = [replace(fault, severity=0.0, site=FaultSite())] if has_bits(fault.model) else []
        return [*words, fault]

    def _without_bits(self, text: str, chosen: Sequence[int]) -> Fault:
        model = self.models[text]
        bits = sorted(model.ways() - 1 - place for place in chosen if place < model.ways())
        if bits == list(range(model.ways() - len(bits), model.ways())):
            before: int = getattr(model, "protected")  # noqa: B009 - of bit models only
            spared: FaultModel = replace(model, protected=before + len(bits))  # type: ignore[type-var]
        else:
            spared = SparedBits(model, tuple(bits))
        return Fault(spared, self.severities[text])


def has_bits(model: FaultModel) -> bool:
    """Whether a model has bits that can be protected."""
    return "protected" in {f.name for f in fields(model)}  # type: ignore[arg-type]


@dataclass(frozen=True)
class SparedBits(FaultModel):
    """A model of bit faults that spares some bits of all words, not only the highest.

    Parameters
    ----------
    model : SiteFault
    bits : tuple of int
        The lowest is 0.
    """

    model: SiteFault
    bits: tuple[int, ...]

    def __post_init__(self) -> None:
        # As of the model, so that its random numbers are the same.
        settle(self, name=self.model.name, largest=self.model.largest, time=self.model.time)

    def strike(
        self, values: Values, severity: float, draws: Draws
    ) -> dict[str, NDArray[np.float64]]:
        return self.model.strike(values, severity, _Sparing(draws, self.bits))


class _Sparing(Draws):
    """Random numbers by which some bits are never hit."""

    def __init__(self, draws: Draws, bits: Sequence[int]) -> None:
        self._draws, self._bits = draws, bits

    def uniform(self, which: int = 0) -> NDArray[np.float64]:
        found = self._draws.uniform(which)
        return np.ones_like(found) if which in self._bits else found


def budgets(sites: int, most: int | None = None) -> list[int]:
    """List how many sites to protect: powers of two, then all.

    Examples
    --------
    >>> budgets(6), budgets(100, 4), budgets(0)
    ([1, 2, 4, 6], [1, 2, 4], [])
    """
    end = sites if most is None else min(sites, most)
    doubled = [2**k for k in range(max(0, end).bit_length()) if 2**k < end]
    return [*doubled, end] if end > 0 else []


def cost(remedy: Remedy) -> dict[str, Any]:
    """Columns of a table that say what a remedy costs."""
    return {c: getattr(remedy, c) for c in ("protected_bits", "added_neurons", "added_synapses")}
