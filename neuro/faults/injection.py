"""Putting faults into copies of a network.

The words are those of SpikeFI (Spyrou et al.): a *fault model* says what, a *fault site*
where; a *fault* is both together with a severity and a time; a *fault round* is a set of
faults injected together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuro.errors import InputError, wrong
from neuro.faults.contract import FaultModel, SiteFault, check_quantities
from neuro.faults.draws import Draws
from neuro.faults.image import Carrier, Image
from neuro.faults.models import parse_model
from neuro.faults.sites import FaultSite
from neuro.faults.times import Change, FaultTime, Permanent
from neuro.faults.values import STATES, Values, site_keys
from neuro.hashing import hash_words
from neuro.kernels import Copies
from neuro.network import Network
from neuro.simulate import golden_copies
from neuro.slots import Slots, with_edits
from neuro.specs import real, settle, whole

MOST_EDITS = 50_000_000
"""Of all copies made at once: some 6 GB while they are made, 1.2 GB then."""


@dataclass(frozen=True)
class Fault:
    """What, how bad, where and when; the model's own time if none is given.

    Examples
    --------
    >>> from neuro.faults import DeadSynapse, Fault
    >>> Fault(DeadSynapse(), 0.1).model.name
    'dead-synapse'
    """

    model: FaultModel
    severity: float
    site: FaultSite = field(default_factory=FaultSite)
    time: FaultTime | None = None

    def __post_init__(self) -> None:
        name = f"severity of {self.model.name}"
        settle(self, severity=real(self.severity, name, 0.0, self.model.largest))
        if self.time is None:
            settle(self, time=self.model.time)
        site, model = self.site, self.model
        site.check(model.owner, f"site of {model.name}")
        if model.within != "all" and site.kind not in ("all", model.within):
            raise wrong(f"site of {model.name}", f"all or {model.within}", site.kind)

    @property
    def when(self) -> FaultTime:
        """Its time."""
        assert self.time is not None
        return self.time


def parse_fault(
    text: str, site: FaultSite | None = None, time: FaultTime | None = None, /
) -> Fault:
    """Make a fault from ``model[:parameter=value,...][@severity]``; see `parse_model`.

    The severity is the model's typical one if none is given.

    Examples
    --------
    >>> parse_fault("bit-flip:bits=6@0.05").severity, parse_fault("gaussian").severity
    (0.05, 0.5)
    """
    name, _, given = text.partition("@")
    model = parse_model(name)
    try:
        severity = float(given) if given else model.typical
    except ValueError:
        raise wrong(f"severity of {model.name}", "a number", given) from None
    return Fault(model, severity, site or FaultSite(), time)


FaultRound = Sequence[Fault]
"""Faults that are injected together, in this order."""


class Struck(NamedTuple):
    """Faulty copies, and the network that they are copies of.

    Attributes
    ----------
    network : Network
        The given one, unless faults change delays: then it has synapses more, which the golden
        network does not notice because their weights are 0.
    copies : Copies
    """

    network: Network
    copies: Copies


def inject(
    network: Network, faults: FaultRound, seed: int, draws: ArrayLike, /, *, horizon: int = 0
) -> Copies:
    """Make one faulty copy of a network for each draw; faults of delays need `strike`.

    Parameters
    ----------
    network : Network
    faults : sequence of Fault
        Injected together, each into the result of the one before.
    seed : int
    draws : array_like of int, shape (K,)
        Numbers of the draws; the same number always gives the same faults.
    horizon : int
        Ticks of the longest episode; needed for faults that come and go.

    Returns
    -------
    Copies
        For `neuro.simulate_copies` or a closed-loop evaluation.

    Examples
    --------
    >>> from neuro import Network
    >>> from neuro.faults import DeadSynapse, Fault, inject
    >>> network = Network.build(2, [(0, 1, 0.5, 1), (1, 0, 0.5, 1)])
    >>> inject(network, [Fault(DeadSynapse(), 0.5)], 1, range(4)).weight.shape
    (4, 2)
    """
    struck = strike(network, faults, seed, draws, horizon=horizon)
    if struck.network is not network:
        names = ", ".join(fault.model.name for fault in faults)
        raise InputError(f"faults {names}: they change delays; expected a call of strike()")
    return struck.copies


def strike(
    network: Network, faults: FaultRound, seed: int, draws: ArrayLike, /, *, horizon: int = 0
) -> Struck:
    """Make one faulty copy of a network for each draw; arguments as of `inject`.

    Examples
    --------
    >>> from neuro import Network
    >>> from neuro.faults import DelayShift, Fault, strike
    >>> struck = strike(Network.build(2, [(0, 1, 0.5, 1)]), [Fault(DelayShift(2), 1.0)], 1, [0])
    >>> struck.network.synapses.delay, struck.copies.weight
    (array([1, 3]), array([[0. , 0.5]]))
    """
    whole(seed, "seed", 0, 2**64 - 1)
    numbers = _check_draws(draws)

    def struck(fault: Fault, values: Values, level: float, occasions: _Rows, chosen: _Rows) -> None:
        model, site = fault.model, fault.site
        keys = site.keys(network, model.owner)
        ends = [*np.flatnonzero(np.diff(occasions)) + 1, len(occasions)]
        stream = Draws.joined([
            Draws(seed, numbers[chosen[a:b]], keys, _purpose(model, int(occasions[a])))
            for a, b in pairwise([0, *ends])
        ])  # fmt: skip
        where = site.mask(network, model.owner)
        _change(values, model, model.strike(values, fault.severity * level, stream), where)

    if all(fault.when.same for fault in faults):
        schedules = [_schedule(faults, horizon, seed, 0)] * len(numbers)
    else:
        schedules = [_schedule(faults, horizon, seed, int(draw)) for draw in numbers]
    return _copies(network, faults, schedules, struck)


def single_faults(network: Network, model: FaultModel, site: FaultSite, /) -> NDArray[np.int64]:
    """Numbers of all single faults of a model at a site; see `SiteFault.single`.

    Raises
    ------
    InputError
        The model's faults cannot be counted, because they are everywhere at once.
    """
    model = _countable(model)
    if site.group != "site":
        raise wrong("site group", "site, for faults one by one", site.group)
    ways = model.ways()
    where = np.flatnonzero(struck_sites(network, model, site))
    return (where[:, None] * ways + np.arange(ways)).ravel()


def struck_sites(network: Network, model: FaultModel, site: FaultSite, /) -> NDArray[np.bool_]:
    """Which sites of a network, of those that the model's owner has, can be struck.

    Examples
    --------
    >>> from neuro import Network
    >>> from neuro.faults import DeadNeuron, FaultSite
    >>> network = Network.build(3, [(0, 1, 0.7, 1)], inputs=[0], outputs=[1])
    >>> struck_sites(network, DeadNeuron(), FaultSite("hidden"))
    array([False, False,  True])
    """
    return site.mask(network, model.owner) & FaultSite(model.within).mask(network, model.owner)


def fault_keys(network: Network, fault: Fault, numbers: NDArray[np.int64], /) -> NDArray[np.uint64]:
    """Stable keys of numbered single faults: the same fault has the same key in all networks."""
    model = fault.model
    assert isinstance(model, SiteFault)
    keys = fault.site.keys(network, model.owner)
    ways = model.ways()
    return hash_words(keys[numbers // ways], (numbers % ways).astype(np.uint64))


def strike_each(
    network: Network,
    fault: Fault,
    seed: int,
    numbers: ArrayLike,
    /,
    *,
    horizon: int = 0,
    ticks: ArrayLike | None = None,
) -> Struck:
    """Make a copy with each of the numbered single faults of a model; see `single_faults`.

    The fault's severity plays no part. Where damage or times are random, they are those of draw 0,
    unless `ticks` says when each of them begins.

    Examples
    --------
    >>> from neuro import Network
    >>> from neuro.faults import BitFlip, Fault, FaultSite, single_faults, strike_each
    >>> network = Network.build(2, [(0, 1, 0.7, 1)])
    >>> model = BitFlip(bits=4)
    >>> strike_each(network, Fault(model, 0.0), 0, single_faults(network, model, FaultSite())
    ... ).copies.weight[:, 0].round(1)
    array([ 0.6,  0.5,  0.3, -0.1])
    """
    whole(seed, "seed", 0, 2**64 - 1)
    model = _countable(fault.model)
    keys = site_keys(network, model.owner)
    chosen_numbers = _check_draws(numbers).astype(np.int64)
    most = len(keys) * model.ways()
    if (chosen_numbers >= most).any():
        raise wrong("faults one by one", f"numbers below {most}", int(chosen_numbers.max()))

    def struck(fault: Fault, values: Values, level: float, occasions: _Rows, chosen: _Rows) -> None:
        told = occasions.tolist() if (occasions != occasions[0]).any() else [int(occasions[0])]
        stream = Draws.joined([Draws(seed, [0], keys, _purpose(model, o)) for o in told])
        changed = model.single(values, chosen_numbers[chosen], stream)
        _change(values, model, changed, np.ones(len(keys), dtype=bool))

    if ticks is None:
        schedules = [_schedule([fault], horizon, seed, 0)] * len(chosen_numbers)
    else:
        whens = [replace(fault.when, tick=int(t)) for t in np.asarray(ticks)]  # type: ignore[type-var]
        schedules = [_schedule([replace(fault, time=w)], horizon, seed, 0) for w in whens]
    return _copies(network, [fault], schedules, struck)


def _purpose(model: FaultModel, occasion: int) -> str:
    return f"{model.name} {occasion}" if occasion else model.name


def _countable(model: FaultModel) -> SiteFault:
    if not isinstance(model, SiteFault):
        raise wrong("faults one by one", "a model that strikes single sites", model.name)
    return model


def _change(values: Values, model: FaultModel, changed: Any, where: NDArray[np.bool_]) -> None:
    for name, array in check_quantities(model, changed).items():
        try:
            values.change(name, array, where)
        except InputError as error:
            raise InputError(f"model {model.name}: {error}") from None


_Rows = NDArray[np.int64]
_Levels = tuple[tuple[float, int], ...]
_Moment = tuple[int, _Levels]
_State = tuple[NDArray[np.int64], _Rows, Values]
_Strike = Callable[[Fault, Values, float, _Rows, _Rows], None]


class _Phase(NamedTuple):
    """What copies go through at once: R rows, each a copy at a tick, the earlier ticks first.

    Attributes
    ----------
    ticks, chosen : ndarray of int64, shape (R,)
    levels : tuple of float
        Of each fault.
    occasions : ndarray of int64, shape (R, faults)
    """

    ticks: NDArray[np.int64]
    chosen: _Rows
    levels: tuple[float, ...]
    occasions: NDArray[np.int64]


BLOCK = 2_000_000
"""Numbers that the rows of a phase may hold."""


def _schedule(faults: FaultRound, horizon: int, seed: int, draw: int) -> list[_Moment]:
    """List the ticks at which any fault changes, with the levels and occasions of all of them."""
    each = []
    for k, fault in enumerate(faults):
        if isinstance(fault.when, Permanent):
            each.append([Change(0, 1.0)])
            continue
        if horizon <= 0:
            expected = f"the ticks of an episode, for faults that are {fault.when.name}"
            raise wrong("horizon", expected, horizon)
        # Each fault of a round has times of its own.
        own = int(hash_words(seed, k)) if k else seed
        changes = fault.when.changes(horizon, own, draw)
        _check_changes(fault.when, changes)
        each.append([change for change in changes if change.tick < horizon])
    now: list[tuple[float, int]] = [(0.0, 0)] * len(faults)
    moments: dict[int, tuple[tuple[float, int], ...]] = {}
    events = sorted((change.tick, k, change) for k, some in enumerate(each) for change in some)
    for tick, k, change in events:
        now[k] = change.level, change.occasion
        moments[tick] = tuple(now)
    return list(moments.items())


def _check_changes(time: FaultTime, changes: Sequence[Change]) -> None:
    before = 0
    for change in changes:
        real(change.level, f"time {time.name}: level", 0.0, 1.0)
        if change.tick < before:
            raise wrong(f"time {time.name}: tick", f"at least {before}, in order", change.tick)
        before = change.tick


def _copies(
    network: Network, faults: FaultRound, schedules: list[list[_Moment]], struck: _Strike
) -> Struck:
    """Strike every copy at every moment of its schedule, and note what changes."""
    count = len(schedules)
    phases = _phases(schedules, max(1, BLOCK // max(1, count * Slots(network).total)))

    def states() -> Iterator[_State]:
        last = np.full((count, len(faults)), -1)
        for ticks, chosen, levels, occasions in phases:
            values = Values(network, len(chosen))
            before_it = np.concatenate([last[chosen[:count]], occasions])[: len(occasions)]
            if len(chosen) <= count:
                before_it = last[chosen]
            for k, (fault, level) in enumerate(zip(faults, levels, strict=True)):
                if level > 0.0:
                    before = {name: values[name] for name in STATES}
                    struck(fault, values, level, occasions[:, k], chosen)
                    values.renew(before, before_it[:, k] != occasions[:, k])
            last[chosen] = occasions  # of several rows of a copy the last one counts
            yield ticks, chosen, values

    carrier = Carrier(network)
    copies = _changes(states(), network, carrier, len(schedules))
    if copies is None:
        # Faults are made anew instead of kept: noise of an episode may not fit into memory.
        delays = (values["delay"] for *_, values in states() if "delay" in values.changed)
        carrier = Carrier(network, delays)
        copies = _changes(states(), network, carrier, len(schedules))
    assert copies is not None
    return Struck(carrier.network, copies)


def _changes(
    states: Iterator[_State], network: Network, carrier: Carrier, count: int
) -> Copies | None:
    """Make copies that go through the given states; none if the carrier has no room for them."""
    copies = golden_copies(carrier.network, count)
    image = Image(network, carrier)
    now = np.repeat(image.golden, count, axis=0)
    e, weights = copies.weight.shape[1], copies.weight.shape[1] + copies.in_weight.shape[1]
    edits: list[tuple[NDArray[Any], ...]] = []
    total = 0
    for ticks, chosen, values in states:
        if not carrier.fits(values):
            return None
        after = image.of(values)
        before = now[chosen[:count]]
        if len(chosen) > count:  # all copies, again and again
            before = np.concatenate([before, after[:-count]])
        differs = after != before
        # States hold NaN where they are left alone, but who is held for ever must be let go.
        let_go = np.isnan(after) & (before == np.inf)
        differs &= ~np.isnan(after) | let_go
        image.mark(differs, values.renewed)
        now[chosen[-count:]] = after[-count:]
        first = ticks == 0  # weights to begin with are no edits
        copies.weight[chosen[first]] = after[first, :e]
        copies.in_weight[chosen[first]] = after[first, e:weights]
        differs[first, :weights] = False
        row, slot = np.nonzero(differs)
        edits.append((chosen[row], ticks[row], slot, np.where(let_go, 0.0, after)[row, slot]))
        total += len(row)
        if total > MOST_EDITS:
            raise InputError(
                f"faults: expected at most {MOST_EDITS:,} changes in all copies made at once; "
                "redraw noise less often or shorten the episodes"
            )
    if not edits:
        return copies
    return with_edits(copies, *(np.concatenate(part) for part in zip(*edits, strict=True)))


def _phases(schedules: list[list[_Moment]], most: int) -> list[_Phase]:
    """Put together what copies go through with the same levels.

    Where all copies have the same schedule, also up to `most` moments that follow each other: noise
    has thousands, and striking them together made it ten times faster.
    """
    phases: list[_Phase] = []

    def add(ticks: list[int], chosen: _Rows, moments: Sequence[_Levels]) -> None:
        levels = tuple(level for level, _ in moments[0])
        told = np.array([[occasion for _, occasion in m] for m in moments], dtype=np.int64)
        each = len(chosen) // len(moments)
        phases.append(_Phase(
            np.array(ticks, dtype=np.int64), chosen, levels,
            told.reshape(len(moments), len(levels)).repeat(each, axis=0),
        ))  # fmt: skip

    count = len(schedules)
    if schedules and all(schedule is schedules[0] for schedule in schedules):
        groups = groupby(schedules[0], key=lambda moment: [level for level, _ in moment[1]])
        for _, group in groups:
            alike = list(group)
            for begin in range(0, len(alike), most):
                some = alike[begin : begin + most]
                ticks = np.repeat([tick for tick, _ in some], count).tolist()
                add(ticks, np.tile(np.arange(count), len(some)), [m for _, m in some])
        return phases
    for place in range(max((len(s) for s in schedules), default=0)):
        members: dict[_Levels, list[int]] = {}
        for k, schedule in enumerate(schedules):
            if place < len(schedule):
                members.setdefault(schedule[place][1], []).append(k)
        for moment, some_copies in members.items():
            ticks = [schedules[k][place][0] for k in some_copies]
            add(ticks, np.array(some_copies, dtype=np.int64), [moment])
    return phases


def _check_draws(draws: ArrayLike) -> NDArray[np.uint64]:
    numbers = np.asarray(draws)
    if numbers.size == 0:
        return np.empty(0, dtype=np.uint64)
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu" or (numbers < 0).any():
        raise wrong("draws", "a list of whole numbers of at least 0", draws)
    return numbers.astype(np.uint64)
