"""How much memory this process has taken."""

from __future__ import annotations

import re
import sys
from pathlib import Path

__all__ = ["peak_mib"]

_STATUS = Path("/proc/self/status")


def peak_mib() -> float | None:
    """Return the largest resident memory of this process so far in MiB; None where the system does not tell."""
    if _STATUS.exists():
        # Not from getrusage: there Linux counts the memory that a process had before it became this program.
        found = re.search(r"^VmHWM:\s+(\d+) kB$", _STATUS.read_text(encoding="ascii", errors="replace"), re.MULTILINE)
        if found:
            return int(found[1]) / 1024
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415 - there is none on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024**2 if sys.platform == "darwin" else peak / 1024
