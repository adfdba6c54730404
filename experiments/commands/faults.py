"""``tardigrade faults``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

EXAMPLE = """  tardigrade faults runs/first/front/000.json --out faults
  tardigrade faults NET.json --model bit-flip:bits=6 --severity 1e-3..1e-1:5 --out flips
  tardigrade faults A.json B.json --model dead-synapse --severity 0.05,0.1,0.2 --out compared
  tardigrade faults runs/first --single --model bit-flip --model dead-neuron --out audit
  tardigrade faults NET.json --model bit-flip --time upset --single --margin 0.02 --out upsets
  tardigrade faults audit/campaign.toml --out again"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "network",
        nargs="*",
        metavar="NETWORK.json|RUN_DIR|CAMPAIGN.toml",
        help="network files, runs (all networks of their fronts), or one campaign file",
    )
    parser.add_argument(
        "--model",
        action="append",
        metavar="MODEL[:KEY=VALUE,...]",
        help="a fault model, or all; may be repeated (gaussian, dead-synapse and bit-flip; with "
        "--single bit-flip, dead-synapse, dead-neuron and saturated-neuron)",
    )
    parser.add_argument("--list", action="store_true", help="list the fault models and times")
    parser.add_argument(
        "--severity",
        metavar="A,B,...|LOW..HIGH:N",
        help="severities, or N of them spaced evenly on a log scale (a range that suits the model)",
    )
    parser.add_argument(
        "--site",
        metavar="KIND",
        help="all, synapses, input-synapses, neurons, hidden, inputs, outputs or channels (all)",
    )
    parser.add_argument(
        "--group",
        metavar="GROUP",
        help="what is struck together: site, row, column, cluster or network (site)",
    )
    parser.add_argument(
        "--time",
        metavar="TIME[:KEY=VALUE,...]",
        help="permanent, upset, window, intermittent, accumulating or redrawn (the model's own)",
    )
    parser.add_argument("--draws", type=int, metavar="K", help="fault draws per severity (1000)")
    parser.add_argument(
        "--episodes",
        type=int,
        metavar="N",
        help="starts that each draw plays (10), or test samples (all)",
    )
    parser.add_argument(
        "--single",
        action="store_true",
        default=None,
        help="inject faults one by one: all of them, or a sample if there are too many",
    )
    parser.add_argument(
        "--margin", type=float, metavar="E", help="margin of error of that sample (0.01)"
    )
    parser.add_argument(
        "--confidence", type=float, metavar="C", help="its confidence, and --precision's (0.95)"
    )
    parser.add_argument(
        "--most", type=int, metavar="N", help="single faults that are all tried (20000)"
    )
    parser.add_argument(
        "--precision",
        type=float,
        metavar="D",
        help="stop once the mean drop is known to within D, looking after 100, 200, 400, ...",
    )
    parser.add_argument("--task", metavar="TASK", help="the one the file names, if left out")
    parser.add_argument("--seed", type=int, metavar="S", help="seed (0)")
    parser.add_argument(
        "--workers", type=int, metavar="W", help="threads; does not change the result (all cores)"
    )
    parser.add_argument(
        "--self-check",
        action="store_true",
        help="play everything again without leaving anything out, and compare",
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="directory for the results, required; an interrupted campaign goes on in its own",
    )


def run(options: Namespace) -> tuple[Any, ...]:
    """Run the campaign, or list what there is."""
    import os
    import sys
    from dataclasses import replace

    from experiments.faults.plan import Plan, read_plan
    from experiments.faults.study import parse_severities, run_study
    from neuro.errors import InputError, wrong

    if options.list:
        if options.network:
            raise wrong("NETWORK.json", "none beside --list", ", ".join(options.network))
        return _listed()
    if not options.network:
        raise wrong("NETWORK.json", "at least one network", "none")
    if options.out is None:
        raise wrong("--out", "a directory", "none")
    names = ("site", "group", "time", "draws", "episodes", "single", "margin", "confidence",
             "most", "precision", "task", "seed")  # fmt: skip
    given = {n: getattr(options, n) for n in names if getattr(options, n) is not None}
    if options.model:
        given["models"] = tuple(options.model)
    if options.severity is not None:
        given["severities"] = (parse_severities(options.severity),)
    file = next((name for name in options.network if name.endswith(".toml")), None)
    if file is None:
        plan = Plan(tuple(options.network), **given)
    else:
        if len(options.network) > 1:
            several = ", ".join(options.network)
            raise wrong("campaign", "one campaign file, or networks", several)
        if "models" in given:
            raise wrong("--model", "none beside a campaign file", ", ".join(options.model))
        plan = replace(read_plan(file), **given)
    _check_used(options, plan)
    workers = options.workers if options.workers is not None else os.cpu_count() or 1
    try:
        resolved = replace(plan, workers=workers).resolve()
    except InputError as error:
        raise InputError(f"{file}: {error}" if file else str(error)) from None
    for text, lacking in resolved.lacking().items():
        which = f"{', '.join(lacking)}: model {text}"
        print(f"{which}: no sites that can have it, so all draws are masked", file=sys.stderr)
    return run_study(resolved, options.out, options.typed, self_check=options.self_check)


def _check_used(options: Namespace, plan: Any) -> None:
    """Refuse options that would play no part."""
    from neuro.errors import wrong

    for name, where in plan.unused().items():
        typed = "severity" if name == "severities" else name
        if (value := getattr(options, typed)) is not None:
            for other in ("single", "precision"):
                where = where.replace(other, f"--{other}")
            raise wrong(f"--{typed}", f"none {where}", value)


def _listed() -> tuple[Any, str]:
    """List fault models and times."""
    from experiments.tables import aligned
    from neuro.faults import MODELS, TIMES
    from neuro.faults.models import find_model
    from neuro.specs import to_table

    models = [
        {
            "name": name,
            "family": cls.family,
            "acts_on": cls.owner,
            "time": cls.time.name,
            "severity": cls.severity,
            "typical": cls.typical,
            "parameters": {k: v for k, v in to_table(cls()).items() if k != "name"},
        }
        for name, cls in ((name, find_model(name)) for name in MODELS)
    ]
    times = [
        {"name": name, "parameters": {k: v for k, v in to_table(cls()).items() if k != "name"}}
        for name, cls in TIMES.items()
    ]
    header = ["model", "family", "acts on", "time", "parameters", "severity"]
    body = [
        [m["name"], m["family"], m["acts_on"], m["time"], _parameters(m), m["severity"]]
        for m in models
    ]
    text = (
        aligned(body, header)
        + "\n\n"
        + aligned([[t["name"], _parameters(t)] for t in times], ["time", "parameters"])
    )
    return {"models": models, "times": times}, text


def _parameters(part: Any) -> str:
    return ",".join(f"{k}={v}" for k, v in part["parameters"].items()) or "-"
