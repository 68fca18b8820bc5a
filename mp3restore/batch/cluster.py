"""Making results on a Dask cluster: the same plan, the same work, on other machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mp3restore.batch.maker import Begun, Execute, Failure, Left, Outcome, ResultMaker, Take
from mp3restore.batch.task import Task
from mp3restore.errors import ExitCode, MissingExtraError, UsageError

__all__ = ["run_on_cluster"]

_CONNECT_S = 10
# So often a result is tried when its worker is lost; then it may be the result that kills workers.
_RETRIES = 3


def _make(maker: ResultMaker, task: Task) -> Outcome | Left | Failure:
    """Make a result on a worker, where the model stays loaded for the next one."""
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
            futures = {}
            for index, task in tasks:
                futures[client.submit(_make, maker, task, pure=False, retries=_RETRIES)] = index
                take(index, Begun())
            try:
                for future in distributed.as_completed(futures):
                    if not take(futures[future], _report(future)):
                        return
            finally:
                client.cancel(list(futures))

    return execute


def _report(future: Any) -> Outcome | Left | Failure:  # noqa: ANN401 - distributed has no types
    if future.status == "finished":
        result: Outcome | Left | Failure = future.result()
        return result
    return Failure(f"the cluster gave up: {future.exception()}", ExitCode.FAILED)
