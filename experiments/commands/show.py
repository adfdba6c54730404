"""``tardigrade show``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

EXAMPLE = """  tardigrade show runs/first
  tardigrade show runs/first --lineage --out lineage.png
  tardigrade show runs/first/front/000.json --out network.svg
  tardigrade show runs/first/front/000.json --raster --out raster.png"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("what", metavar="NETWORK.json|RUN_DIR", help="a network file or a run")
    parser.add_argument(
        "--out",
        metavar="FILE.png|svg|pdf",
        help="draw the network, or the run's Pareto front, or with --lineage its ancestors, the "
        "latter also as FILE.graphml",
    )
    parser.add_argument(
        "--lineage",
        nargs="?",
        const="front/000.json",
        metavar="FRONT/NNN.json",
        help="who a network of the run's front descends from (front/000.json)",
    )
    parser.add_argument(
        "--raster", action="store_true", help="with --out: draw one episode of the network instead"
    )
    parser.add_argument("--seed", type=int, metavar="S", help="seed of that episode (0)")


def run(options: Namespace) -> tuple[Any, str]:
    """Summarise, and draw if asked."""
    from neuro.errors import wrong

    if options.raster and not options.out:
        raise wrong("--raster", "a file to draw into, given with --out", "none")
    if options.seed is not None and not options.raster:
        raise wrong("--seed", "none without --raster", options.seed)
    if Path(options.what).is_dir():
        if options.raster:
            raise wrong("--raster", "a network file", options.what)
        show = _show_lineage if options.lineage else _show_run
        return show(Path(options.what), options)
    if options.lineage:
        raise wrong("--lineage", "a run directory", options.what)
    return _show_network(options)


def _show_lineage(path: Path, options: Namespace) -> tuple[Any, str]:
    from experiments import lineage, plots
    from neuro.errors import wrong
    from neuro.files import write_atomically

    births = lineage.read_lineage(path)
    number = lineage.find_number(births, options.lineage, path)
    result, text = lineage.describe_descent(births, number)
    if options.out:
        graph = lineage.ancestry(births, number)
        ending = Path(options.out).suffix.lower()
        if ending == ".graphml":
            write_atomically(options.out, lineage.graphml(graph))
        elif ending in plots.FORMATS:
            small = lineage.contracted(graph)
            title = f"{result['file']} of {path.name} and its ancestors"
            figure = plots.lineage_figure(small, lineage.line_of(small, number), title)
            plots.save_figure(figure, options.out)
        else:
            endings = ", ".join((*plots.FORMATS, ".graphml"))
            raise wrong("--out", f"a name that ends in {endings}", Path(options.out).name)
        text += f"\n\n{'graph' if ending == '.graphml' else 'picture'}: {options.out}"
    return result, text


def _show_run(path: Path, options: Namespace) -> tuple[Any, str]:
    import json

    from experiments.config import resolve
    from experiments.run_directory import expect_run, read_front
    from experiments.tables import aligned
    from neuro.errors import InputError
    from neuro.files import read_text

    expect_run(path)
    config = resolve(str(path / "config.toml"))
    if not (path / "manifest.json").exists():
        raise InputError(f"{path}: the run is not finished; go on with: tardigrade resume {path}")
    try:
        manifest = json.loads(read_text(path / "manifest.json"))
        rows = read_front(path)
        shown = {
            k: manifest[k]
            for k in (
                "task",
                "seed",
                "generations",
                "evaluations",
                "env_steps",
                "hypervolume",
                "stopped_by",
                "evolution_seconds",
                "started",
            )
        }
    except InputError:
        raise
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{path}: not the directory of a finished run") from None
    lines = [f"{k.replace('_', ' ')}: {v}" for k, v in shown.items()]
    if rows:
        lines += ["", aligned([list(r.values()) for r in rows], list(rows[0]))]
    if options.out:
        from experiments import plots

        if not rows:
            raise InputError(f"{path}: the front is empty, there is nothing to draw")
        plots.save_figure(plots.pareto_figure(rows, config.task), options.out)
        lines.append(f"\npicture: {options.out}")
    return {**shown, "front": rows}, "\n".join(lines)


def _show_network(options: Namespace) -> tuple[Any, str]:
    from experiments.tables import aligned
    from fitness import TASKS
    from neuro import load
    from neuro.columns import RESET_RULES
    from neuro.specs import to_table, whole

    episode = whole(options.seed or 0, "--seed", 0, 2**64 - 1)
    network = load(options.what)
    n, s, i = network.neurons, network.synapses, network.input_synapses
    inputs, outputs = network.inputs.tolist(), network.outputs.tolist()
    roles = [
        f"input {inputs.index(j)}"
        if j in inputs
        else f"output {outputs.index(j)}"
        if j in outputs
        else "hidden"
        for j in range(len(n))
    ]
    result = {
        "task": network.task,
        "dt": network.dt,
        "size": network.size,
        "neurons": len(n),
        "synapses": len(s) + len(i),
        "encoder": to_table(network.encoder) if network.encoder else None,
        "readout": to_table(network.readout) if network.readout else None,
        "provenance": dict(network.provenance),
    }
    lines = [f"{k}: {v}" for k, v in result.items()]
    body = [
        [
            j,
            roles[j],
            *(
                float(getattr(n, c)[j])
                for c in ("tau_mem", "v_threshold", "v_reset", "v_leak", "v_min")
            ),
            int(n.refractory[j]),
            RESET_RULES[n.reset[j]],
            float(n.bias[j]),
            float(n.tau_syn[j]),
        ]
        for j in range(len(n))
    ]
    header = [
        "neuron",
        "role",
        "tau_mem",
        "v_threshold",
        "v_reset",
        "v_leak",
        "v_min",
        "refractory",
        "reset",
        "bias",
        "tau_syn",
    ]
    lines += ["", aligned(body, header)] if body else []
    if len(s):
        pairs = zip(
            s.pre.tolist(), s.post.tolist(), s.weight.tolist(), s.delay.tolist(), strict=True
        )
        lines += ["", aligned([list(row) for row in pairs], ["pre", "post", "weight", "delay"])]
    if len(i):
        triples = zip(i.channel.tolist(), i.post.tolist(), i.weight.tolist(), strict=True)
        lines += ["", aligned([list(row) for row in triples], ["channel", "post", "weight"])]
    if options.out:
        from experiments import plots

        task = TASKS.get(network.task or "")
        if options.raster:
            from experiments.load import load_for_task
            from fitness import episode_seeds, record_episode

            _, task = load_for_task(options.what, None)
            seed = episode_seeds(episode, "held-out", 1)[0]
            figure = plots.raster_figure(
                record_episode(network, task, seed, decisions=500), network, task
            )
        else:
            figure = plots.network_figure(network, task.observations if task else ())
        plots.save_figure(figure, options.out)
        lines.append(f"\npicture: {options.out}")
    return result, "\n".join(lines)
