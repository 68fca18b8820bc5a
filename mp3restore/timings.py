"""Measure the time that the stages of a run take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TypeVar

__all__ = ["Timings"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Timings:
    """Seconds per stage, added up by name. Each name belongs to one thread."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Add the time of the block to stage `name`."""
        start = perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - start

    def add(self, other: Timings) -> None:
        """Add the times of `other`, stage by stage."""
        for name, seconds in other.seconds.items():
            self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    def measure_items(self, name: str, items: Iterable[_Item]) -> Iterator[_Item]:
        """Pass `items` on, and add the time spent on making them to stage `name`."""
        iterator = iter(items)
        while True:
            with self.measure(name):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item

    def measure_stage(
        self, name: str, stage: Callable[[Iterable[_Item]], Iterator[_Result]], items: Iterable[_Item]
    ) -> Iterator[_Result]:
        """Send `items` through `stage`, and add its time to stage `name`, less the time spent on making the items."""
        inputs = Timings()
        yield from self.measure_items(name, stage(inputs.measure_items(name, items)))
        # A stage that never takes an item has no time for making items.
        self.seconds[name] = self.seconds.get(name, 0.0) - inputs.seconds.get(name, 0.0)
