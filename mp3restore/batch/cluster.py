"""Make results on a Dask cluster: the same plan and the same work, on other machines."""

from __future__ import annotations

from collections.abc import Sequence
from queue import Empty, SimpleQueue
from typing import Any

from mp3restore.batch.maker import Begun, Execute, Failure, Left, Outcome, ResultMaker, Take, Update
from mp3restore.batch.task import Task
from mp3restore.errors import ExitCode, MissingExtraError, UsageError

__all__ = ["run_on_cluster"]

_CONNECT_S = 10
# How often a result is tried when its worker is lost; after that, the result itself may be what kills workers.
_RETRIES = 3


def _make(maker: ResultMaker, task: Task, index: int, topic: str) -> Outcome | Left | Failure:
    """Make a result on a worker, where the model stays loaded for the next one; tell the client that it begins."""
    from distributed import get_worker  # noqa: PLC0415 - an extra

    get_worker().log_event(topic, index)
    return maker.make(task)


def run_on_cluster(address: str, maker: ResultMaker) -> Execute:
    """Make results on the cluster of the scheduler at `address`, such as ``tcp://10.0.0.1:8786``.

    The workers need this package, and must see the files under the same names: on a common file system, or as URLs.

    Raises
    ------
    MissingExtraError
        If Dask is not installed.
    """
    try:
        import distributed  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError("--cluster needs Dask", hint="pip install 'mp3restore[cluster]'") from error

    def execute(tasks: Sequence[tuple[int, Task]], take: Take) -> None:
        try:
            client: Any = distributed.Client(address, timeout=_CONNECT_S)
        except (OSError, ValueError) as error:
            raise UsageError(f"no Dask scheduler answers at {address}", hint="check the address") from error
        with client:
            _run(client, maker, tasks, take)

    return execute


def _run(client: Any, maker: ResultMaker, tasks: Sequence[tuple[int, Task]], take: Take) -> None:  # noqa: ANN401
    """Submit all tasks, and tell what happens to them in the order in which it becomes known."""
    updates: SimpleQueue[tuple[int, Begun | Any]] = SimpleQueue()
    topic = f"mp3restore-{client.id}"
    client.subscribe_topic(topic, lambda event: updates.put((event[1], Begun())))
    futures = []
    for index, task in tasks:
        future = client.submit(_make, maker, task, index, topic, pure=False, retries=_RETRIES)
        future.add_done_callback(lambda done, index=index: updates.put((index, done)))
        futures.append(future)
    begun: set[int] = set()
    finished = 0
    try:
        while finished < len(futures):
            try:
                index, update = updates.get(timeout=_CONNECT_S)
            except Empty:
                if client.status == "closed":
                    raise UsageError("the Dask scheduler was lost", hint="run the command again to go on") from None
                continue
            # A lost worker's task begins again elsewhere, and a result may be quicker than the word that it begins.
            if index not in begun:
                begun.add(index)
                take(index, Begun())
            if not isinstance(update, Begun):
                finished += 1
                if not take(index, _update_of(update)):
                    return
    finally:
        client.unsubscribe_topic(topic)
        client.cancel(futures)


def _update_of(future: Any) -> Update:  # noqa: ANN401 - distributed has no types
    if future.status == "finished":
        update: Update = future.result()
        return update
    return Failure(f"the cluster gave up: {future.exception()}", ExitCode.FAILED)
