"""A maker of results that ends its process in the way that the name of the source says."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from dataclasses import dataclass

from mp3restore.batch.maker import Left


@dataclass(frozen=True)
class FragileMaker:
    """Leaves every source, unless its name is that of a signal, "crash" or "exit"."""

    def make(self, task, progress):
        progress(1.0, 2.0)
        name = task.job.source.stem
        if name.startswith("SIG"):
            os.write(2, b"these are the last words\n")
            os.kill(os.getpid(), signal.Signals[name])
        if name == "crash":
            ctypes.string_at(0)
        if name == "exit":
            sys.exit(3)
        return Left("nothing to do")
