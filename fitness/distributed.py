"""Evaluation beyond one machine: batches in chunks to the workers of Dask's `distributed`.

What the workers return is what the evaluator itself would: each network's result depends on
the settings and on itself alone, so neither the number of workers, the chunks, the order in which
they come back nor a worker's death can change it. Whether a worker would compute the same bits is
checked before it is given any work; see `Expected`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import platform
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields
from functools import cached_property, lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fitness
import neuro
from fitness.evaluator import Batch, Evaluator
from fitness.objectives import OBJECTIVES
from fitness.tasks import Task, find_task
from neuro import Network
from neuro.actions import Box
from neuro.errors import InputError, wrong
from neuro.faults import MODELS, Fault, FaultSite, FaultTime
from neuro.packing import Packed, pack, unpack
from neuro.specs import from_table, lookup, to_table

CHUNKS_PER_THREAD = 3
"""Chunks of a batch for each thread of the workers."""

RETRIES = 2
"""How often a chunk is tried again after an exception; deaths of workers are counted by Dask."""

CONNECT_SECONDS = 10.0
"""How long a scheduler is given to answer."""

PATIENCE = 60.0
"""Seconds between complaints that there is no worker."""

PACKAGES = ("tardigrade", "numpy", "numba", "llvmlite", "scipy", "gymnasium")
"""What results depend on; a worker must have the same versions."""


@dataclass(frozen=True)
class DistributedEvaluator(Evaluator):
    """An evaluator whose batches are measured by the workers of a Dask cluster.

    Made by `distribute` of another one, whose results it gives, bit for bit.

    Parameters
    ----------
    client : distributed.Client
    address : str
        What `Evaluator.scheduler` says.
    """

    client: Any = None
    address: str = ""

    @property
    def scheduler(self) -> str:
        return self.address

    def __call__(self, networks: Sequence[Network], epoch: int = 0, /) -> Batch:
        """Measure networks; the result's rows are in their order."""
        if not networks:
            return super().__call__(networks, epoch)
        count = min(len(networks), CHUNKS_PER_THREAD * max(1, self._threads()))
        # Networks that stand together may all be costly, parents among children for instance.
        chunks = [pack(networks[k::count]) for k in range(count)]
        results = self._gather(
            self.client.map(
                _evaluate, chunks, settings=self.settings, epoch=epoch, pure=False,
                retries=RETRIES, key="tardigrade-evaluate",
            )
        )  # fmt: skip
        for result in results:
            if isinstance(result, str):
                raise InputError(result)
        return Batch(*(_join(parts, len(networks)) for parts in zip(*results, strict=True)))

    @cached_property
    def settings(self) -> str:
        """What workers make their evaluators of, as JSON."""
        return _describe(self)

    def _gather(self, futures: list[Any]) -> list[Any]:
        """Wait for all chunks, and say so where there is nobody to work on them."""
        import distributed

        try:
            while True:
                try:
                    with self.client.as_current():
                        distributed.wait(futures, timeout=PATIENCE)
                    break
                except TimeoutError:
                    if not self._threads():
                        logging.getLogger(__name__).warning(
                            "scheduler %s has no workers; waiting for some", self.scheduler
                        )
            return list(self.client.gather(futures))
        except distributed.KilledWorker as error:
            raise InputError(
                f"scheduler {self.scheduler}: workers died again and again, the last of them "
                f"{error.last_worker.address}, with the same networks; see their logs"
            ) from None
        except distributed.CancelledError:
            raise self._lost() from None

    def _threads(self) -> int:
        """Count the threads of all workers there are now."""
        try:
            return sum(self.client.nthreads().values())
        except OSError:
            raise self._lost() from None

    def _lost(self) -> InputError:
        return InputError(f"scheduler {self.scheduler}: the connection to it was lost")


def distribute(evaluator: Evaluator, client: Any, /) -> DistributedEvaluator:
    """Let the workers of a Dask cluster do the work of an evaluator.

    Parameters
    ----------
    evaluator : Evaluator
        Its task, objectives and fault models must be known to the workers by their names. The
        number of `workers` is not used: every thread of every worker plays for itself.
    client : distributed.Client or str
        A client, or the address of a scheduler.

    Raises
    ------
    InputError
        `distributed` is not installed, the scheduler cannot be reached or has no workers, or a
        worker would not give the same results: other versions, another task of this name.

    Examples
    --------
    >>> from distributed import Client
    >>> from fitness import Evaluator, TASKS
    >>> from fitness.distributed import distribute
    >>> evaluator = Evaluator(TASKS["cartpole"], seed=1)
    >>> with Client(n_workers=1, processes=False, dashboard_address="127.0.0.1:0") as client:
    ...     batch = distribute(evaluator, client)([])
    >>> batch.objectives.shape
    (0, 3)
    """
    address = client if isinstance(client, str) else client.scheduler.address
    return _distribute(evaluator, connect(client) if isinstance(client, str) else client, address)


@contextmanager
def scheduled(evaluator: Evaluator, scheduler: str | None, /) -> Iterator[Evaluator]:
    """Hand an evaluator's work to a scheduler, as ``--scheduler`` does.

    Parameters
    ----------
    evaluator : Evaluator
    scheduler : str or None
        An address such as ``tcp://10.0.0.1:8786``; ``local`` for a cluster on this machine with
        as many processes as the evaluator has workers; None for the evaluator itself.

    Yields
    ------
    Evaluator
    """
    if scheduler is None:
        yield evaluator
        return
    distributed = _import()
    with ExitStack() as stack:
        address = scheduler
        if scheduler == "local":
            address = stack.enter_context(
                distributed.LocalCluster(
                    n_workers=evaluator.workers, threads_per_worker=1, processes=True,
                    dashboard_address="127.0.0.1:0", memory_limit=0, preload=[__name__],
                    silence_logs=logging.CRITICAL,
                )
            ).scheduler_address  # fmt: skip
        client = stack.enter_context(connect(address))
        yield _distribute(evaluator, client, scheduler)


def connect(address: str, /) -> Any:
    """Connect to a scheduler.

    Returns
    -------
    distributed.Client

    Raises
    ------
    InputError
        `distributed` is not installed, or nobody answers.
    """
    distributed = _import()
    try:
        return distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        what = "the address of a Dask scheduler that answers"
        raise InputError(f"{wrong('scheduler', what, address)} ({error})") from None


def dask_setup(worker: Any) -> None:
    """Begin as a worker of a local cluster: a Ctrl-C in the terminal is meant for the client."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _import() -> Any:
    try:
        import distributed
    except ImportError:
        raise InputError(
            "scheduler: needs distributed; install it with: pip install 'tardigrade[distributed]'"
        ) from None
    return distributed


def _distribute(evaluator: Evaluator, client: Any, address: str) -> DistributedEvaluator:
    """Make the evaluator, and ask each worker whether it would give the same results."""
    table = {f.name: getattr(evaluator, f.name) for f in fields(Evaluator)}
    made = DistributedEvaluator(**table, client=client, address=address)
    answers = client.run(_greet, made.settings, on_error="return")
    if not answers:
        raise wrong(f"scheduler {address}", "at least one worker", "none")
    for worker, answer in answers.items():
        # Dask may hand over an ImportError as an Exception that shows it.
        if isinstance(answer, Exception) and "No module named" in str(answer):
            answer = f"expected the same Tardigrade to be installed there, got {answer}"
        if isinstance(answer, Exception):
            raise answer
        if answer is not None:
            raise InputError(f"worker {worker}: {answer}")
    return made


def _join(parts: Sequence[Any], count: int) -> Any:
    """Put together what chunks say of `count` networks: one of the fields of a `Batch`."""
    if parts[0] is None:
        return None
    if isinstance(parts[0], int):
        return sum(parts)
    whole = np.empty((count, *parts[0].shape[1:]), dtype=parts[0].dtype)
    for k, part in enumerate(parts):
        whole[k :: len(parts)] = part
    return whole


# --- what is asked of a worker ------------------------------------------------------------------


def _describe(evaluator: Evaluator) -> str:
    """Describe an evaluator as JSON, and what a worker must be like to stand in for it."""
    table = {f.name: getattr(evaluator, f.name) for f in fields(Evaluator)}
    for objective in evaluator.objectives:
        if OBJECTIVES.get(objective.name) is not objective:
            raise wrong("objectives", "registered ones", objective.name)
    for fault in evaluator.faults:
        if MODELS.get(fault.model.name) is not type(fault.model):
            raise wrong("faults", "registered models", fault.model.name)
    if find_task(evaluator.task.name) is not evaluator.task:
        raise wrong("task", "one that is registered under its name", evaluator.task.name)
    table |= {
        "task": evaluator.task.name,
        "objectives": [o.name for o in evaluator.objectives],
        "faults": [{**asdict(f), "model": to_table(f.model)} for f in evaluator.faults],
        "workers": 1,  # the threads of a worker each have a chunk
    }
    described = [table, _software(), _trace(evaluator.task)]
    return json.dumps(described, default=lambda number: number.item())


@lru_cache(maxsize=32)
def _evaluator(settings: str) -> Evaluator:
    """Make the evaluator again, once for each process.

    Raises
    ------
    InputError
        It would not give the same results here.
    """
    table, software, trace = json.loads(settings)
    here = _software()
    for name, expected in software.items():
        if here[name] != expected:
            raise wrong(name, f"{expected} as where the evolution runs", here[name])
    try:
        task = find_task(table["task"])
        objectives = [lookup(OBJECTIVES, name, "objectives") for name in table["objectives"]]
        for fault in table["faults"]:
            fault["model"] = from_table(MODELS, fault["model"], "faults")
            fault["site"]["index"] = fault["site"]["index"] and tuple(fault["site"]["index"])
            fault["site"] = FaultSite(**fault["site"])
            fault["time"] = FaultTime(**fault["time"])
    except InputError as error:
        raise InputError(
            f"{error} (what is not of Tardigrade is made known to workers with --preload)"
        ) from None
    if _trace(task) != trace:
        raise wrong(f"task {task.name}", "the same episodes as where the evolution runs", "others")
    faults = tuple(Fault(**fault) for fault in table["faults"])
    known = {"task": task, "objectives": tuple(objectives), "faults": faults}
    return Evaluator(**{**table, **known})


def _greet(settings: str) -> str | None:
    """Make the evaluator ready; return what is wrong with it."""
    try:
        _evaluator(settings)
    except InputError as error:
        return str(error)
    return None


def _evaluate(chunk: Packed, settings: str, epoch: int) -> tuple[Any, ...] | str:
    """Measure a chunk; return the fields of a `Batch`, or what is wrong with the input.

    Bad input would stay bad, so it is not raised: Dask would try again.
    """
    refused = _greet(settings)  # this worker may have joined since the others were asked
    if refused is not None:
        from distributed import get_worker

        return f"worker {get_worker().address}: {refused}"
    try:
        return tuple(_evaluator(settings)(unpack(chunk), epoch))
    except InputError as error:
        return str(error)


@lru_cache
def _software() -> dict[str, str]:
    """Describe everything that results depend on but settings and task."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    digest = hashlib.sha256()
    for package in (neuro, fitness):
        for folder in map(Path, package.__path__):
            for file in sorted(folder.rglob("*.py")):
                digest.update(f"{file.relative_to(folder)}\n".encode() + file.read_bytes())
    found["sources of Tardigrade"] = digest.hexdigest()[:12]
    found["platform"] = f"{platform.system()} {platform.machine()}"
    return found


def _trace(task: Task) -> str:
    """Identify a task by what it says of itself and by the beginnings of two episodes.

    Two tasks of the same name may differ in code, data or versions of environments, and two
    machines in the last bit of a sine.
    """
    said = [getattr(task, f.name) for f in fields(Task)]
    digest = hashlib.sha256(f"{said} {task.fingerprint()}".encode())
    for start in task.draw_starts(0, "trace", 2):
        episode = task.begin(start)
        try:
            for decision in range(20):
                stepped = episode.step(_action(task, decision))
                digest.update(episode.observation.tobytes() + repr(stepped).encode())
                if stepped.terminated or stepped.truncated:
                    break
        finally:
            episode.close()
    return digest.hexdigest()[:12]


def _action(task: Task, decision: int) -> NDArray[np.float64]:
    """Take every choice in turn; of continuous values lowest, highest and middle."""
    actions = task.actions
    if isinstance(actions, Box):
        low, high = np.array(actions.low), np.array(actions.high)
        return low + (high - low) * (0.0, 1.0, 0.5)[decision % 3]
    counts = actions if isinstance(actions, tuple) else (actions,)
    return np.array([decision % count for count in counts], dtype=np.float64)
