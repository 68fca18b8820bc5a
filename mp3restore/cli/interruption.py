"""Whether a signal has asked this process to end."""

from __future__ import annotations

import threading

__all__ = ["interrupted"]

interrupted = threading.Event()
"""Set by the signal handler, and read where errors become exit codes."""
