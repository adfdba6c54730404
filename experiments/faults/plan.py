"""What a campaign does, as a TOML file."""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import tomli_w

from experiments.load import load_for_task
from fitness import Campaign, Task
from neuro import Network
from neuro.errors import InputError, wrong
from neuro.faults import MODELS, FaultSite, SiteFault, parse_model, parse_time
from neuro.files import read_text
from neuro.network_file import to_json

USUAL = ("gaussian", "dead-synapse", "bit-flip")
USUAL_SINGLE = ("bit-flip", "dead-synapse", "dead-neuron", "saturated-neuron")


@dataclass(frozen=True)
class Plan:
    """A campaign on networks, as it stands in ``campaign.toml``.

    Parameters
    ----------
    networks : tuple of str
        Files; directories of runs stand for the networks of their fronts.
    models : tuple of str
        As ``name`` or ``name:parameter=value,...``, or only ``all``; `USUAL` or `USUAL_SINGLE` if
        left out.
    severities : tuple of tuple of float
        Of each model; the model's own if left out.
    task, site, group, time, draws, episodes, seed, single, margin, confidence, most, precision
        As in `fitness.Campaign`; -1 episodes are 10, or all test samples of a data set.
    accelerate, workers
        Also as there; they make no difference to the results and do not stand in the file.
    """

    networks: tuple[str, ...]
    models: tuple[str, ...] = ()
    severities: tuple[tuple[float, ...], ...] = ()
    task: str | None = None
    site: str = "all"
    group: str = "site"
    time: str | None = None
    draws: int = 1000
    episodes: int = -1
    seed: int = 0
    single: bool = False
    margin: float = 0.01
    confidence: float = 0.95
    most: int = 20_000
    precision: float | None = None
    accelerate: bool = field(default=True, metadata={"file": False})
    workers: int = field(default=1, metadata={"file": False})

    def resolve(self, directory: Path = Path(), /) -> Resolved:
        """Load the networks and make the campaign.

        Parameters
        ----------
        directory : Path
            What files are relative to.

        Raises
        ------
        InputError
            A file cannot be used, networks are for different tasks, or a value is refused.
        """
        found, task = _load_all(self.networks, self.task, directory)
        site = FaultSite(self.site, group=self.group)
        texts = self._texts(site)
        models = [parse_model(text) for text in texts]
        if len(set(texts)) < len(texts):
            raise wrong("model", "each fault model once", ", ".join(texts))
        if self.severities and len(self.severities) != len(models):
            raise wrong("severities", f"a list for each of {len(models)} models", self.severities)
        given = self.severities or tuple(model.severities for model in models)
        episodes = self.episodes
        if episodes == -1:
            episodes = 1_000_000 if task.kind == "classification" else 10
        campaign = Campaign(
            task, list(zip(models, given, strict=True)), draws=self.draws, episodes=episodes,
            seed=self.seed, site=site, single=self.single, margin=self.margin,
            time=parse_time(self.time) if self.time is not None else None,
            confidence=self.confidence, most=self.most, precision=self.precision,
            accelerate=self.accelerate, workers=self.workers,
        )  # fmt: skip
        return Resolved(self, campaign, texts, found)

    def _texts(self, site: FaultSite) -> tuple[str, ...]:
        """List the models; ``all`` are those that have such sites, and single faults if asked."""
        if self.models == ("all",):
            kind = SiteFault if self.single else object
            fits = [c.name for c in MODELS.values() if site.fits(c.owner) and issubclass(c, kind)]
            return tuple(fits)
        return self.models or (USUAL_SINGLE if self.single else USUAL)


@dataclass(frozen=True)
class Resolved:
    """A plan whose networks are loaded.

    Attributes
    ----------
    plan : Plan
    campaign : Campaign
    models : tuple of str
        The models' texts, as in `Plan`.
    networks : dict
        By their names in tables: the files as they were given.
    """

    plan: Plan
    campaign: Campaign
    models: tuple[str, ...]
    networks: Mapping[str, Network]

    def hashes(self) -> dict[str, str]:
        """SHA-256 of each network, in its canonical form."""
        return {
            name: hashlib.sha256(to_json(network).encode()).hexdigest()
            for name, network in self.networks.items()
        }

    def to_toml(self) -> str:
        """Write down everything that the results depend on."""
        campaign = self.campaign
        table: dict[str, Any] = {
            "task": campaign.task.name,
            "site": campaign.site.kind,
            "group": campaign.site.group,
        }
        if self.plan.time is not None:
            table["time"] = self.plan.time
        for name in ("draws", "episodes", "seed", "single", "margin", "confidence", "most"):
            table[name] = getattr(campaign, name)
        if campaign.precision is not None:
            table["precision"] = campaign.precision
        table["models"] = [
            {"model": text, **({} if campaign.single else {"severities": list(severities)})}
            for text, (_, severities) in zip(self.models, campaign.models, strict=True)
        ]
        table["networks"] = [
            {"file": name, "sha256": digest} for name, digest in self.hashes().items()
        ]
        return tomli_w.dumps(table)


def read_plan(path: str | os.PathLike[str], /) -> Plan:
    """Read a plan from TOML: ``campaign.toml``, or one written by hand.

    Raises
    ------
    InputError
        It is not TOML, or a key is unknown or of the wrong kind.
    """
    try:
        table = tomllib.loads(read_text(path))
    except ValueError as error:
        raise InputError(f"{path}: not valid TOML: {error}") from None
    known = [f.name for f in fields(Plan) if f.metadata.get("file", True)]
    for key in table:
        if key not in known:
            raise wrong(f"{path}: key", f"one of {', '.join(known)}", key)
    networks = _entries(table.pop("networks", None), "file", f"{path}: networks")
    models = _entries(table.pop("models", []), "model", f"{path}: models")
    severities = [m["severities"] for m in models if "severities" in m]
    if severities and len(severities) != len(models):
        raise wrong(f"{path}: models", "severities for all models or none", "some")
    for name, value in table.items():
        kind = {f.name: f.type for f in fields(Plan)}[name]
        allowed = (str,) if "str" in str(kind) else (int, float, bool)
        if not isinstance(value, allowed):
            raise wrong(f"{path}: {name}", "text" if allowed == (str,) else "a number", value)
    return Plan(
        tuple(n["file"] for n in networks), tuple(m["model"] for m in models),
        tuple(tuple(s) for s in severities), **table,
    )  # fmt: skip


def _entries(given: Any, key: str, where: str) -> list[dict[str, Any]]:
    """Read a list of texts or of tables that have one."""
    if not isinstance(given, list) or (key == "file" and not given):
        raise wrong(where, f"a list of tables with {key}", given)
    entries = [{key: entry} if isinstance(entry, str) else entry for entry in given]
    for entry in entries:
        good = isinstance(entry, dict) and isinstance(entry.get(key), str)
        if not good or not entry.keys() <= {key, "sha256", "severities"}:
            raise wrong(where, f"tables with {key}", entry)
        values = entry.get("severities", [0.0])
        if not isinstance(values, list) or not values or not all(
            isinstance(v, (int, float)) and not isinstance(v, bool) for v in values
        ):  # fmt: skip
            raise wrong(f"{where}: severities", "a list of numbers", values)
    return entries


def _load_all(
    files: Sequence[str], task: str | None, directory: Path
) -> tuple[dict[str, Network], Task]:
    found: dict[str, Network] = {}
    shared: Task | None = None
    for name in _spread(files, directory):
        network, mine = load_for_task(str(directory / name), task)
        if shared is not None and mine.name != shared.name:
            raise InputError(f"{name}: expected task {shared.name} as before, got {mine.name}")
        if name in found:
            raise InputError(f"{name}: expected each network once")
        found[name], shared = network, mine
    if shared is None:
        raise wrong("networks", "at least one", "none")
    return found, shared


def _spread(files: Sequence[str], directory: Path) -> list[str]:
    """Put the networks of a run's front in the place of its directory."""
    spread: list[str] = []
    for name in files:
        path = directory / name
        if not path.is_dir():
            spread.append(name)
            continue
        front = sorted((path / "front").glob("*.json"))
        if not front:
            raise wrong(name, "a network file, or a run with networks in front/", "neither")
        spread += [os.path.join(name, "front", file.name) for file in front]
    return spread
