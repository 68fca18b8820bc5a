"""Entry point of the command ``mp3restore``: signals, and the exit code."""

from __future__ import annotations

import atexit
import gc
import signal
import sys
from collections.abc import Callable
from types import FrameType

from mp3restore.batch.signals import FROM_TERMINAL
from mp3restore.cli.interruption import interrupted
from mp3restore.cli.streams import prepare_streams
from mp3restore.errors import ExitCode

__all__ = ["main"]


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    interrupted.set()
    _on_signals(signal.SIG_IGN)  # a second signal would interrupt the clean-up
    raise KeyboardInterrupt


def _on_signals(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    """Install `handler` for SIGINT, SIGHUP and SIGTERM, except where the parent process has them ignored."""
    for number in (*FROM_TERMINAL, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def main() -> None:
    """Run the command with the arguments of the process, then exit."""
    prepare_streams()
    # The handler raises KeyboardInterrupt, so that no unfinished files are left behind.
    _on_signals(_interrupt)
    # Modules are never garbage, but scanning them during the imports and again at exit takes 80 ms.
    gc.set_threshold(10_000)
    atexit.register(gc.freeze)
    try:
        from mp3restore.cli.app import app  # noqa: PLC0415 - Ctrl-C is caught from here on

        app(prog_name="mp3restore")
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except OSError as error:  # from writing --version or --help to stdout, before any command runs
        from mp3restore.cli.terminal import exit_code_of  # noqa: PLC0415

        sys.exit(exit_code_of(error))
