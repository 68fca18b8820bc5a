"""What the tests of the pages call."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from html import unescape
from pathlib import Path


def commands_of(page: str) -> list[str]:
    """The commands that a page shows."""
    return [unescape(each) for each in re.findall(r"<pre>(mp3restore .*)</pre>", page)]


def run_in_shell(command: str, folder: Path) -> None:
    """Run a command as a user would who copies it from a page."""
    program = shlex.join([sys.executable, "-m", "mp3restore"])
    text = command.replace("mp3restore", program, 1)
    done = subprocess.run(  # noqa: S602 - a shell is what the commands are for
        text,
        shell=True,
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    assert done.returncode == 0, done.stderr
