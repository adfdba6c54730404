"""What a campaign does, as a TOML file."""

from __future__ import annotations

import hashlib
import math
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
from neuro.faults import (
    MODELS,
    FaultModel,
    FaultSite,
    SiteFault,
    parse_model,
    parse_time,
    single_faults,
    struck_sites,
)
from neuro.faults.models import find_model
from neuro.files import read_text
from neuro.network_file import to_json
from neuro.specs import real, unknown

USUAL = ("gaussian", "dead-synapse", "bit-flip")
USUAL_SINGLE = ("bit-flip", "dead-synapse", "dead-neuron", "saturated-neuron")
_NAMES = {
    "synapses": "synapses between neurons", "input-synapses": "input synapses",
    "hidden": "hidden neurons", "inputs": "input neurons", "outputs": "output neurons",
}  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """A campaign on networks, as it stands in ``campaign.toml``.

    Parameters
    ----------
    networks : tuple of str
        Files; directories of runs stand for the networks of their fronts. Paths are as they were
        typed: relative to the working directory.
    models : tuple of str
        As ``name`` or ``name:parameter=value,...``, or only ``all``; `USUAL` or `USUAL_SINGLE` if
        left out.
    severities : tuple of tuple of float
        Of each model, or the same ones for all of them; the model's own if left out.
    task, site, group, time, draws, episodes, seed, single, margin, confidence, most, precision
        As in `fitness.Campaign`; if left out, there are 10 episodes, or all test samples of a
        data set.
    hashes : dict
        What networks have to be, as in `Resolved.hashes`; by file, none or some of them.
    accelerate, workers
        Also as in `Campaign`; they make no difference to the results and do not stand in the file.
    """

    networks: tuple[str, ...]
    models: tuple[str, ...] = ()
    severities: tuple[tuple[float, ...], ...] = field(default=(), metadata={"file": False})
    task: str | None = None
    site: str = "all"
    group: str = "site"
    time: str | None = None
    draws: int = 1000
    episodes: int | None = None
    seed: int = 0
    single: bool = False
    margin: float = 0.01
    confidence: float = 0.95
    most: int = 20_000
    precision: float | None = None
    hashes: Mapping[str, str] = field(default_factory=dict, metadata={"file": False})
    accelerate: bool = field(default=True, metadata={"file": False})
    workers: int = field(default=1, metadata={"file": False})

    def unused(self) -> dict[str, str]:
        """Names of what plays no part, and beside what."""
        if self.single is True:
            return dict.fromkeys(("draws", "severities"), "beside single")
        unused = dict.fromkeys(("margin", "most"), "without single")
        return unused if self.precision is not None else {
            **unused, "confidence": "without single or precision"
        }  # fmt: skip

    def resolve(self) -> Resolved:
        """Load the networks and make the campaign.

        Raises
        ------
        InputError
            A file cannot be used or is not what it was, networks are for different tasks, or a
            value is refused.
        """
        defaults = {f.name: f.default for f in fields(self)}
        for name, where in self.unused().items():
            if (value := getattr(self, name)) != defaults[name]:
                raise wrong(name, f"none {where}", value)
        site = FaultSite(self.site, group=self.group)
        time = parse_time(self.time) if self.time is not None else None
        found, task = _load_all(self.networks, self.task)
        texts = self._texts(site, found)
        models = [parse_model(text) for text in texts]
        if len(set(models)) < len(models):
            raise wrong("model", "each fault model once", ", ".join(texts))
        episodes = self.episodes
        if episodes is None:
            episodes = 1_000_000 if task.kind == "classification" else 10
        campaign = Campaign(
            task, list(zip(models, self._severities(models), strict=True)), draws=self.draws,
            episodes=episodes, seed=self.seed, site=site, single=self.single, margin=self.margin,
            time=time, confidence=self.confidence, most=self.most, precision=self.precision,
            accelerate=self.accelerate, workers=self.workers,
        )  # fmt: skip
        resolved = Resolved(self, campaign, texts, found)
        for text, lacking in resolved.lacking().items():
            if self.single or len(lacking) == len(found):
                got = _missing(found[lacking[0]], parse_model(text), site)
                raise wrong(f"{lacking[0]}: model {text}", "sites that can have it", got)
        known = resolved.hashes()
        for name, digest in self.hashes.items():
            if known.get(name) != digest:
                got = known.get(name, "no file")
                raise wrong(name, f"the network with SHA-256 {digest}", got)
        return resolved

    def _texts(self, site: FaultSite, networks: Mapping[str, Network]) -> tuple[str, ...]:
        """List the models; those that were not named one by one fit the site."""
        usual = USUAL_SINGLE if self.single else USUAL
        if self.models not in ((), ("all",)):
            return self.models
        fits = []
        for name in MODELS if self.models else usual:
            cls = find_model(name)
            there = site.fits(cls.owner)
            there = there and (cls.within == "all" or site.kind in ("all", cls.within))
            there = there and (issubclass(cls, SiteFault) or not self.single)
            if there:
                able = [_strikes(n, cls(), site, self.single) for n in networks.values()]
                if all(able) if self.single else any(able):
                    fits.append(name)
        return tuple(fits) or usual

    def _severities(self, models: Sequence[FaultModel]) -> Sequence[Sequence[float]]:
        if not self.severities:
            return [() if self.single else model.severities for model in models]
        if len(self.severities) not in (1, len(models)):
            raise wrong("severities", f"a list for each of {len(models)} models", self.severities)
        for some in self.severities:
            if len(set(some)) < len(some):
                raise wrong("severities", "distinct numbers", list(some))
        return self.severities * (len(models) if len(self.severities) == 1 else 1)


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

    def lacking(self) -> dict[str, list[str]]:
        """Networks without a site that could be struck, by model; only those there are."""
        site, found = self.campaign.site, {}
        for text, (model, _) in zip(self.models, self.campaign.models, strict=True):
            without = [name for name, network in self.networks.items()
                       if not _strikes(network, model, site, self.plan.single)]  # fmt: skip
            if without:
                found[text] = without
        return found

    def to_table(self) -> dict[str, Any]:
        """List everything that the results depend on, as plain values."""
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
        return table

    def to_toml(self) -> str:
        """Write down everything that the results depend on."""
        return str(tomli_w.dumps(self.to_table()))


def read_plan(path: str | os.PathLike[str], /) -> Plan:
    """Read a plan from TOML: ``campaign.toml``, or one written by hand.

    Raises
    ------
    InputError
        It is not TOML, or a key is unknown or of the wrong kind.
    """
    table = read_toml(path)
    known = [f.name for f in fields(Plan) if f.metadata.get("file", True)]
    for key in table:
        if key not in known:
            raise unknown(f"{path}: key", known, key)
    networks = _entries(
        table.pop("networks", []), ("file", "sha256"), f"{path}: networks", "runs/first"
    )
    models = _entries(
        table.pop("models", []), ("model", "severities"), f"{path}: models", "gaussian"
    )
    if not networks:
        raise wrong(f"{path}: networks", "at least one", "none")
    severities: list[tuple[float, ...]] = []
    if any("severities" in m for m in models):
        severities = [_severities(m, path) for m in models]
    for name in {"task", "site", "group", "time"} & table.keys():
        if not isinstance(table[name], str):
            raise wrong(f"{path}: {name}", "text", table[name])
    return Plan(
        tuple(n["file"] for n in networks), tuple(m["model"] for m in models), tuple(severities),
        hashes={n["file"]: str(n["sha256"]) for n in networks if "sha256" in n}, **table,
    )  # fmt: skip


def read_toml(path: str | os.PathLike[str], /) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    InputError
        It cannot be read, or is not TOML.
    """
    text = read_text(path)
    try:
        return tomllib.loads(text)
    except ValueError as error:
        raise InputError(f"{path}: not valid TOML: {error}") from None
    except RecursionError:
        raise InputError(f"{path}: not valid TOML: nested too deeply") from None


def _entries(given: Any, keys: tuple[str, str], where: str, such: str) -> list[dict[str, Any]]:
    """Read a list of texts, or of tables that have such a text and perhaps something else."""
    if not isinstance(given, list):
        raise wrong(where, f'a list, such as ["{such}"]', given)
    entries = [{keys[0]: entry} if isinstance(entry, str) else entry for entry in given]
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get(keys[0]), str):
            raise wrong(where, f"texts, or tables with {keys[0]}", entry)
        for key in entry:
            if key not in keys:
                raise unknown(f"{where}: key", keys, key)
    return entries


def _severities(entry: Mapping[str, Any], path: str | os.PathLike[str]) -> tuple[float, ...]:
    """Read the severities of a model; those of its own if there are none."""
    text, most = entry["model"], math.inf
    if text != "all":
        try:
            model = parse_model(text)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        if "severities" not in entry:
            return model.severities
        most = model.largest
    given, where = entry.get("severities"), f"{path}: severities of {text}"
    if not isinstance(given, list) or not given:
        raise wrong(where, "a list of numbers", given)
    return tuple(real(value, where, 0.0, most) for value in given)


def _strikes(network: Network, model: FaultModel, site: FaultSite, single: bool) -> bool:
    """Whether a network has a site that can be struck."""
    if single:  # which not all sites can be
        return len(single_faults(network, model, site)) > 0
    return bool(struck_sites(network, model, site).any())


def _missing(network: Network, model: FaultModel, site: FaultSite) -> str:
    """Say what a network lacks that has no site which a model could strike."""
    if site.mask(network, model.owner).any():
        return "none"  # there are such sites, but not of the kind that the model acts on
    kind = model.owner if site.kind == "all" else site.kind
    return f"a network without {_NAMES.get(kind, kind)}"


def _load_all(files: Sequence[str], task: str | None) -> tuple[dict[str, Network], Task]:
    found: dict[str, Network] = {}
    shared: Task | None = None
    for name in _spread(files):
        network, mine = load_for_task(name, task)
        if shared is not None and mine.name != shared.name:
            raise InputError(f"{name}: expected task {shared.name} as before, got {mine.name}")
        if name in found:
            raise InputError(f"{name}: expected each network once")
        found[name], shared = network, mine
    if shared is None:
        raise wrong("networks", "at least one", "none")
    return found, shared


def _spread(files: Sequence[str]) -> list[str]:
    """Put the networks of a run's front in the place of its directory."""
    spread: list[str] = []
    for name in files:
        if not os.path.isdir(name):
            spread.append(name)
            continue
        front = sorted((Path(name) / "front").glob("*.json"))
        if not front:
            raise wrong(name, "a network file, or a run with networks in front/", "neither")
        spread += [os.path.join(name, "front", file.name) for file in front]
    return spread
