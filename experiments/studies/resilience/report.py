"""The study of resilience in tables and figures: ``docs/results/resilience.md``."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.faults.maps import matrix_figure
from experiments.plots import COLOURS, new_figure, save_figure
from experiments.studies.compare import Comparison, compare_pairs, holm
from experiments.studies.record import RESULTS, read_rows
from experiments.studies.resilience.runs import AS_WELL, MAIN, MIXTURE, TASKS, TESTS
from fitness import TASKS as ALL_TASKS
from neuro.files import write_atomically

Rows = list[dict[str, Any]]

AT = "gaussian@0.2"
SEEN = tuple(fault for fault in TESTS if fault in MIXTURE or fault.startswith("gaussian"))
UNSEEN = tuple(fault for fault in TESTS if fault not in SEEN)
"""Faults that no arm of the main study was evolved on."""
COMPARED = {"size": "chosen size", "drop": f"chosen drop {AT}", "unseen": "chosen unseen"}
SMALLER, LESS = 0.7, 0.5
"""What was expected of sizes and drops, beside those of the other arm."""
BUDGETS = (("main", "equal evaluations"), ("time", "equal time, in decisions"))


def write_report() -> str:
    """Write the report of what has been measured so far, and return its text."""
    text = []
    for part, title in BUDGETS:
        rows = _complete(read_rows(f"resilience-{part}"))
        if rows:
            pairs = _pairs(rows)
            text += [f"## With {title}\n", _answer(pairs), _arms(rows), _tests(pairs)]
            text.append(_matched(rows))
            _draw(rows, RESULTS / f"resilience-{part}.png")
            text.append(f"![drops by arm](resilience-{part}.png)\n")
    if others := read_rows("resilience-matrix"):
        matrix = _matrix(read_rows("resilience-main") + others)
        text += ["## Trained on one fault, tested with another\n", matrix]
    found = "\n".join(text)
    write_atomically(RESULTS / "resilience.md", found)
    return found


def _complete(rows: Rows) -> Rows:
    """Keep the seeds of a task that all its main arms have been run with."""
    seeds = {
        task: set.intersection(*({r["seed"] for r in rows if (r["task"], r["arm"]) == (task, arm)}
                                 for arm in MAIN))
        for task in TASKS
    }  # fmt: skip
    return [r for r in rows if r["arm"] in MAIN and r["seed"] in seeds[r["task"]]]


def _values(rows: Rows, task: str, arm: str, column: str) -> list[float]:
    """Values of a column, in the order of seeds."""
    mine = [r for r in rows if (r["task"], r["arm"]) == (task, arm)]
    ordered = sorted(mine, key=lambda r: int(r["seed"]))
    if column.endswith(" size"):
        pick = column.removesuffix(" size")
        return [float(r[f"{pick} neurons"]) + float(r[f"{pick} synapses"]) for r in ordered]
    if column == "chosen unseen":
        return [statistics.mean(float(r[f"chosen drop {f}"]) for f in UNSEEN) for r in ordered]
    return [float(r[column]) for r in ordered]


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _arms(rows: Rows) -> str:
    """Medians of every arm on every task."""
    head = ["task", "arm", "runs", "score", "size", f"drop at {AT}", "gaussian@0.5",
            "seen, mixture", "unseen", "smallest as good: size", f"its drop at {AT}"]  # fmt: skip
    body = []
    for task in TASKS:
        for arm in MAIN:
            columns = ["chosen score", "chosen size", f"chosen drop {AT}",
                       "chosen drop gaussian@0.5"]  # fmt: skip
            score, size, low, high = (_values(rows, task, arm, c) for c in columns)
            if not score:
                continue
            mixed = [
                statistics.mean(seen)
                for seen in zip(
                    *(_values(rows, task, arm, f"chosen drop {f}") for f in MIXTURE), strict=True
                )
            ]
            small = _values(rows, task, arm, "small size")
            its = _values(rows, task, arm, f"small drop {AT}")
            unseen = _values(rows, task, arm, "chosen unseen")
            median = statistics.median
            body.append([
                task, arm, str(len(score)), f"{median(score):.4g}", f"{median(size):g}",
                *(f"{median(v):.3f}" for v in (low, high, mixed, unseen)),
                f"{median(small):g}", f"{median(its):.3f}",
            ])  # fmt: skip
    return (
        "Medians over runs. A drop is the share of the score without faults that is lost, mean "
        "over draws and starts.\n\n" + _table(head, body)
    )


class Pair(NamedTuple):
    """A resilient arm beside another: ratios of medians, and tests by what is compared."""

    task: str
    arm: str
    other: str
    ratios: dict[str, float]
    score: float
    tests: dict[str, Comparison]

    @property
    def as_expected(self) -> bool:
        """Smaller, with less of a drop, and scoring as well."""
        return self.ratios["size"] <= SMALLER and self.ratios["drop"] <= LESS and self.as_good

    @property
    def as_good(self) -> bool:
        """Scoring as well."""
        return self.score >= AS_WELL - 1.0


def _pairs(rows: Rows) -> list[Pair]:
    """Compare the resilient arms with the others, seed by seed; Holm's correction over all."""
    pairs: list[Pair] = []
    found: dict[tuple[str, ...], Comparison] = {}
    for task, arm, other in itertools.product(TASKS, MAIN[2:], MAIN[:2]):
        ratios = {}
        for name, column in COMPARED.items():
            a, b = (_values(rows, task, x, column) for x in (arm, other))
            if not a:
                break
            below = statistics.median(b)
            # Where there is nothing to lose, nothing can be gained.
            ratios[name] = statistics.median(a) / below if below > 0 else math.inf
            found[task, arm, other, name] = compare_pairs(a, b)
        else:
            known = ALL_TASKS[task]
            first, second = (
                float(known.fraction(statistics.median(_values(rows, task, x, "chosen score"))))
                for x in (arm, other)
            )
            change = first / second - 1.0 if second > 0 else 0.0
            pairs.append(Pair(task, arm, other, ratios, change, {}))
    corrected = holm(found)
    return [
        p._replace(tests={n: corrected[p.task, p.arm, p.other, n] for n in COMPARED}) for p in pairs
    ]


def _answer(pairs: list[Pair]) -> str:
    """Say in a paragraph what the comparisons come to."""
    parts = []
    for other in MAIN[:2]:
        mine = [p for p in pairs if p.other == other]
        count = len(mine)

        def clear(name: str, mine: list[Pair] = mine) -> int:
            found = (p.tests[name] for p in mine)
            return sum(test.p < 0.05 and test.a12 < 0.5 for test in found)

        sizes, drops, unseen = ([p.ratios[n] for p in mine] for n in COMPARED)
        parts.append(
            f"Against *{other}*: the drop at {AT} is at most half in "
            f"{sum(d <= LESS for d in drops)} of {count} comparisons (significantly less in "
            f"{clear('drop')}); under faults that nobody was evolved on it is {min(unseen):.2f} to "
            f"{max(unseen):.2f} times theirs (significantly less in {clear('unseen')}); networks "
            f"are {min(sizes):.2f} to {max(sizes):.2f} times their size, at least 30 % smaller in "
            f"{sum(s <= SMALLER for s in sizes)} (significantly smaller in {clear('size')}); they "
            f"score as well in {sum(p.as_good for p in mine)}. All three together: "
            f"{sum(p.as_expected for p in mine)}."
        )
    return (
        "Does evolving for resilience give networks that are smaller *and* survive faults they "
        "were not evolved on? " + " ".join(parts) + "\n"
    )


def _tests(pairs: list[Pair]) -> str:
    """Write the comparisons as a table."""
    head = ["task", "arm", "against", "size", "p", f"drop at {AT}", "p", "drop, unseen faults",
            "p", "score", "as expected"]  # fmt: skip
    body = []
    for pair in pairs:
        cells = []
        for name, test in pair.tests.items():
            ratio = pair.ratios[name]
            said = f"{ratio:.2f}" if math.isfinite(ratio) else "none to lose"
            cells += [f"{said} (A12 {test.a12:.2f})", _p(test.p)]
        score, good = f"{100 * pair.score:+.1f} %", "yes" if pair.as_expected else "no"
        body.append([pair.task, pair.arm, pair.other, *cells, score, good])
    return (
        f"Expected: at least 30 % smaller, at most half the drop at {AT}, a score within 1 % of "
        "the other arm's (counted from the task's worst). All three hold in "
        f"{sum(p.as_expected for p in pairs)} of {len(body)} comparisons. Ratios of medians; "
        "Wilcoxon's signed-rank test over seeds, with Holm's correction over all tests of this "
        "table; A12 below 0.5 is smaller or drops less.\n\n" + _table(head, body)
    )


def _matched(rows: Rows) -> str:
    """Compare drops of networks of the same size, whatever run they are from."""
    head = ["task", "arm", "against", "pairs", "size", f"drop at {AT}", "against", "p"]
    found: dict[str, Comparison] = {}
    body: dict[str, list[str]] = {}
    for task in TASKS:
        for arm in MAIN[2:]:
            mine, others = (_sized(rows, task, x) for x in (arm, MAIN[1]))
            pairs = _match(mine, others)
            if len(pairs) < 5:
                continue
            a, b = [p[1] for p in pairs], [p[2] for p in pairs]
            found[f"{task}|{arm}"] = compare_pairs(a, b)
            body[f"{task}|{arm}"] = [
                task, arm, MAIN[1], str(len(pairs)),
                f"{statistics.mean(p[0] for p in pairs):.1f}", f"{statistics.median(a):.3f}",
                f"{statistics.median(b):.3f}",
            ]  # fmt: skip
    corrected = holm(found)
    lines = [[*cells, _p(corrected[key].p)] for key, cells in body.items()]
    return (
        "Networks of the same size (neurons + synapses differ by 1 at most; each is used once; "
        "chosen and smallest ones of all runs).\n\n" + _table(head, lines)
        if lines
        else ""
    )


def _sized(rows: Rows, task: str, arm: str) -> list[tuple[float, float]]:
    """Sizes and drops of the networks of an arm, each once."""
    found = []
    for pick in ("chosen", "small"):
        size = _values(rows, task, arm, f"{pick} size")
        drop = _values(rows, task, arm, f"{pick} drop {AT}")
        found += [(s, d, k) for k, (s, d) in enumerate(zip(size, drop, strict=True))]
    return [(s, d) for s, d, _ in dict.fromkeys(found)]


def _match(
    mine: list[tuple[float, float]], others: list[tuple[float, float]]
) -> list[tuple[float, float, float]]:
    """Pair networks of the same size, as near as possible: size, and both drops."""
    left, pairs = sorted(others), []
    for size, drop in sorted(mine):
        near = min(left, key=lambda other: abs(other[0] - size), default=None)
        if near is not None and abs(near[0] - size) <= 1.0:
            left.remove(near)
            pairs.append((size, drop, near[1]))
    return pairs


def _matrix(rows: Rows) -> str:
    """Mean over tasks of the median drop, for each training and each testing fault."""
    arms = [arm for arm in dict.fromkeys(r["arm"] for r in rows) if arm != "score"]
    cells = []
    for arm in arms:
        for fault in TESTS:
            each = [_values(rows, task, arm, f"chosen drop {fault}") for task in TASKS]
            drops = [statistics.median(values) for values in each if values]
            if drops:
                cells.append({"train": arm, "test": fault, "value": statistics.mean(drops)})
    figure = matrix_figure(cells)
    save_figure(figure, RESULTS / "resilience-matrix.png")
    head = ["evolved on", *TESTS]
    known = {(c["train"], c["test"]): c["value"] for c in cells}
    body = [
        [arm, *(f"{known[arm, f]:.3f}" if (arm, f) in known else "" for f in TESTS)] for arm in arms
    ]
    return (
        "Mean over tasks of the median drop of chosen networks.\n\n"
        + _table(head, body)
        + "\n![matrix](resilience-matrix.png)\n"
    )


def _draw(rows: Rows, path: Any) -> None:
    """Draw size against drop for every run, a panel for each task."""
    tasks = [task for task in TASKS if _values(rows, task, MAIN[0], "chosen score")]
    figure = new_figure(3.4 * min(3, len(tasks)), 3.0 * -(-len(tasks) // 3))
    panels = np.ravel(figure.subplots(-(-len(tasks) // 3), min(3, len(tasks)), squeeze=False))
    for panel in panels[len(tasks) :]:
        panel.set_visible(False)
    for panel, task in zip(panels, tasks, strict=False):
        for number, arm in enumerate(MAIN):
            size = _values(rows, task, arm, "chosen size")
            drop = _values(rows, task, arm, f"chosen drop {AT}")
            panel.plot(size, drop, "o", ms=4, alpha=0.6, color=COLOURS[number], label=arm)
            panel.plot(statistics.median(size), statistics.median(drop), "P", ms=11,
                       mec="white", color=COLOURS[number])  # fmt: skip
        panel.set_title(task)
        panel.set_xlabel("neurons + synapses")
        panel.set_ylabel(f"drop at {AT}")
        panel.grid(alpha=0.25)
    panels[0].legend(fontsize=7, frameon=False)
    save_figure(figure, path)


def _p(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else f"{value:.2g}"
