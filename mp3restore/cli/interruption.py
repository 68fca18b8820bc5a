"""A flag that is set when a signal asks this process to end."""

from __future__ import annotations

import threading

__all__ = ["interrupted"]

interrupted = threading.Event()
"""Set by the signal handler, and read where errors are turned into exit codes."""
