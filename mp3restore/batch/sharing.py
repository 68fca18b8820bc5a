"""How processors and memory are shared: how many files at the same time, with how many threads each."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["default_jobs", "free_memory", "share_cores", "working_cores"]

_CORES_OF_A_FILE = 4
_FILES_OF_A_PROCESS = 4
# As much as the README promises for files of any length.
_BYTES_OF_A_FILE = 450_000_000
_SYSTEM = Path("/proc/meminfo")
# Where a container sees its own limit (control groups, version 2).
_GROUP = Path("/sys/fs/cgroup")


def default_jobs(files: int, cores: int, memory: int | None = None) -> int:
    """Return how many files to restore at the same time where the user does not say: one for every core.

    One long file keeps four cores busy, but a short one is opened and finished by a single thread. A process of its own
    takes a second to start, so each is to get several files. No more are started than `memory` has room for, in bytes,
    if that is known.
    """
    room = files if memory is None else memory // _BYTES_OF_A_FILE
    return max(1, min(cores, files // _FILES_OF_A_PROCESS, room))


def share_cores(cores: int, jobs: int, threads: int | None) -> tuple[int, int]:
    """Limit files and threads per file so that together they never take more than all cores."""
    jobs = max(1, min(jobs, cores))
    most = cores // jobs
    return jobs, most if threads is None else max(1, min(threads, most))


def working_cores(jobs: int, threads: int) -> int:
    """Return how many processors that keeps busy: a file does not use more than four."""
    return jobs * min(threads, _CORES_OF_A_FILE)


def free_memory() -> int | None:
    """Return the bytes that Linux has free, or leaves this container if those are fewer; None on other systems."""
    known = [each for each in (_free_in(_SYSTEM), _left_in(_GROUP)) if each is not None]
    return min(known, default=None)


def _free_in(system: Path) -> int | None:
    try:
        found = re.search(r"^MemAvailable:\s+(\d+) kB", system.read_text(encoding="ascii"), re.MULTILINE)
    except OSError:
        return None
    return None if found is None else int(found[1]) * 1024


def _left_in(group: Path) -> int | None:
    try:
        limit, used, details = (
            (group / f"memory.{name}").read_text(encoding="ascii").strip() for name in ("max", "current", "stat")
        )
    except OSError:
        return None
    if limit == "max":
        return None
    # What was read from files and may be dropped counts as used, but is not.
    cached = re.search(r"^inactive_file (\d+)", details, re.MULTILINE)
    return max(0, int(limit) - int(used) + (int(cached[1]) if cached else 0))
