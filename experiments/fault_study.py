"""Running a fault campaign into a directory: rows, summary, manifest, picture."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.directories import new_directory
from experiments.manifest import manifest
from experiments.progress import Progress, duration
from experiments.tables import aligned, plural, write_csv
from fitness import Campaign, Outcome
from neuro import Network
from neuro.errors import wrong
from neuro.network_file import to_json
from neuro.specs import to_table

ROWS = (
    "network", "model", "site", "time", "severity", "draw", "score_mean", "score_min",
    "drop", "outcome",
)  # fmt: skip


def parse_severities(text: str) -> tuple[float, ...]:
    """Read ``0.1,0.2`` or ``1e-3..1e-1:5`` (evenly spaced on a log scale, ends included).

    Examples
    --------
    >>> parse_severities("0.05,0.1")
    (0.05, 0.1)
    >>> parse_severities("1e-3..1e-1:3")
    (0.001, 0.01, 0.1)
    """
    expected = "numbers A,B,... or LOW..HIGH:N with 0 < LOW < HIGH and N of at least 2"
    try:
        if ".." in text:
            ends, _, count = text.partition(":")
            low, high = (float(end) for end in ends.split(".."))
            number = int(count)
            if not 0 < low < high < np.inf or not 2 <= number <= 10_000:
                raise ValueError
            values = tuple(float(f"{p:.6g}") for p in np.geomspace(low, high, number))
        else:
            values = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise wrong("--severity", expected, text) from None
    if not all(0 <= v < np.inf for v in values) or len(set(values)) < len(values):
        raise wrong("--severity", "distinct numbers of at least 0", text)
    return tuple(sorted(values))


def run_study(
    campaign: Campaign, networks: Mapping[str, Network], out: str, command: Sequence[str]
) -> tuple[dict[str, Any], str]:
    """Run a campaign on networks by name and write the results into a new directory."""
    path = new_directory(Path(out))
    try:
        return _run_study(campaign, networks, path, command)
    finally:
        if not any(path.iterdir()):  # interrupted: nothing is left behind
            path.rmdir()


def _run_study(
    campaign: Campaign, networks: Mapping[str, Network], path: Path, command: Sequence[str]
) -> tuple[dict[str, Any], str]:
    from experiments import plots
    from fitness.statistics import summarise

    total = len(networks) * sum(len(s) for _, s in campaign.models) * campaign.draws
    progress = Progress(total)
    rows: list[dict[str, Any]] = []
    summary: list[dict[str, Any]] = []
    known = {
        "command": ["tardigrade", *command],
        "task": campaign.task.name,
        "seed": campaign.seed,
    }
    with manifest(path / "manifest.json", **known) as table:
        for name, network in networks.items():

            def advance(draws: int, name: str = name) -> None:
                progress.advance(draws, f"{Path(name).name}  {total} draws")

            for outcome in campaign.run(network, progress=advance):
                head = {
                    "network": name, "model": outcome.model.name, "site": campaign.site.kind,
                    "time": "permanent", "severity": outcome.severity,
                }  # fmt: skip
                rows += _rows(head, outcome, campaign)
                numbers = summarise(outcome, campaign.task, seed=campaign.seed)
                summary.append(
                    {**head, "severity_meaning": outcome.model.severity,
                     "draws": campaign.draws, "episodes": len(outcome.golden), **numbers}
                )  # fmt: skip
        progress.close()
        table |= {
            "networks": [
                {"file": name, "sha256": hashlib.sha256(to_json(n).encode()).hexdigest()}
                for name, n in networks.items()
            ],
            "models": [
                {**to_table(m), "severity": m.severity, "severities": list(s)}
                for m, s in campaign.models
            ],
            "site": campaign.site.kind,
            "draws": campaign.draws,
            "episodes": summary[0]["episodes"],
            "rows": len(rows),
        }
    write_csv(path / "rows.csv", rows, ROWS)
    write_csv(path / "summary.csv", summary, list(summary[0]))
    plots.save_figure(plots.degradation_figure(summary, campaign.task), path / "degradation.png")
    header = ["network", "model", "severity", "mean", "95 % interval", "worst 10 %", "masked"]
    body = [
        [s["network"], s["model"], s["severity"], s["mean"],
         f"{s['mean_low']:.4g} .. {s['mean_high']:.4g}", s["cvar10"], f"{s['masked']:.1%}"]
        for s in summary
    ]  # fmt: skip
    result = {
        "out": str(path),
        "rows": len(rows),
        "networks": list(networks),
        "models": [m.name for m, _ in campaign.models],
    }
    played = plural(summary[0]["episodes"], "episode")
    text = (
        f"{aligned(body, header)}\n\n{len(rows)} draws of {played} in "
        f"{duration(table['wall_seconds'])}; rows, summary, manifest and picture in {path}"
    )
    return result, text


def _outcome(masked: bool, drop: float) -> str:
    if masked:
        return "masked"
    if drop <= 0.0:
        return "improved"  # or as good, with other scores in some episodes
    return "critical" if drop > 0.1 else "degraded"


def _rows(head: dict[str, Any], outcome: Outcome, campaign: Campaign) -> list[dict[str, Any]]:
    """One row per draw; see docs/faults.md for the outcomes."""
    drop, masked = outcome.drop(campaign.task), outcome.masked
    return [
        {
            **head,
            "draw": k,
            "score_mean": float(scores.mean()),
            "score_min": float(scores.min()),
            "drop": float(drop[k]),
            "outcome": _outcome(bool(masked[k]), float(drop[k])),
        }
        for k, scores in enumerate(outcome.scores)
    ]
