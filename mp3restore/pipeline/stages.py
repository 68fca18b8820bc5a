"""Run the stages of a pipeline at the same time, each in its own thread, with short queues between them."""

from __future__ import annotations

import queue
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from mp3restore._typing import Samples

__all__ = ["SampleQueue", "dedicated_process", "mix", "read_ahead", "write_behind"]

_Item = TypeVar("_Item")

# How soon a thread notices that it should stop.
_POLL_S = 0.05
# A stage needs the interpreter only between its array operations, and waits for it this long at most.
_TURN_S = 1e-3


class _End:
    """Marks the end of a queue, with the error that ended it."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def _offer(channel: queue.Queue[_Item | _End], item: _Item | _End, stop: threading.Event) -> bool:
    """Put `item` into the queue once there is room; return False if `stop` is set first."""
    while not stop.is_set():
        try:
            channel.put(item, timeout=_POLL_S)
        except queue.Full:
            continue
        return True
    return False


@contextmanager
def dedicated_process() -> Iterator[None]:
    """Tune this process for restoring, at the expense of other work, until the end of the block.

    Threads take shorter turns at the interpreter, which makes stages on two cores faster by an eighth. The matrices of
    the filter bank are small: several BLAS threads would only wait for each other. Both settings apply to the whole
    process, so this is for programs that own their process, not for the library.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_S)
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def read_ahead(items: Iterable[_Item], depth: int) -> Iterator[Iterator[_Item]]:
    """Make `items` in a separate thread, at most `depth` ahead of the consumer.

    The block receives an iterator of the items. An error in the thread is raised where the next item would have been
    taken. The thread ends with the block, even if not all items were taken.
    """
    channel: queue.Queue[_Item | _End] = queue.Queue(depth)
    stop = threading.Event()

    def produce() -> None:
        end = _End()
        try:
            for item in items:
                if not _offer(channel, item, stop):
                    return
        except BaseException as error:  # raised again by the thread that waits for it
            end = _End(error)
        _offer(channel, end, stop)

    def consume() -> Iterator[_Item]:
        while True:
            item = channel.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item

    thread = threading.Thread(target=produce, name="read-ahead", daemon=True)
    thread.start()
    try:
        yield consume()
    finally:
        stop.set()
        thread.join()


@contextmanager
def write_behind(write: Callable[[_Item], None], depth: int) -> Iterator[Callable[[_Item], None]]:
    """Call `write` in a separate thread, at most `depth` items behind.

    The block receives a function that takes the items. An error of `write` is raised by the next call, or at the end of
    the block, which waits until everything is written. If the block fails, items not yet written are dropped.
    """
    channel: queue.Queue[_Item | _End] = queue.Queue(depth)
    stop = threading.Event()
    errors: list[BaseException] = []

    def consume() -> None:
        try:
            while not isinstance(item := channel.get(), _End):
                if not stop.is_set():  # pragma: no branch - a race: the block fails while this thread takes an item
                    write(item)
        except BaseException as error:  # raised again by the thread that feeds this one
            errors.append(error)
            stop.set()

    def put(item: _Item) -> None:
        if not _offer(channel, item, stop):
            raise errors[0]

    thread = threading.Thread(target=consume, name="write-behind", daemon=True)
    thread.start()
    try:
        yield put
        if _offer(channel, _End(), stop):
            thread.join()
        if errors:
            raise errors[0]
    finally:
        stop.set()
        while thread.is_alive():
            _discard(channel)
            channel.put(_End())
            thread.join(_POLL_S)


def _discard(channel: queue.Queue[_Item | _End]) -> None:
    """Empty a queue."""
    try:
        while True:
            channel.get_nowait()
    except queue.Empty:
        pass


class SampleQueue:
    """Samples that have passed one point of a stream and wait at another, perhaps in another thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._pieces: deque[Samples] = deque()

    def tap(self, blocks: Iterable[Samples]) -> Iterator[Samples]:
        """Pass blocks (channels, n) on and remember them."""
        for block in blocks:
            with self._lock:
                self._pieces.append(block)
            yield block

    def take(self, count: int) -> Samples:
        """Remove and return the next `count` samples, or as many as there are; some block must have passed."""
        taken: list[Samples] = []
        with self._lock:
            if not self._pieces:
                raise RuntimeError("nothing has passed yet")
            while self._pieces and (count > 0 or not taken):
                piece = self._pieces.popleft()
                taken.append(piece[:, :count])
                count -= taken[-1].shape[1]
            # The rest of the piece, even if empty, stays in the queue: it has the stream's number of channels.
            if taken[-1].shape[1] < piece.shape[1] or not self._pieces:
                self._pieces.appendleft(piece[:, taken[-1].shape[1] :])
        return np.concatenate(taken, axis=1)


def mix(decoded: SampleQueue, restored: Iterable[Samples], strength: float) -> Iterator[Samples]:
    """Go only part of the way, `strength`, from the decoded to the restored samples, both at the same rate."""
    for block in restored:
        original = decoded.take(block.shape[1])
        yield original + np.float32(strength) * (block[:, : original.shape[1]] - original)
