"""From an audit to remedies: what to protect or duplicate, and what is gained by it.

Sites are ranked by single faults on some starts; the gain is measured with other faults on other
starts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from experiments.faults.duplicates import hidden_neurons
from experiments.faults.remedies import REMEDIES, SHARES, Patient, Remedy, budgets, cost, has_bits
from experiments.faults.tables import CRITICAL_DROP
from experiments.faults.trials import Audit, Trials, rank
from experiments.progress import Progress
from fitness import Task, play
from fitness.faulty import FaultyPlayer
from fitness.hierarchical import hierarchical_bootstrap
from fitness.intervals import Interval, mean_interval, wilson
from neuro import Network
from neuro.errors import wrong
from neuro.faults import MODELS, Fault, FaultSite, SiteFault, parse_model, site_names
from neuro.faults.models import find_model
from neuro.hashing import hash_text, hash_words
from neuro.specs import whole

USUAL = ("bit-flip", "dead-synapse", "dead-neuron")
CONTROLS = 8
"""Random choices that each ranked one is compared with, at most."""
RESAMPLES = 500
"""Of those, for their intervals."""
ENOUGH = 0.9
"""Share of the largest gain of copies that fewer of them are preferred for."""

COLUMNS = (
    "remedy", "order", "budget", "protected_bits", "added_neurons", "added_synapses", "golden",
    "same_golden", "model", "severity", "mean_drop", "mean_drop_low", "mean_drop_high", "critical",
    "critical_low", "critical_high", "gain", "gain_low", "gain_high", "critical_gain",
    "critical_gain_low", "critical_gain_high",
)  # fmt: skip

Row = dict[str, Any]
Drops = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Hardening:
    """What to try on a network.

    Parameters
    ----------
    models : tuple of str
        Fault models with single faults, as ``name`` or ``name:parameter=value,...``.
    severity : float, optional
        Of the draws that remedies are tested with; each model's typical one if left out.
    draws, episodes, seed, workers : int
        Draws of each model, and starts that each of them plays.
    budget : int, optional
        Most sites to protect or duplicate; all if left out.
    """

    models: tuple[str, ...] = USUAL
    severity: float | None = None
    draws: int = 500
    episodes: int = 20
    seed: int = 0
    budget: int | None = None
    workers: int = 1

    def __post_init__(self) -> None:
        whole(self.draws, "draws", 2, 10_000_000)
        whole(self.episodes, "episodes", 1, 10_000_000)
        whole(self.seed, "seed", 0, 2**64 - 1)
        whole(self.workers, "workers", 1, 1024)
        if self.budget is not None:
            whole(self.budget, "budget", 1, 2**31)
        if len(set(self.models)) < len(self.models) or not self.models:
            raise wrong("model", "at least one, each once", ", ".join(self.models) or "none")
        for text, model in self.parsed().items():
            if not isinstance(model, SiteFault):
                raise wrong(f"model {text}", "one with single faults", "noise everywhere")
            Fault(model, self.severities()[text], FaultSite())
        if all(model.owner == "channels" for model in self.parsed().values()):
            expected = "at least one of synapses or neurons: there is no remedy for channels"
            raise wrong("model", expected, ", ".join(self.models))

    def parsed(self) -> dict[str, SiteFault]:
        """Fault models by their texts."""
        return {text: parse_model(text) for text in self.models}  # type: ignore[misc]

    def severities(self) -> dict[str, float]:
        """Severity of each model."""
        if self.severity is not None:
            return dict.fromkeys(self.models, self.severity)
        return {text: model.typical for text, model in self.parsed().items()}


def treatable() -> tuple[str, ...]:
    """Names of all models that there are remedies for."""
    return tuple(
        name for name, cls in ((name, find_model(name)) for name in MODELS)
        if issubclass(cls, SiteFault) and cls.owner != "channels"
    )  # fmt: skip


class Hardened(NamedTuple):
    """What came of it.

    Attributes
    ----------
    rows : list of dict
        Remedies with their gains; see `COLUMNS`.
    proposal : dict
        What to protect first, as JSON can hold it.
    network : Network or None
        With copies of neurons, if these help.
    """

    rows: list[Row]
    proposal: dict[str, Any]
    network: Network | None


def harden(network: Network, task: Task, settings: Hardening, /) -> Hardened:
    """Rank what there is to protect, and measure what protecting it is worth.

    Examples
    --------
    >>> from fitness import TASKS
    >>> from neuro import Current, WinnerTakesAll
    >>> task = TASKS["cartpole"]
    >>> network = Network.build(2, input_synapses=[(2, 1, 1.0), (3, 1, 1.0)], outputs=[0, 1],
    ...                         encoder=Current(scale=task.scale), readout=WinnerTakesAll())
    >>> settings = Hardening(("dead-synapse",), draws=20, episodes=2)
    >>> hardened = harden(network, task, settings)
    >>> [site["name"] for site in hardened.proposal["synapses"]]
    ['input 3>1', 'input 2>1']
    >>> hardened.rows[-1]["budget"], hardened.rows[-1]["mean_drop"]
    (2, 0.0)
    """
    with ThreadPoolExecutor(settings.workers) as pool:

        def side(purpose: str) -> Trials:
            starts = task.draw_starts(settings.seed, purpose, settings.episodes)
            golden = float(play(network, task, starts).scores.mean())
            seed = int(hash_words(settings.seed, hash_text(purpose)))
            return Trials(task, starts, golden, settings.draws, seed, pool)

        patient = Patient(network, settings.parsed(), settings.severities())
        work = {
            remedy: tried for remedy in REMEDIES if patient.concerned(remedy)
            and (tried := budgets(patient.sites(remedy), settings.budget))
        }  # fmt: skip
        with Progress(sum(map(len, work.values()))) as progress:
            # Data sets keep samples for "validation" that no other purpose meets.
            ranking, held_out = side("validation ranking"), side("hardening")
            return _Clinic(patient, ranking, held_out, settings, work).run(progress)


class _Clinic:
    """One network with all its remedies."""

    def __init__(
        self, patient: Patient, ranking: Trials, held_out: Trials, settings: Hardening,
        work: Mapping[str, Sequence[int]],
    ) -> None:  # fmt: skip
        self.patient, self.settings = patient, settings
        self.ranking, self.held_out = ranking, held_out
        self.budgets = work
        player = ranking.player(patient.network)
        self.audits = {text: ranking.audit(player, m) for text, m in patient.models.items()}
        self.player = held_out.player(patient.network)
        self.before = self._drops(held_out, self.player, patient.untreated())

    def run(self, progress: Progress) -> Hardened:
        nothing = self.patient.untreated()
        label = {"remedy": "none", "order": "", "budget": 0}
        rows = self._rows(label, [(nothing, self.player)], [self.before])
        for remedy, budget in ((r, k) for r, some in self.budgets.items() for k in some):
            progress.advance(1, f"{remedy} {budget}")
            label = {"remedy": remedy, "budget": budget}
            first = self._order(remedy)[:budget].tolist()
            rows += self._tried({**label, "order": "ranked"}, [first])
            if budget < self.patient.sites(remedy):
                orders = self.patient.random(remedy, self.settings.seed, CONTROLS)
                others = [chosen[:budget].tolist() for chosen in orders]
                rows += self._tried({**label, "order": "random"}, others)
        network, copies = self._copies()
        return Hardened(rows, {**self._proposal(), "copies": copies}, network)

    # --- ranking ------------------------------------------------------------------------------

    def _of(self, owner: str) -> dict[str, Audit]:
        return {text: self.audits[text] for text in self.patient.struck(owner)}

    def _order(self, remedy: str) -> NDArray[np.int64]:
        """What to protect first; as in `Patient.apply`."""
        network = self.patient.network
        if remedy == "bits":
            return np.arange(self.patient.sites("bits"))
        if remedy == "synapses":
            return rank(self._of("synapses"), len(network.weights))[0]
        cost_of = rank(self._of("neurons"), len(network.neurons))[1][hidden_neurons(network)]
        return np.argsort(-cost_of, kind="stable")

    def _proposal(self) -> dict[str, Any]:
        network, found = self.patient.network, {}
        for owner, count in (
            ("synapses", len(network.weights)), ("neurons", len(network.neurons)),
        ):  # fmt: skip
            if self.patient.struck(owner):
                names = site_names(network, owner)
                order, costs = rank(self._of(owner), count)
                hidden = hidden_neurons(network).tolist()
                found[owner] = [
                    {"index": k, "name": names[k], "mean_drop": float(costs[k])}
                    for k in order.tolist()
                    if owner == "synapses" or k in hidden
                ]
        found_bits = {
            text: self.audits[text].by_way(model.ways())[::-1].tolist()
            for text, model in self.patient.models.items()
            if has_bits(model)
        }
        return {**found, "bits": found_bits}

    def _copies(self) -> tuple[Network | None, dict[str, Any] | None]:
        """Choose copies by the starts and draws that the ranking was made on.

        None that change any golden score there: that may look good on few starts, and is luck.
        """
        golden = self.ranking.player(self.patient.network)
        before = self._mean(self._drops(self.ranking, golden, self.patient.untreated()))
        tried = []
        for name in SHARES:
            for budget in self.budgets.get(name, ()):
                remedy = self.patient.apply(name, self._order(name)[:budget].tolist())
                player = self.ranking.player(remedy.network)
                if same_scores(player.golden, golden.golden).all():
                    gain = before - self._mean(self._drops(self.ranking, player, remedy))
                    tried.append((remedy.network.size, -gain, name, budget))
        most = max((-entry[1] for entry in tried), default=0.0)
        if most <= 0.0:
            return None, None
        _, _, name, budget = min(entry for entry in tried if -entry[1] >= ENOUGH * most)
        chosen = self._order(name)[:budget]
        remedy = self.patient.apply(name, chosen.tolist())
        told = {
            "remedy": name, "neurons": hidden_neurons(self.patient.network)[chosen].tolist(),
            "share": SHARES[name],
            "golden_before": float(self.player.golden.mean()),
            "golden": float(self.held_out.player(remedy.network).golden.mean()),
        }  # fmt: skip
        origin = {**remedy.network.provenance, "hardened": {k: told[k] for k in list(told)[:3]}}
        return replace(remedy.network, provenance=origin), told

    # --- measuring ----------------------------------------------------------------------------

    def _drops(self, side: Trials, player: FaultyPlayer, remedy: Remedy) -> Drops:
        return {text: side.drops(player, faults) for text, faults in remedy.faults.items()}

    def _mean(self, drops: Drops) -> float:
        return float(np.mean([mine.mean() for mine in drops.values()]))

    def _tried(self, label: Row, choices: Sequence[Sequence[int]]) -> list[Row]:
        """Apply a remedy to each of some choices of sites."""
        applied, drops = [], []
        for chosen in choices:
            remedy = self.patient.apply(label["remedy"], chosen)
            same = remedy.network is self.patient.network
            player = self.player if same else self.held_out.player(remedy.network)
            applied.append((remedy, player))
            drops.append(self._drops(self.held_out, player, remedy))
        return self._rows(label, applied, drops)

    def _rows(
        self, label: Row, applied: Sequence[tuple[Remedy, FaultyPlayer]], drops: Sequence[Drops]
    ) -> list[Row]:
        """One row for each model; means over choices."""
        costs = [cost(remedy) for remedy, _ in applied]
        golden = [player.golden for _, player in applied]
        head = {
            **label, **{name: float(np.mean([c[name] for c in costs])) for name in costs[0]},
            "golden": float(np.mean(golden)),
            "same_golden": float(np.mean([same_scores(g, self.player.golden) for g in golden])),
        }  # fmt: skip
        rows = []
        for text in applied[0][0].faults:
            lost = np.array([mine[text] for mine in drops])
            numbers = compare(lost, self.before[text], self.settings.seed)
            if label["remedy"] == "none":
                numbers |= {name: "" for name in numbers if "gain" in name}
            severity = self.patient.severities[text]
            rows.append({**head, "model": text, "severity": severity, **numbers})
        return rows


def same_scores(scores: NDArray[np.float64], before: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which scores are the same, but for the rounding of sums that were split in two."""
    return np.isclose(scores, before, rtol=1e-6, atol=1e-9)


def compare(
    lost: NDArray[np.float64], before: NDArray[np.float64], seed: int
) -> dict[str, float | str]:
    """Sum up drops with a remedy, and compare them with those without, draw by draw.

    Parameters
    ----------
    lost : ndarray of float64, shape (R, K)
        Drops of K draws, for each of R choices of sites. Of several choices, intervals cover other
        choices as well as other draws.
    before : ndarray of float64, shape (K,)
        Drops in the same draws without the remedy.
    seed : int

    Examples
    --------
    >>> row = compare(np.array([[0.0, 0.0, 0.2]]), np.array([0.0, 0.3, 0.4]), 0)
    >>> round(row["mean_drop"], 4), round(row["gain"], 4), round(row["critical_gain"], 4)
    (0.0667, 0.1667, 0.3333)
    """
    critical, was = lost > CRITICAL_DROP, before > CRITICAL_DROP
    better = was.astype(np.float64) - critical
    rate = _interval(critical.astype(np.float64), (0.0, 1.0), seed)
    if len(lost) == 1:
        rate = wilson(int(critical.sum()), critical.size)
    row: dict[str, float | str] = {}
    for name, values, interval in (
        ("mean_drop", lost, _interval(lost, (0.0, 1.0), seed)),
        ("critical", critical, rate),
        ("gain", before - lost, _interval(before - lost, (-1.0, 1.0), seed)),
        ("critical_gain", better, _interval(better, (-1.0, 1.0), seed)),
    ):
        low, high = interval
        row |= {name: float(values.mean()), f"{name}_low": low, f"{name}_high": high}
    return row


def _interval(values: NDArray[np.float64], bounds: tuple[float, float], seed: int) -> Interval:
    if len(values) == 1:
        return mean_interval(values[0], bounds=bounds, seed=seed)
    return hierarchical_bootstrap(
        values[:, :, None], levels=("networks", "draws"), shared=("draws", "episodes"),
        resamples=RESAMPLES, seed=seed,
    )  # fmt: skip
