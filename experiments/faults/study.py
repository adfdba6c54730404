"""Running a fault campaign into a directory: tables, pictures, manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from experiments.directories import new_directory
from experiments.faults.plan import Resolved, read_toml
from experiments.faults.store import DirectoryStore
from experiments.faults.tables import ROWS, bits_of, curves_of, rows_of, sites_of, summary_of
from experiments.manifest import manifest
from experiments.progress import Progress, duration
from experiments.tables import aligned, plural, read_csv, write_csv, write_parquet
from fitness import Outcome
from fitness.sampling import achieved_margin
from neuro.errors import InputError, wrong
from neuro.files import read_text, write_atomically
from neuro.specs import to_table

PLAN, MANIFEST, SUMMARY, PARQUET = "campaign.toml", "manifest.json", "summary.csv", "rows.parquet"


class ScoresDiffer(Exception):
    """Something was left out that does make a difference: a defect of this program."""


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
) -> tuple[dict[str, Any], str, int]:
    """Run a campaign into a directory, go on with one that was interrupted, or read it back.

    Parameters
    ----------
    resolved : Resolved
    out : str
        A new or empty directory, or one that this campaign has begun.
    command : sequence of str
    self_check : bool
        Play everything a second time without leaving anything out, and compare.

    Returns
    -------
    result : dict
    text : str
    code : int
        1 if the self-check has found a difference; then no tables are written.
    """
    path = Path(out)
    result = {
        "out": str(path),
        "rows": 0,
        "networks": list(resolved.networks),
        "models": [model.name for model, _ in resolved.campaign.models],
    }
    _begin(resolved, path)
    how = "read back"
    if self_check or not ((path / MANIFEST).exists() and (path / SUMMARY).exists()):
        try:
            seconds = _measure(resolved, path, command, self_check)
        except ScoresDiffer as difference:
            return result, f"self-check: {difference}", 1
        how = f"played in {duration(seconds)}" + (", checked" if self_check else "")
    summary, known = _stored(path)
    return {**result, "rows": known["rows"]}, _text(resolved, path, summary, known, how), 0


def _begin(resolved: Resolved, path: Path) -> None:
    """Make the directory, or make sure that it is one of this campaign."""
    plan, text = path / PLAN, resolved.to_toml()
    if plan.exists():
        _compare(read_toml(plan), resolved.to_table(), str(plan))
        return
    if path.is_dir():
        for left in path.glob(f".{PLAN}.*"):  # of one that was killed while it began
            left.unlink()
    new_directory(path)
    write_atomically(plan, text)


def _compare(there: Any, here: Any, where: str) -> None:
    """Name the first value of a campaign that is another one in the directory.

    Raises
    ------
    InputError
        There is one.
    """
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        for key in [*here, *(k for k in there if k not in here)]:
            _compare(there.get(key, "nothing"), here.get(key, "nothing"), f"{where}: {key}")
    elif isinstance(there, list) and isinstance(here, list) and len(there) == len(here):
        for place, pair in enumerate(zip(there, here, strict=True)):
            _compare(*pair, f"{where}[{place}]")
    elif there != here or isinstance(there, bool) != isinstance(here, bool):
        changed = wrong(where, f"{_shown(there)} as when the campaign began", _shown(here))
        raise InputError(f"{changed}; give another --out")


def _shown(value: Any) -> str:
    """Write a value; of lists of tables what is first in each: models, or files."""
    if isinstance(value, list):
        firsts = (next(iter(v.values()), v) if isinstance(v, dict) else v for v in value)
        return ", ".join(map(str, firsts))
    return str(value)


def _measure(resolved: Resolved, path: Path, command: Sequence[str], self_check: bool) -> float:
    """Play what is missing and write everything; return the seconds that it took."""
    from experiments.faults import pictures

    campaign, networks = resolved.campaign, resolved.networks
    store = DirectoryStore(path / "scores")
    known = {"command": ["tardigrade", *command], "task": campaign.task.name, "seed": campaign.seed}
    outcomes: dict[str, list[Outcome]] = {}
    with manifest(path / MANIFEST, **known) as table:
        total = len(networks) * len(campaign.parts)
        with Progress(total) as progress:
            for name, network in networks.items():
                outcomes[name] = []
                for outcome in campaign.run(network, store=store):
                    outcomes[name].append(outcome)
                    label = f"{Path(name).name}  {outcome.model.name}"
                    progress.advance(1, label)
        if self_check:
            _check(resolved, outcomes)
        rows = [row for name in networks for row in rows_of(resolved, name, outcomes[name])]
        write_csv(path / "rows.csv", rows, ROWS)
        write_parquet(path / PARQUET, rows, ROWS)
        summary, curves = summary_of(resolved, outcomes), curves_of(resolved, outcomes)
        for file, found in (
            (SUMMARY, summary),
            ("curves.csv", curves),
            ("sites.csv", sites_of(rows)),
            ("bits.csv", bits_of(rows)),
        ):
            if found:
                write_csv(path / file, found, list(found[0]))
        pictures.draw_all(resolved, outcomes, path, summary=summary, curves=curves)
        table |= {
            "networks": [{"file": n, "sha256": h} for n, h in resolved.hashes().items()],
            "models": [
                {**to_table(model), "severity": model.severity, "severities": list(severities)}
                for model, severities in campaign.models
            ],
            "site": campaign.site.kind,
            "draws": campaign.draws,
            "episodes": len(outcomes[next(iter(networks))][0].golden),
            "rows": len(rows),
            "self_check": self_check,
        }
    return float(table["wall_seconds"])


def _check(resolved: Resolved, outcomes: Mapping[str, Sequence[Outcome]]) -> None:
    """Play everything again without leaving anything out.

    Raises
    ------
    ScoresDiffer
        A score is another.
    """
    slow = replace(resolved.campaign, accelerate=False)
    for name, network in resolved.networks.items():
        for fast, outcome in zip(outcomes[name], slow.run(network), strict=True):
            if not (
                np.array_equal(fast.golden, outcome.golden)
                and np.array_equal(fast.scores, outcome.scores)
            ):
                where = "" if outcome.severity is None else f" at {outcome.severity:g}"
                raise ScoresDiffer(
                    f"{name}: {outcome.model.name}{where}: scores are others if nothing is left "
                    "out, which is a defect of this program"
                )


def _stored(path: Path) -> tuple[list[dict[str, str]], dict[str, Any]]:
    """Read what a finished campaign says of itself.

    Raises
    ------
    InputError
        A file is damaged; names it.
    """
    try:
        known = json.loads(read_text(path / MANIFEST))
        known = {name: int(known[name]) for name in ("rows", "episodes")}
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise _damaged(path / MANIFEST) from None
    summary = read_csv(path / SUMMARY)
    if not summary or not all(row.get(c) is not None for row in summary for c in _SHOWN):
        raise _damaged(path / SUMMARY)
    return summary, known


def _damaged(file: Path) -> InputError:
    return InputError(f"{file}: damaged; delete it to write it again")


_SHOWN = ("network", "model", "severity", "draws", "population", "mean", "mean_low", "mean_high",
          "cvar10", "masked", "critical_0.1")  # fmt: skip


def _text(
    resolved: Resolved, path: Path, summary: Sequence[Mapping[str, str]], known: Mapping[str, Any],
    how: str,
) -> str:  # fmt: skip
    """Say in a table what the campaign found."""
    single, confidence = resolved.campaign.single, resolved.campaign.confidence
    header = ["network", "model", "faults" if single else "severity", "mean", "95 % interval",
              "worst 10 %", "masked", "critical"]  # fmt: skip

    def number(text: str) -> float | str:
        return float(text) if text else "-"

    def share(text: str) -> str:
        return f"{float(text):.1%}" if text else "-"

    try:
        body = [
            [s["network"], s["model"],
             _amount(s, confidence) if single else number(s["severity"]), number(s["mean"]),
             f"{float(s['mean_low']):.4g} .. {float(s['mean_high']):.4g}", number(s["cvar10"]),
             share(s["masked"]), share(s["critical_0.1"])]
            for s in summary
        ]  # fmt: skip
    except ValueError:
        raise _damaged(path / SUMMARY) from None
    noun = "fault" if single else "draw"
    text = (
        f"{aligned(body, header)}\n\n{plural(known['rows'], noun)} of "
        f"{plural(known['episodes'], 'episode')}, {how}; tables and pictures in {path}"
    )
    if not (path / PARQUET).exists():
        text += f"\nfor {PARQUET}: pip install 'tardigrade[parquet]'"
    return text


def _amount(row: Mapping[str, str], confidence: float) -> str:
    """Say how many of how many single faults were tried, with the margin that this achieves."""
    tried, population = int(row["draws"]), int(row["population"])
    if tried == population:
        return f"all {tried}"
    if row["network"] == "(all)":
        return f"{tried} of {population}"
    return f"{tried} of {population}, +-{achieved_margin(population, tried, confidence):.2%}"
