"""Running a fault campaign into a directory: tables, pictures, manifest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.directories import new_directory
from experiments.faults.plan import Resolved
from experiments.faults.store import DirectoryStore
from experiments.faults.tables import ROWS, bits_of, curves_of, rows_of, sites_of, summary_of
from experiments.manifest import manifest
from experiments.progress import Progress, duration
from experiments.tables import aligned, plural, read_csv, write_csv, write_parquet
from fitness import Outcome
from fitness.sampling import achieved_margin
from neuro.errors import InputError, wrong
from neuro.files import read_text, write_atomically

PLAN = "campaign.toml"


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
    resolved: Resolved, out: str, command: Sequence[str], *, self_check: bool = False
) -> tuple[dict[str, Any], str]:
    """Run a campaign into a directory, go on with one that was interrupted, or read it back.

    Parameters
    ----------
    resolved : Resolved
    out : str
        A new or empty directory, or one that this campaign has begun.
    command : sequence of str
    self_check : bool
        Play everything a second time without leaving anything out, and compare.
    """
    path, text = Path(out), resolved.to_toml()
    if (path / PLAN).exists():
        if read_text(path / PLAN) != text:
            raise InputError(f"{path}: expected the campaign of {path / PLAN}, got another one")
        if (path / "manifest.json").exists() and not self_check:
            return _report(resolved, path, _stored(path), "read back")
    else:
        new_directory(path)
        write_atomically(path / PLAN, text)
    outcomes, seconds = _measure(resolved, path, command)
    if self_check:
        _check(resolved, outcomes)
    how = f"played in {duration(seconds)}" + (", checked" if self_check else "")
    return _report(resolved, path, _stored(path), how)


def _measure(
    resolved: Resolved, path: Path, command: Sequence[str]
) -> tuple[dict[str, list[Outcome]], float]:
    """Play what is missing, and write everything."""
    from experiments.faults import pictures

    campaign, networks = resolved.campaign, resolved.networks
    store = DirectoryStore(path / "scores")
    known = {"command": ["tardigrade", *command], "task": campaign.task.name, "seed": campaign.seed}
    outcomes: dict[str, list[Outcome]] = {}
    with manifest(path / "manifest.json", **known) as table:
        total = len(networks) * len(campaign.parts)
        progress = Progress(total)
        for name, network in networks.items():
            outcomes[name] = []
            for outcome in campaign.run(network, store=store):
                outcomes[name].append(outcome)
                label = f"{Path(name).name}  {outcome.model.name}"
                progress.advance(1, label)
        progress.close()
        rows = [row for name in networks for row in rows_of(resolved, name, outcomes[name])]
        write_csv(path / "rows.csv", rows, ROWS)
        write_parquet(path / "rows.parquet", rows, ROWS)
        summary = summary_of(resolved, outcomes)
        write_csv(path / "summary.csv", summary, list(summary[0]))
        for file, found in (
            ("curves.csv", curves_of(resolved, outcomes)),
            ("sites.csv", sites_of(rows)),
            ("bits.csv", bits_of(rows)),
        ):
            if found:
                write_csv(path / file, found, list(found[0]))
        pictures.draw_all(resolved, outcomes, path)
        table |= {
            "networks": [{"file": n, "sha256": h} for n, h in resolved.hashes().items()],
            "models": list(resolved.models),
            "episodes": len(outcomes[next(iter(networks))][0].golden),
            "rows": len(rows),
        }
    return outcomes, float(table["wall_seconds"])


def _stored(path: Path) -> tuple[list[dict[str, str]], dict[str, Any]]:
    return read_csv(path / "summary.csv"), json.loads(read_text(path / "manifest.json"))


def _report(
    resolved: Resolved, path: Path, stored: tuple[list[dict[str, str]], dict[str, Any]], how: str
) -> tuple[dict[str, Any], str]:
    """Say in a table what the campaign found."""
    summary, known = stored
    single = resolved.campaign.single
    faults = "faults" if single else "severity"
    header = ["network", "model", faults, "mean", "95 % interval", "worst 10 %", "masked",
              "critical"]  # fmt: skip
    body = [
        [s["network"], s["model"], _amount(s) if single else float(s["severity"]),
         float(s["mean"]), f"{float(s['mean_low']):.4g} .. {float(s['mean_high']):.4g}",
         float(s["cvar10"]), f"{float(s['masked']):.1%}", f"{float(s['critical_0.1']):.1%}"]
        for s in summary
    ]  # fmt: skip
    result = {
        "out": str(path),
        "rows": known["rows"],
        "networks": list(resolved.networks),
        "models": [model.name for model, _ in resolved.campaign.models],
    }
    noun = "fault" if single else "draw"
    text = (
        f"{aligned(body, header)}\n\n{plural(known['rows'], noun)} of "
        f"{plural(known['episodes'], 'episode')}, {how}; tables and pictures in {path}"
    )
    return result, text


def _amount(row: dict[str, str]) -> str:
    """Say how many of how many single faults were tried, with the margin that this achieves."""
    tried, population = int(row["draws"]), int(row["population"])
    if tried == population:
        return f"all {tried}"
    return f"{tried} of {population}, +-{achieved_margin(population, tried):.2%}"


def _check(resolved: Resolved, outcomes: dict[str, list[Outcome]]) -> None:
    """Play everything again without leaving anything out.

    Raises
    ------
    InputError
        A score is another: a defect of this program, which is named rather than hidden.
    """
    from dataclasses import replace

    slow = replace(resolved.campaign, accelerate=False)
    for name, network in resolved.networks.items():
        for fast, outcome in zip(outcomes[name], slow.run(network), strict=True):
            if not np.array_equal(fast.scores, outcome.scores):
                where = f"{name}: {outcome.model.name} at {outcome.severity}"
                raise InputError(f"self-check: {where}: scores differ without acceleration")
