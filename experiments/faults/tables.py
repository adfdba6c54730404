"""Tables of a campaign: a row per draw or fault, and what they sum up to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.faults.plan import Resolved
from fitness import Outcome
from fitness.curves import outcomes as sort_out
from fitness.hierarchical import LEVELS, hierarchical_bootstrap
from fitness.statistics import curve, summarise
from neuro.faults import SiteFault, site_names

ROWS = (
    "network", "model", "site", "bit", "time", "tick", "severity", "draw", "score_mean",
    "score_min", "drop", "outcome",
)  # fmt: skip
CRITICAL_DROP = 0.1
GROUPS = 100
"""Of episodes that are resampled: some data sets have 10,000 test samples."""

Row = dict[str, Any]
All = Mapping[str, Sequence[Outcome]]


def rows_of(resolved: Resolved, name: str, found: Sequence[Outcome]) -> list[Row]:
    """One row for each draw, or for each single fault; see docs/faults.md for the columns."""
    campaign, network = resolved.campaign, resolved.networks[name]
    rows: list[Row] = []
    for text, outcome in zip(_texts(resolved), found, strict=True):
        model = outcome.model
        drop, masked, improved, _ = sort_out(outcome.golden, outcome.scores, campaign.task.worst)
        time = campaign.time or model.time
        sites: list[str] = []
        ways = 1
        if isinstance(model, SiteFault) and campaign.single:
            sites, ways = site_names(network, model.owner), model.ways()
        for k, number in enumerate(outcome.numbers.tolist()):
            scores = outcome.scores[k]
            rows.append({
                "network": name, "model": text,
                "site": sites[number // ways] if sites else campaign.site.kind,
                "bit": number % ways if ways > 1 else "",
                "time": time.name,
                "tick": "" if outcome.ticks is None else int(outcome.ticks[k]),
                "severity": "" if outcome.severity is None else outcome.severity,
                "draw": number,
                "score_mean": float(scores.mean()), "score_min": float(scores.min()),
                "drop": float(drop[k]),
                "outcome": _word(bool(masked[k]), bool(improved[k]), float(drop[k])),
            })  # fmt: skip
    return rows


def summary_of(resolved: Resolved, found: All) -> list[Row]:
    """One row for each network, model and severity; of several networks also all together."""
    campaign = resolved.campaign
    table: list[Row] = []
    for name, mine in found.items():
        for text, outcome in zip(_texts(resolved), mine, strict=True):
            numbers = summarise(outcome, campaign.task, seed=campaign.seed)
            table.append({**_head(resolved, name, text, outcome), **numbers})
    if len(found) > 1:
        table += _together(resolved, found, table)
    return table


def _together(resolved: Resolved, found: All, table: Sequence[Row]) -> list[Row]:
    """Means over all networks, whose intervals also cover other networks and other starts.

    A bootstrap knows nothing of faults that nobody met, which the networks' own intervals allow
    for. So it reaches at least to the means of their limits: draws are shared, and what is missed
    in one network may be missed in all of them.
    """
    campaign, texts = resolved.campaign, _texts(resolved)
    rows = []
    levels: tuple[str, ...]
    for place, text in enumerate(texts):
        own = table[place :: len(texts)]
        mine = [outcomes[place] for outcomes in found.values()]
        if campaign.single:  # of other synapses in each network
            tried, levels = [o.scores for o in mine], ("networks", "episodes")
            scores = np.array([some.mean(axis=0, keepdims=True) for some in tried])
        else:
            count = min(len(o.scores) for o in mine)
            tried, levels = [o.scores[:count] for o in mine], LEVELS
            scores = np.array(tried)
        interval = hierarchical_bootstrap(_grouped(scores), levels=levels, seed=campaign.seed)
        low = min(interval.low, float(np.mean([row["mean_low"] for row in own])))
        high = max(interval.high, float(np.mean([row["mean_high"] for row in own])))
        head = _head(resolved, "(all)", text, mine[0])
        numbers = {
            "draws": sum(map(len, tried)),
            "population": sum(o.population or 0 for o in mine) or "",
            "golden": float(np.mean([o.golden.mean() for o in mine])),
            "mean": float(scores.mean()), "mean_low": low, "mean_high": high,
        }  # fmt: skip
        rows.append({**dict.fromkeys(table[0], ""), **head, **numbers})
    return rows


def _grouped(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put many episodes into groups, whose means move the mean of all as much."""
    if scores.shape[2] <= GROUPS:
        return scores
    parts = np.array_split(scores, GROUPS, axis=2)
    return np.stack([part.mean(axis=2) for part in parts], axis=2)


def curves_of(resolved: Resolved, found: All) -> list[Row]:
    """One row for each network and model: areas and severities of a given loss."""
    campaign = resolved.campaign
    if campaign.single or campaign.precision is not None:
        return []
    table = []
    for name, mine in found.items():
        place = 0
        for text, (_, severities) in zip(resolved.models, campaign.models, strict=True):
            some = sorted(mine[place : place + len(severities)], key=lambda o: o.severity or 0.0)
            place += len(severities)
            numbers = curve(some, campaign.task, seed=campaign.seed)
            table.append({"network": name, "model": text, **numbers})
    return table


def sites_of(rows: Sequence[Row]) -> list[Row]:
    """Rank the sites of each network and model by the mean drop of their single faults."""
    return _ranked([r for r in rows if r["severity"] == ""], "site")


def bits_of(rows: Sequence[Row]) -> list[Row]:
    """Rank the bits of each network and model in the same way."""
    return _ranked([r for r in rows if r["severity"] == "" and r["bit"] != ""], "bit")


def _ranked(rows: Sequence[Row], column: str) -> list[Row]:
    groups: dict[tuple[str, str, Any], list[float]] = {}
    for row in rows:
        groups.setdefault((row["network"], row["model"], row[column]), []).append(row["drop"])
    table: list[Row] = [
        {
            "network": network, "model": model, column: value, "faults": len(drops),
            "mean_drop": float(np.mean(drops)), "largest_drop": float(np.max(drops)),
            f"critical_{CRITICAL_DROP:g}": float(np.mean(np.array(drops) > CRITICAL_DROP)),
        }
        for (network, model, value), drops in groups.items()
    ]  # fmt: skip
    order = {(r["network"], r["model"]): i for i, r in enumerate(rows[::-1])}
    return sorted(table, key=lambda r: (-order[r["network"], r["model"]], -r["mean_drop"]))


def _head(resolved: Resolved, name: str, text: str, outcome: Outcome) -> Row:
    campaign = resolved.campaign
    return {
        "network": name, "model": text, "site": campaign.site.kind, "group": campaign.site.group,
        "time": (campaign.time or outcome.model.time).name,
        "severity": "" if outcome.severity is None else outcome.severity,
        "severity_meaning": outcome.model.severity, "draws": len(outcome.scores),
        "population": "" if outcome.population is None else outcome.population,
        "episodes": len(outcome.golden),
    }  # fmt: skip


def _texts(resolved: Resolved) -> list[str]:
    """Texts of the models, once for each of the campaign's parts."""
    if resolved.campaign.single:
        return list(resolved.models)
    models = zip(resolved.models, resolved.campaign.models, strict=True)
    return [text for text, (_, severities) in models for _ in severities]


def _word(masked: bool, improved: bool, drop: float) -> str:
    if masked:
        return "masked"
    if improved:
        return "improved"
    return "critical" if drop > CRITICAL_DROP else "degraded"
