"""Evaluation beyond one machine: batches in chunks to the workers of Dask's `distributed`.

What comes back is what the evaluator itself would return: each network's result depends on the
settings and on itself alone, so neither the number of workers, the chunks, the order in which they
come back nor a worker's death can change it. Whether a worker would compute the same bits is
asked before it is given any work; see `fitness.worker`.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np

from fitness import worker
from fitness.evaluator import Batch, Evaluator
from neuro import Network
from neuro.errors import InputError, wrong
from neuro.packing import pack

CHUNKS_PER_THREAD = 3
"""Chunks of a batch for each thread of the workers.

For 100 networks on two workers 3 were best. With one chunk everybody waits for the slowest, and
each chunk costs 2 ms at the scheduler and as much at its worker.
"""

RETRIES = 2
"""How often a chunk is tried again after an exception; deaths of workers are counted by Dask."""

CONNECT_SECONDS = 10.0
"""How long a scheduler is given to answer."""

FRAMES = 1000
"""More frames than the greeting of a scheduler has."""

PATIENCE = 60.0
"""Seconds between complaints that there is no worker."""


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
                worker.evaluate, chunks, settings=self.settings, epoch=epoch, pure=False,
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
        return worker.describe(self)

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
                    dashboard_address="127.0.0.1:0", memory_limit=0, preload=[worker.__name__],
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
        `distributed` is not installed, this is no address, or nobody answers.
    """
    distributed = _import()
    _check_address(address)
    try:
        _check_greeting(address)
        return distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        what = "the address of a Dask scheduler that answers"
        raise InputError(f"{wrong('scheduler', what, address)} ({error})") from None


def _check_address(address: str) -> None:
    """Refuse what can be no address; clients would complain of it in threads of theirs."""
    from distributed.comm.addressing import parse_address, parse_host_port
    from distributed.comm.registry import get_backend

    try:
        scheme, place = parse_address(address)
        get_backend(scheme)
        host, port = ("here", 1) if scheme == "inproc" else parse_host_port(place)
    except (ValueError, TypeError):
        host, port = "", 0
    if not host or not 0 < port < 65536:
        raise wrong("scheduler", "an address such as tcp://10.0.0.1:8786", address)


def _check_greeting(address: str) -> None:
    """Refuse what is open but no scheduler; clients wait for it, or take its answer for a length.

    A scheduler speaks first: how many frames its greeting has, as 8 bytes, least first.
    """
    from distributed.comm.addressing import parse_address, parse_host_port

    scheme, place = parse_address(address)
    if scheme != "tcp":
        return
    with socket.create_connection(parse_host_port(place), CONNECT_SECONDS) as line:
        line.settimeout(CONNECT_SECONDS)
        greeting = line.recv(8, socket.MSG_WAITALL)
    if not 0 < int.from_bytes(greeting, "little") < FRAMES:
        raise ValueError("what answers is something else")


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
    answers = client.run(worker.refuse, made.settings, on_error="return")
    if not answers:
        raise wrong(f"scheduler {address}", "at least one worker", "none")
    for place, answer in answers.items():
        # Dask may hand over an ImportError as an Exception that shows it.
        if isinstance(answer, Exception) and "No module named" in str(answer):
            answer = f"expected the same Tardigrade to be installed there, got {answer}"
        if isinstance(answer, OSError):
            answer = f"cannot be asked: {answer}"
        if isinstance(answer, Exception):
            raise answer
        if answer is not None:
            raise InputError(f"worker {place}: {answer}")
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
