"""Where jobs run: in this process, in one process per core, or on a Dask cluster. The results are the same."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Any

from edgeq.errors import UsageError
from edgeq.tune.jobs import Job, run_job
from edgeq.tune.subject import Subject

Run = Callable[[Sequence[Job]], Iterator[tuple[int, Any]]]
"""Runs jobs; gives (index, result) in the order in which they end."""

ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Processes that share the cores do not multiply matrices on all of them besides."""

SCHEDULER_SECONDS = 10
"""How long a Dask scheduler may take to answer."""

_subject: list[Subject] = []
"""Of a worker process: set once, read by its jobs."""


@contextmanager
def workers(subject: Subject, processes: int | None = None, scheduler: str | None = None) -> Iterator[Run]:
    """processes: how many, one per core unless given; 1 runs the jobs here. scheduler: address of a Dask scheduler."""
    count = processes or os.cpu_count() or 1
    if scheduler is not None:
        with _dask(subject, scheduler) as run:
            yield run
    elif count == 1:
        yield lambda jobs: ((i, run_job(subject, job)) for i, job in enumerate(jobs))
    else:
        with _processes(subject, count) as run:
            yield run


@contextmanager
def _processes(subject: Subject, count: int) -> Iterator[Run]:
    # Spawned: a fork would copy the locks of BLAS threads that do not live on in the child.
    context = multiprocessing.get_context("spawn")
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    pool = ProcessPoolExecutor(count, context, initializer=_receive, initargs=(subject,))

    def run(jobs: Sequence[Job]) -> Iterator[tuple[int, Any]]:
        waiting = {pool.submit(_run_here, job): i for i, job in enumerate(jobs)}
        for done in as_completed(waiting):
            yield waiting[done], done.result()

    try:
        yield run
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _receive(subject: Subject) -> None:
    _subject.append(subject)


def _run_here(job: Job) -> Any:
    return run_job(_subject[0], job)


@contextmanager
def _dask(subject: Subject, address: str) -> Iterator[Run]:
    try:
        from distributed import Client
        from distributed import as_completed as ended
    except ImportError:
        raise UsageError("--scheduler needs Dask", hint="pip install 'edgeq[cluster]'") from None
    try:
        client = Client(address, timeout=SCHEDULER_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UsageError(f"no Dask scheduler answers at {address}: {error}") from None
    with client:
        everywhere = client.scatter(subject, broadcast=True, hash=False)

        def run(jobs: Sequence[Job]) -> Iterator[tuple[int, Any]]:
            # Each job is one of its own, even where two are equal: results are never taken from the cluster's cache.
            waiting = client.map(run_job, [everywhere] * len(jobs), list(jobs), pure=False)
            index = {future.key: i for i, future in enumerate(waiting)}
            for future in ended(waiting, loop=client.loop):
                yield index[future.key], future.result()

        yield run
