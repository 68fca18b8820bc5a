"""Measure the time that the stages of a run take, on the clock and on the processor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter, thread_time
from typing import TypeVar

__all__ = ["Spent", "Timings"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Spent:
    """Time spent, in seconds: on the clock, and on the processor by the thread that did the work."""

    clock: float = 0.0
    processor: float = 0.0

    @staticmethod
    def now() -> Spent:
        """Return the time now, from which only differences have a meaning."""
        return Spent(perf_counter(), thread_time())

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.clock + other.clock, self.processor + other.processor)

    def __sub__(self, other: Spent) -> Spent:
        return Spent(self.clock - other.clock, self.processor - other.processor)


class Timings:
    """Time spent per stage, added up by name. Each name belongs to one thread."""

    def __init__(self) -> None:
        self.stages: dict[str, Spent] = {}

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Add the time of the block to stage `name`."""
        start = Spent.now()
        try:
            yield
        finally:
            self._add(name, Spent.now() - start)

    def add(self, other: Timings) -> None:
        """Add the times of `other`, stage by stage."""
        for name, spent in other.stages.items():
            self._add(name, spent)

    def of(self, name: str) -> Spent:
        """Return the time of a stage."""
        return self.stages.get(name, Spent())

    def _add(self, name: str, spent: Spent) -> None:
        self.stages[name] = self.of(name) + spent

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
        self.stages[name] = self.of(name) - inputs.of(name)
