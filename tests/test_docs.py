"""What the documentation shows is true: links lead somewhere, code runs, commands exist."""

import configparser
import dataclasses
import importlib
import os
import re
import shlex
import sys
import tomllib
import types
from pathlib import Path
from typing import NamedTuple

import pytest

from evo import MUTATIONS, PROFILES, HardwareProfile
from evo.history import PARTS, operator_names
from evo.selection import PARENTS, SURVIVORS
from experiments.cli import COMMANDS, EXAMPLES, build_parser
from experiments.config import _OPTIONAL as OPTIONAL
from experiments.config import default_tables, parse_assignment, resolve
from fitness import OBJECTIVES, TASKS
from fitness.tasks import SOURCES
from neuro import ENCODERS, READOUTS
from neuro.faults import MODELS, TIMES

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"^( *)(`{3,})(\w*)[^\n]*\n(.*?)^\1\2 *$", re.MULTILINE | re.DOTALL)


def pages():
    """Every markdown file of the project."""
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [f for f in folders if not f.startswith(".") and f not in ("runs", "build")]
        found += [Path(folder) / f for f in files if f.endswith(".md")]
    return sorted(found)


def name_of(path):
    return str(path.relative_to(ROOT))


PAGES = pages()
every_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


class Block(NamedTuple):
    language: str
    text: str
    line: int


def blocks(page):
    text = page.read_text()
    return [
        Block(m[3], re.sub(f"^{m[1]}", "", m[4], flags=re.MULTILINE), text.count("\n", 0, m.end(3)))
        for m in FENCE.finditer(text)
    ]


def prose(page):
    """A page without its code."""
    return re.sub(r"`[^`\n]*`", "``", FENCE.sub("", page.read_text()))


def test_there_is_something_to_check():
    readme = ROOT / "README.md"
    assert {readme, ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")} <= set(PAGES)
    languages = [b.language for page in PAGES for b in blocks(page)]
    assert languages.count("python") >= 5
    assert any(b.language == "python" for b in blocks(readme))
    assert sum(words[0] == "tardigrade" for words in commands(readme)) >= 5


# --- links ------------------------------------------------------------------------------------

LINK = re.compile(r"\]\(\s*<?([^)>\s]+)>?[^)]*\)|<(?:img|a)[^>]*(?:src|href)=\"([^\"]+)\"")


def anchors(page):
    """The names that a page's headings get."""
    found, text = [], FENCE.sub("", page.read_text())
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", text, re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        repeats = found.count(name)
        found.append(f"{name}-{repeats}" if repeats else name)
    return found


@every_page
def test_links_lead_somewhere(page):
    dead = []
    for link in LINK.finditer(prose(page)):
        target = link[1] or link[2]
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        other = page.parent / file if file else page
        if not other.exists() or (anchor and anchor not in anchors(other)):
            dead.append(target)
    assert dead == []


# --- code -------------------------------------------------------------------------------------

with_python = [page for page in PAGES if any(b.language == "python" for b in blocks(page))]


@pytest.mark.parametrize("page", with_python, ids=name_of)
def test_python_runs(page, tmp_path, monkeypatch):
    """The blocks of a page, one after the other, in one module and an empty directory."""
    monkeypatch.chdir(tmp_path)
    registries = (TASKS, OBJECTIVES, MODELS, TIMES, ENCODERS, READOUTS, MUTATIONS)
    before = [dict(registry) for registry in registries]
    module = types.ModuleType("shown")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    try:
        for block in blocks(page):
            if block.language == "python":
                # Errors then name the page and the line in it.
                code = compile("\n" * block.line + block.text, name_of(page), "exec")
                exec(code, module.__dict__)
    finally:
        for registry, entries in zip(registries, before, strict=True):
            registry.clear()
            registry.update(entries)


# --- commands ---------------------------------------------------------------------------------


def commands(page):
    """The commands typed in a page's console blocks, as lists of words."""
    found = []
    for block in blocks(page):
        if block.language in ("console", "bash", "sh", "shell"):
            text = re.sub(r"\\\n\s*", " ", block.text)
            for line in text.splitlines():
                if line.startswith("$ "):
                    words = shlex.split(line[2:], comments=True)
                    words[:1] = [Path(words[0]).name] if words else []
                    found.append(words)
    return found


def refused(words):
    """What the command line has against some arguments, or None."""
    try:
        options = build_parser().parse_args(words)
    except SystemExit as end:
        return f"{shlex.join(words)}: exit code {end.code}" if end.code else None
    if options.command == "evolve" and options.source in TASKS:
        resolve(options.source, [parse_assignment(text) for text in options.set])
    return None


@every_page
def test_commands_exist(page):
    typed = commands(page)
    wrong = [refused(words[1:]) for words in typed if words and words[0] == "tardigrade"]
    assert [w for w in wrong if w] == []
    targets = set(re.findall(r"^([\w -]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    known = {name for line in targets for name in line.split()}
    for words in typed:
        if words and words[0] == "make":
            assert {w for w in words[1:] if "=" not in w} <= known, words


def test_the_examples_of_the_help_exist():
    texts = [EXAMPLES]
    texts += [importlib.import_module(f"experiments.commands.{c}").EXAMPLE for c in COMMANDS]
    lines = [
        line.partition("   ")[0] for text in texts for line in map(str.strip, text.split("\n"))
    ]
    typed = [shlex.split(line) for line in lines if line.startswith("tardigrade")]
    assert {words[1] for words in typed} == set(COMMANDS)
    assert [w for w in (refused(words[1:]) for words in typed) if w] == []


# --- configurations ---------------------------------------------------------------------------


@every_page
def test_configurations_resolve(page, tmp_path):
    for number, block in enumerate(b for b in blocks(page) if b.language == "toml"):
        file = tmp_path / f"{number}.toml"
        file.write_text(block.text)
        if "run" in tomllib.loads(block.text):
            resolve(str(file))


def test_every_setting_is_documented_with_its_default():
    text = (ROOT / "docs" / "configuration.md").read_text()
    sections = dict(re.findall(r"^##+ \[([\w.]+)\]\n(.*?)(?=^##+ |\Z)", text, re.M | re.S))
    tables = default_tables(TASKS["cartpole"])
    inner = {name: tables["evolution"].pop(name) for name in ("rates", "refine")}
    tables |= {f"evolution.{name}": table for name, table in inner.items()}
    for section, table in tables.items():
        rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", sections[section], re.MULTILINE))
        missing = table.keys() - rows.keys()
        assert not missing, f"[{section}] {missing}"
        for key, value in table.items():
            if key in ("task", "workers", "scale", "name"):
                continue  # not the same everywhere
            cells = [cell.strip("` ") for cell in rows[key].split(" | ")]
            default = cells[0 if section == "evolution.rates" else 1]
            assert tomllib.loads(f"value = {default}")["value"] == value, f"{section}.{key}"


@pytest.mark.parametrize(
    ("page", "registry"),
    [("configuration.md", ENCODERS), ("configuration.md", READOUTS),
     ("configuration.md", OBJECTIVES), ("faults.md", MODELS)],
)  # fmt: skip
def test_every_part_is_documented(page, registry):
    text = (ROOT / "docs" / page).read_text()
    assert [name for name in registry if f"`{name}`" not in text] == []


def settings_of(section):
    """What the page of settings says of a section."""
    text = (ROOT / "docs" / "configuration.md").read_text()
    return re.search(rf"^## \[{section}\]\n(.*?)(?=^## )", text, re.MULTILINE | re.DOTALL)[1]


def test_every_scheme_of_selection_is_documented():
    assert [
        name for name in (*PARENTS, *SURVIVORS) if f'"{name}"' not in settings_of("evolution")
    ] == []


def test_every_column_of_the_history_is_documented():
    text = (ROOT / "docs" / "run-directory.md").read_text()
    told = re.search(r"^## history.csv\n(.*?)(?=^## )", text, re.MULTILINE | re.DOTALL)[1]
    made = [
        name for name in operator_names() if name not in MUTATIONS
    ]  # those stand in the settings
    assert [name for name in made if f"`{name}`" not in told] == []
    assert [part for part in PARTS if f"`seconds_{part}`" not in told] == []


def test_every_module_has_its_place():
    text = (ROOT / "docs" / "architecture.md").read_text()
    folders = ("neuro", "fitness", "evo", "evo/selection", "experiments")
    names = {file.name for folder in folders for file in (ROOT / folder).glob("[a-z]*.py")}
    assert len(names) > 50
    assert [name for name in sorted(names) if name not in text] == []


@pytest.mark.parametrize("section", ["encoder", "readout"])
def test_every_parameter_is_documented(section):
    parts = {"encoder": ENCODERS, "readout": READOUTS}[section].values()
    names = {f.name for part in parts for f in dataclasses.fields(part)}
    assert [name for name in sorted(names) if f"`{name}`" not in settings_of(section)] == []


def test_every_hardware_restriction_is_documented():
    text = (ROOT / "docs" / "configuration.md").read_text()
    table = re.search(r"^### \[evolution.hardware\]\n(.*?)(?=^## )", text, re.M | re.S)[1]
    assert [f.name for f in dataclasses.fields(HardwareProfile) if f"`{f.name}`" not in table] == []
    known = (ROOT / "docs" / "hardware.md").read_text()
    assert [name for name in PROFILES if f"\n| `{name}` |" not in known] == []


def test_optional_settings_are_documented():
    for section, keys in OPTIONAL.items():
        assert [key for key in keys if f"\n| `{key}` |" not in settings_of(section)] == []


def test_every_task_is_listed():
    text = (ROOT / "docs" / "tasks.md").read_text()
    row = r"^\| \[`([\w-]+)`\]\(#[\w-]+\) \| (\d+) \| (.*?) \| ([\d,]+) \| (\S+) \|$"
    listed = {
        name: (int(seen), int(steps.replace(",", "")), float(solved.replace(",", "")))
        for name, seen, _, steps, solved in re.findall(row, text, re.MULTILINE)
    }
    assert listed == {
        name: (len(task.observations), task.max_steps, task.solved_at)
        for name, task in TASKS.items()
    }
    assert [source for source in SOURCES if f"`{source}:" not in text] == []


def test_a_task_of_ones_own_takes_fifteen_lines():
    code = [b.text for b in blocks(ROOT / "docs" / "extending.md") if "CompiledTask(" in b.text]
    assert len(code[0].splitlines()) <= 15


def test_extras_are_named():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    text = "".join(page.read_text() for page in PAGES)
    extras = set(config["options.extras_require"])
    assert {"classification", "box2d"} <= extras
    assert set(re.findall(r"tardigrade\[(\w+)\]", text)) == extras - {"dev", "bench"}
