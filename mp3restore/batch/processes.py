"""Making results in processes of their own.

Unlike a pool of `concurrent.futures` this one knows which result a worker was making when it died, reports progress,
and can be stopped at once without leaving files behind.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from mp3restore.batch.maker import Advanced, Begun, Execute, Failure, Left, Outcome, ResultMaker, Take, Update
from mp3restore.batch.signals import FROM_TERMINAL
from mp3restore.batch.task import Task
from mp3restore.errors import ExitCode
from mp3restore.pipeline.stages import dedicated_process

__all__ = ["run_in_processes", "run_locally"]

_STOPPING_S = 10.0
_LAST_WORDS = 4000


def _die_with_parent() -> None:  # pragma: no cover - runs in another process, whose coverage nobody sees
    """End this process, as by SIGTERM, when the one that started it ends: nobody waits for its results any more."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _write_errors_to(path: str) -> None:  # pragma: no cover - runs in another process, whose coverage nobody sees
    """Send what native libraries print, about flaws of a stream or before they crash, to a file without a name."""
    words = os.open(path, os.O_WRONLY | os.O_APPEND)
    os.dup2(words, 2)
    os.close(words)
    with suppress(PermissionError):  # Windows removes no open file
        Path(path).unlink()
    faulthandler.enable(file=2)


def _serve(channel: Connection, maker: ResultMaker, words: str) -> None:  # pragma: no cover - as above
    """Make results as they are asked for, until the channel is closed."""
    for number in FROM_TERMINAL:  # they reach the parent as well, who ends us
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(ExitCode.INTERRUPTED))
    threading.Thread(target=_die_with_parent, daemon=True).start()
    _write_errors_to(words)
    with suppress(EOFError, BrokenPipeError), dedicated_process():
        while True:
            task = channel.recv()
            channel.send(maker.make(task, lambda done, total: channel.send(Advanced(done, total))))


class _Worker:
    """A process, and what it is at: the number of a task, or None."""

    def __init__(self, maker: ResultMaker) -> None:
        context = multiprocessing.get_context("spawn")  # threads of the parent do not survive a fork
        self.channel, theirs = context.Pipe()
        with tempfile.NamedTemporaryFile(prefix="mp3restore-", delete=False) as words:
            self._words = Path(words.name).open("rb")  # noqa: SIM115 - closed in `stop`
        self.process: SpawnProcess = context.Process(target=_serve, args=(theirs, maker, words.name), daemon=True)
        self.process.start()
        theirs.close()
        self.index: int | None = None
        self.source: Path | None = None
        self.dead = False

    def begin(self, index: int, task: Task) -> int:
        self.index, self.source = index, task.job.source
        with suppress(BrokenPipeError):  # found out when its answer is awaited
            self.channel.send(task)
        return index

    def hear(self) -> tuple[int, Update]:
        index = self.index
        if index is None:  # pragma: no cover - only those that are busy are waited for
            raise RuntimeError("nothing is awaited from this process")
        try:
            update: Update = self.channel.recv()
        except (EOFError, ConnectionResetError):
            self.dead = True
            update = self._death()
        if isinstance(update, Outcome | Left | Failure):
            self.index = None
        return index, update

    def _death(self) -> Failure:
        self.process.join(_STOPPING_S)
        code = self.process.exitcode or 0
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        reason = f"{self.source}: the process that restored it has died: {how}"
        advice = "-vv shows its last words; if memory ran out, -j 1 needs less"
        words = self._words.read().decode(errors="replace")[-_LAST_WORDS:]
        return Failure(f"{reason} ({advice})", ExitCode.FAILED, trace=words)

    def stop(self) -> None:
        self.channel.close()
        self.process.terminate()
        self.process.join(_STOPPING_S)
        self._words.close()
        Path(self._words.name).unlink(missing_ok=True)  # if the process has not come so far


def run_in_processes(
    tasks: Iterable[tuple[int, Task]], maker: ResultMaker, jobs: int
) -> Generator[tuple[int, Update], None, None]:
    """Make results in `jobs` processes; yields what happens, with the number of the task that it happens to.

    A process that dies, by a fault of a native library or for want of memory, fails only the result that it was making.
    """
    waiting = deque(tasks)
    workers = [_Worker(maker) for _ in range(min(jobs, len(waiting)))]
    try:
        for worker in workers:
            yield worker.begin(*waiting.popleft()), Begun()
        while busy := {worker.channel: worker for worker in workers if worker.index is not None}:
            for worker in [busy[channel] for channel in wait(list(busy)) if isinstance(channel, Connection)]:
                index, update = worker.hear()
                yield index, update
                if worker.dead:
                    worker.stop()
                    workers.remove(worker)
                    if waiting:
                        workers.append(_Worker(maker))
                for idle in [each for each in workers if each.index is None][: len(waiting)]:
                    yield idle.begin(*waiting.popleft()), Begun()
    finally:
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.stop()


def run_locally(maker: ResultMaker, jobs: int) -> Execute:
    """Make results on this machine: in this process, or in `jobs` others."""

    def one_by_one(tasks: Sequence[tuple[int, Task]], take: Take) -> None:
        for index, task in tasks:
            take(index, Begun())

            def progress(done: float, total: float | None, index: int = index) -> None:
                take(index, Advanced(done, total))

            if not take(index, maker.make(task, progress)):
                return

    def in_processes(tasks: Sequence[tuple[int, Task]], take: Take) -> None:
        with closing(run_in_processes(tasks, maker, jobs)) as updates:
            for index, update in updates:
                if not take(index, update):
                    return

    return one_by_one if jobs == 1 else in_processes
