"""The study of evolution in tables and figures: ``docs/results/evolution.md``."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from experiments.studies.compare import compare_with_all
from experiments.studies.evolution import control, fronts, generality, lander, poles
from experiments.studies.record import RESULTS, read_rows
from neuro.files import write_atomically

Rows = list[dict[str, Any]]


def write_report() -> str:
    """Write the report of what has been measured so far, and return its text."""
    parts = [
        ("poles", _poles), ("generality", _generality), ("fronts", _fronts), ("control", _control),
        ("lander", _lander),
    ]  # fmt: skip
    rows = {name: read_rows(f"evolution-{name}") for name, _ in parts}
    text = "\n".join(describe(rows[name]) for name, describe in parts if rows[name])
    write_atomically(RESULTS / "evolution.md", text)
    if rows["poles"]:
        _draw_poles(rows["poles"])
    if rows["fronts"]:
        _draw_fronts(rows["fronts"])
    return text


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _poles(rows: Rows) -> str:
    """Evaluations until solved; a run that failed counts with its whole budget."""
    text = ["## Evaluations until solved\n"]
    for task in poles.TASKS_SOLVED:
        mine = _by_method([r for r in rows if r["task"] == task])
        if not mine:
            continue
        ours = _evaluations(mine.get("tardigrade", []))
        tests = compare_with_all(
            ours, {n: _evaluations(r) for n, r in mine.items() if n != "tardigrade"}
        )
        body = []
        for name, runs in mine.items():
            solved = [r for r in runs if r["solved"] == "True"]
            spent = sorted(_evaluations(runs))
            balanced = [float(r["balanced"]) for r in solved]
            sizes = sorted(
                (int(r["neurons"]) + int(r["synapses"]), f"{r['neurons']} + {r['synapses']}")
                for r in solved
                if r["neurons"]
            )
            test = tests.get(name)
            body.append([
                name, f"{len(solved)} of {len(runs)}", f"{statistics.mean(spent):,.0f}",
                f"{statistics.median(spent):,.0f}", f"{spent[0]:,.0f} to {spent[-1]:,.0f}",
                f"{statistics.mean(float(r['env_steps']) for r in runs):,.0f}",
                f"{statistics.mean(balanced):.0f} ({max(balanced):.0f})" if balanced else "",
                sizes[0][1] if sizes else "",
                f"{test.a12:.2f}, {_p(test.p)}" if test else "",
            ])  # fmt: skip
        head = [
            f"`{task}`", "solved", "evaluations, mean", "median", "range", "steps, mean",
            "of 625 starts, mean (best)", "smallest", "A12, p",
        ]  # fmt: skip
        text.append(_table(head, body))
    text.append("![evaluations until solved](evolution-poles.png)\n")
    return "\n".join(text)


def _generality(rows: Rows) -> str:
    """How many of the 625 starts are balanced before and after going on from the solver."""
    head = [
        "task", "runs", "evaluations to solve, mean", "of 625 starts, mean (range)",
        "evaluations after", "of 625 starts, mean (range)", "still solves", "size", "steps, mean",
    ]  # fmt: skip
    body = []
    for task in generality.MORE:
        mine = [r for r in rows if r["task"] == task]
        if not mine:
            continue
        said = {k: [float(r[k]) for r in mine] for k in mine[0] if k not in ("run", "task",
                "still_solves")}  # fmt: skip
        before, after = (
            f"{statistics.mean(v):.0f} ({min(v):.0f} to {max(v):.0f})"
            for v in (said["balanced_by_solver"], said["balanced"])
        )
        body.append([
            f"`{task}`", str(len(mine)), f"{statistics.mean(said['evaluations_to_solve']):,.0f}",
            before, _median(said["evaluations_after"]), after,
            f"{sum(r['still_solves'] == 'True' for r in mine)} of {len(mine)}",
            " + ".join(_median(said[k]) for k in ("neurons", "synapses")),
            f"{statistics.mean(said['env_steps']):,.0f}",
        ])  # fmt: skip
    return "## Going on from the solver\n\n" + _table(head, body)


def _fronts(rows: Rows) -> str:
    text = ["## Hypervolume at equal evaluations\n"]
    for task in fronts.TASKS_COMPARED:
        mine = _by_method([r for r in rows if r["task"] == task])
        if not mine:
            continue
        values = {n: [float(r["hypervolume"]) for r in runs] for n, runs in mine.items()}
        ours = values.get("tardigrade", [])
        tests = compare_with_all(ours, {n: v for n, v in values.items() if n != "tardigrade"})
        body = []
        for name, runs in mine.items():
            test = tests.get(name)
            smallest = [float(r["smallest"]) for r in runs if r["smallest"]]
            body.append([
                name, str(len(runs)), f"{statistics.median(values[name]):.4f}",
                f"{min(values[name]):.4f} to {max(values[name]):.4f}",
                _median(r["best_score"] for r in runs), _median(r["its_resilience"] for r in runs),
                _median(smallest), _median(r["env_steps"] for r in runs),
                _median(r["seconds"] for r in runs),
                f"{test.a12:.2f}, {_p(test.p)}" if test else "",
            ])  # fmt: skip
        head = [
            f"`{task}`", "runs", "hypervolume, median", "range", "best score", "its resilience",
            "smallest size", "steps", "seconds", "A12, p",
        ]  # fmt: skip
        text.append(_table(head, body))
    text.append("![hypervolumes](evolution-fronts.png)\n")
    return "\n".join(text)


def _control(rows: Rows) -> str:
    head = [
        "task", "seeds", "score held out, median (worst to best)", "published", "best network",
        "smallest at the task's threshold", "evaluations", "steps", "seconds",
    ]  # fmt: skip
    body = []
    for task, (published, source) in control.PUBLISHED.items():
        mine = [r for r in rows if r["task"] == task]
        if not mine:
            continue
        scores = sorted(float(r["score_held_out"]) for r in mine)
        sizes = sorted(
            (sum(map(int, r["smallest_solving"].split(" + "))), r["smallest_solving"])
            for r in mine
            if r["smallest_solving"]
        )
        size = " + ".join(_median(r[k] for r in mine) for k in ("neurons", "synapses"))
        body.append([
            f"`{task}`", str(len(mine)),
            f"{_short(statistics.median(scores))} ({_short(scores[0])} to {_short(scores[-1])})",
            f"{published:,} ({source})", size, sizes[0][1] if sizes else "",
            *(_median(r[k] for r in mine) for k in ("evaluations", "env_steps", "seconds")),
        ])  # fmt: skip
    return "## Control tasks with published scores\n\n" + _table(head, body)


def _lander(rows: Rows) -> str:
    """Scores of LunarLander with equal steps, without one idea at a time."""
    head = [
        "without", "score held out, seed by seed", "median", "episodes at 200 or more, median",
        "network", "evaluations", "seconds",
    ]  # fmt: skip
    body = []
    for name in lander.WITHOUT:
        mine = [r for r in rows if r["without"] == name]
        if not mine:
            continue
        scores = [float(r["score_held_out"]) for r in mine]
        body.append([
            name, ", ".join(f"{score:.0f}" for score in scores),
            f"{statistics.median(scores):.0f}",
            f"{statistics.median(float(r['landed']) for r in mine):.0%}",
            " + ".join(_median(r[k] for r in mine) for k in ("neurons", "synapses")),
            *(_median(r[k] for r in mine) for k in ("evaluations", "seconds")),
        ])  # fmt: skip
    title = f"## LunarLander after {lander.STEPS:,} steps, without one idea at a time"
    what = "Beginning with networks that have hidden neurons; those of the default run have none."
    return f"{title}\n\n{what}\n\n" + _table(head, body)


def _by_method(rows: Rows) -> dict[str, Rows]:
    """Group rows: ours first, then other methods, then ours with or without an idea."""
    names = sorted(
        dict.fromkeys(r["method"] for r in rows),
        key=lambda name: (name != "tardigrade", name.startswith("with")),
    )
    return {name: [r for r in rows if r["method"] == name] for name in names}


def _evaluations(rows: Rows) -> list[float]:
    return [float(r["evaluations"]) for r in rows]


def _p(value: float) -> str:
    return f"p = {value:.2g}" if value >= 1e-4 else "p < 0.0001"


def _median(values: Any) -> str:
    numbers = [float(v) for v in values]
    return _short(statistics.median(numbers)) if numbers else ""


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _draw_poles(rows: Rows) -> None:
    """Draw which share of the runs had solved the task after so many evaluations."""
    from experiments import plots

    figure = plots.new_figure(11, 4)
    axes = figure.subplots(1, len(poles.TASKS_SOLVED))
    for axis, task in zip(axes, poles.TASKS_SOLVED, strict=True):
        for name, runs in _by_method([r for r in rows if r["task"] == task]).items():
            solved = sorted(float(r["evaluations"]) for r in runs if r["solved"] == "True")
            share = [(i + 1) / len(runs) for i in range(len(solved))]
            ours = name == "tardigrade"
            axis.step(
                [1, *solved, poles.budget(name)], [0, *share, share[-1] if share else 0],
                where="post",
                label=name, linewidth=2.5 if ours else 1.2, color="black" if ours else None,
            )  # fmt: skip
        axis.set(xscale="log", xlim=(10, poles.BUDGET), ylim=(0, 1.02), title=task,
                 xlabel="evaluations", ylabel="share of the runs that solved it")  # fmt: skip
        axis.grid(alpha=0.3)
    max(axes, key=lambda axis: len(axis.lines)).legend(fontsize=7, loc="upper left")
    plots.save_figure(figure, RESULTS / "evolution-poles.png")


def _draw_fronts(rows: Rows) -> None:
    from experiments import plots

    tasks = [t for t in fronts.TASKS_COMPARED if any(r["task"] == t for r in rows)]
    figure = plots.new_figure(3.2 * len(tasks), 4)
    for axis, task in zip(figure.subplots(1, len(tasks), squeeze=False)[0], tasks, strict=True):
        mine = _by_method([r for r in rows if r["task"] == task])
        axis.boxplot([[float(r["hypervolume"]) for r in runs] for runs in mine.values()],
                     tick_labels=list(mine))  # fmt: skip
        axis.tick_params(axis="x", rotation=90, labelsize=7)
        axis.set(title=task, ylabel="hypervolume, held out")
    plots.save_figure(figure, RESULTS / "evolution-fronts.png")
