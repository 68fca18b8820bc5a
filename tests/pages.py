"""What the tests of the pages call."""

from __future__ import annotations

import http.client
import json
import os
import re
import shlex
import subprocess
import sys
import time
from html import unescape
from pathlib import Path

PHONE = {"width": 390, "height": 800}
LIMIT = 1_000_000
"""Largest upload that a `Server` takes, in bytes."""


class Server:
    """A running ``mp3restore serve``."""

    def __init__(self, folder, *options, **environment):
        self.folder = folder
        command = ["serve", "--port", "0", "--max-upload", "1", "--threads", "1", *options]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mp3restore", *command],
            stderr=subprocess.PIPE, text=True,
            env={**os.environ, "TMPDIR": str(folder), "PYTHONWARNINGS": "error", **environment},
        )  # fmt: skip
        self.url = self.process.stderr.readline().split()[0]
        self.port = int(re.search(r"http://[^/]+:(\d+)/", self.url)[1])

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer, content

    def files(self):
        return [path for path in self.folder.rglob("*") if path.is_file()]

    def wait(self, identifier):
        deadline = time.monotonic() + 120
        while True:
            job = json.loads(self.ask("GET", f"/jobs/{identifier}")[1])
            if job["state"] not in ("waiting", "running"):
                return job
            assert time.monotonic() < deadline
            time.sleep(0.1)


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
