"""The command ``mp3restore``."""

from __future__ import annotations

import atexit
import gc
import signal
import sys
import threading
from types import FrameType

from mp3restore.errors import ExitCode

__all__ = ["interrupted", "main"]

interrupted = threading.Event()
"""Whether a signal has asked us to end."""


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    interrupted.set()
    raise KeyboardInterrupt


def main() -> None:
    """Run the command with the arguments of the process and exit."""
    # Who ends us politely finds as little left behind as who presses Ctrl-C.
    signal.signal(signal.SIGTERM, _interrupt)
    # Modules are no garbage: to look through them while they are imported, and again at the end, takes 80 ms.
    gc.set_threshold(10_000)
    atexit.register(gc.freeze)
    try:
        from mp3restore.cli.app import app  # noqa: PLC0415 - Ctrl-C is caught from here on

        app(prog_name="mp3restore")
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except OSError as error:  # of stdout, before there is a command: --version and --help
        from mp3restore.cli.report import exit_code_of  # noqa: PLC0415

        sys.exit(exit_code_of(error))
