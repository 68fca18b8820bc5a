"""Signals that ask a run to end."""

from __future__ import annotations

import signal

__all__ = ["FROM_TERMINAL"]

FROM_TERMINAL = tuple(getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name))
"""What every process of a terminal gets at once: Ctrl-C and, but on Windows, the end of the terminal."""
