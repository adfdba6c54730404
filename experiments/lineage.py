"""The lineage of a run: its file, who a network descends from, and that as a graph."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import networkx as nx

from evo import Birth
from evo.lineage import ancestors, line_of_descent
from experiments.tables import aligned, plural, write_csv
from neuro.errors import InputError, wrong
from neuro.files import read_text

COLUMNS = ("number", "generation", "parents", "operators", "file")


class Lineage(NamedTuple):
    """What lineage.csv holds.

    Attributes
    ----------
    births : dict of int to Birth
        By number.
    files : dict of int to str
        Network files of those that made the final front, relative to the run directory.
    """

    births: dict[int, Birth]
    files: dict[int, str]


def write_lineage(path: Path, births: Mapping[int, Birth], files: Mapping[int, str]) -> None:
    """Write lineage.csv into a run directory."""
    rows = []
    for number, generation, parents, operators in births.values():
        words = " ".join(map(str, parents)), " ".join(operators), files.get(number, "")
        rows.append(dict(zip(COLUMNS, (number, generation, *words), strict=True)))
    write_csv(path / "lineage.csv", rows, COLUMNS)


def read_lineage(path: Path) -> Lineage:
    """Read what `write_lineage` wrote.

    Raises
    ------
    InputError
        The file is missing, or not a lineage.
    """
    file = path / "lineage.csv"
    births: dict[int, Birth] = {}
    files: dict[int, str] = {}
    for row in csv.DictReader(read_text(file).splitlines()):
        try:
            number, parents = int(row["number"]), tuple(map(int, row["parents"].split()))
            birth = Birth(number, int(row["generation"]), parents, tuple(row["operators"].split()))
            if any(parent >= number for parent in parents):
                raise ValueError
            if row["file"]:
                files[number] = row["file"]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise wrong(f"{file}: row {len(births) + 1}", f"{', '.join(COLUMNS)} of a birth",
                        list(row.values())) from None  # fmt: skip
        births[number] = birth
    if not files:
        raise InputError(f"{file}: expected the births of a run, got none with a file")
    return Lineage(births, files)


def find_number(lineage: Lineage, name: str, path: Path) -> int:
    """Find the number of a network of the front.

    Parameters
    ----------
    name : str
        Its file, relative to the run directory or not.
    path : Path
        The run directory.
    """
    for number, file in lineage.files.items():
        if Path(name) == Path(file) or Path(name).absolute() == (path / file).absolute():
            return number
    raise wrong("--lineage", f"one of {', '.join(sorted(lineage.files.values()))}", name)


def ancestry(lineage: Lineage, number: int) -> nx.DiGraph:
    """Make the graph of an individual and its ancestors: an edge from each parent to its child.

    Nodes are numbers with the attributes `generation`, `operators` and `file` (empty where there
    is none). Edges have the attribute `parent`: 1 for the parent whose structure the child has,
    2 for the other one.
    """
    graph = nx.DiGraph()
    for birth in ancestors(lineage.births, [number]).values():
        graph.add_node(
            birth.number, generation=birth.generation, operators=" ".join(birth.operators),
            file=lineage.files.get(birth.number, ""),
        )  # fmt: skip
        for place, parent in enumerate(dict.fromkeys(birth.parents), 1):
            if parent in graph:
                graph.add_edge(parent, birth.number, parent=place)
    return graph


def contracted(graph: nx.DiGraph) -> nx.DiGraph:
    """Return the graph with one node for each run of refinement, which has the last one's number.

    Nodes also have `count`, the births they stand for, and `begun`, the generation of the first.
    Individuals with other children or with a file stay on their own.
    """
    small = nx.DiGraph()
    for number in sorted(graph):
        node, parents = graph.nodes[number], list(graph.predecessors(number))
        count, begun = 1, node["generation"]
        incoming = [(p, graph.edges[p, number]["parent"]) for p in parents]
        if node["operators"] == "refine" and parents:
            before = graph.nodes[parents[0]]
            alone = graph.out_degree(parents[0]) == 1 and not before["file"]
            if before["operators"] == "refine" and alone:
                merged = small.nodes[parents[0]]
                count, begun = merged["count"] + 1, merged["begun"]
                edges = small.in_edges(parents[0], data="parent")
                incoming = [(p, place) for p, _, place in edges]
                small.remove_node(parents[0])
        small.add_node(number, **node, count=count, begun=begun)
        for parent, place in incoming:
            small.add_edge(parent, number, parent=place)
    return small


def line_of(graph: nx.DiGraph, number: int) -> list[int]:
    """Numbers from the root to an individual, along the parents whose structure it has."""
    births = {}
    for child in graph:
        parents = sorted(graph.predecessors(child), key=lambda p: graph.edges[p, child]["parent"])
        births[child] = Birth(child, graph.nodes[child]["generation"], tuple(parents), ())
    return [birth.number for birth in line_of_descent(births, number)]


def told(graph: nx.DiGraph, number: int) -> str:
    """Say how an individual of a contracted graph came to be."""
    node = graph.nodes[number]
    how = node["operators"] or "no change"
    return f"{how} x {node['count']}" if node["count"] > 1 else how


def describe_descent(lineage: Lineage, number: int) -> tuple[dict[str, Any], str]:
    """Describe a network's line of descent, as JSON and as text."""
    graph = contracted(ancestry(lineage, number))
    line = line_of(graph, number)
    others = {
        child: next((p for p in graph.predecessors(child) if graph.edges[p, child]["parent"] == 2),
                    "")
        for child in line
    }  # fmt: skip
    rows = [[graph.nodes[n]["generation"], n, told(graph, n), str(others[n])] for n in line]
    births = sum(graph.nodes[n]["count"] for n in graph)
    text = [
        f"{lineage.files[number]} is number {number}, with {plural(births - 1, 'ancestor')}",
        "",
        aligned(rows, ["generation", "number", "operators", "second parent"]),
    ]
    result = {
        "file": lineage.files[number],
        "number": number,
        "ancestors": births - 1,
        "line": [
            lineage.births[birth.number]._asdict()
            for birth in line_of_descent(lineage.births, number)
        ],
    }
    return result, "\n".join(text)


def graphml(graph: nx.DiGraph) -> str:
    """Write a graph as GraphML, which Gephi, yEd, Cytoscape and igraph read.

    Examples
    --------
    >>> graph = nx.DiGraph([(1, 3), (2, 3)])
    >>> print(graphml(graph).splitlines()[0])
    <?xml version="1.0" encoding="utf-8"?>
    """
    return "\n".join(['<?xml version="1.0" encoding="utf-8"?>', *nx.generate_graphml(graph), ""])
