"""The command ``mp3restore``."""

from __future__ import annotations

import sys

from mp3restore.errors import ExitCode

__all__ = ["main"]


def main() -> None:
    """Run the command with the arguments of the process and exit."""
    try:
        from mp3restore.cli.app import app  # noqa: PLC0415 - Ctrl-C is caught from here on

        app(prog_name="mp3restore")
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
