"""``mp3restore watch``: restore what is put into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mp3restore.cli import options as o
from mp3restore.cli.terminal import quiet_decoders, user_errors
from mp3restore.options import RunOptions

__all__ = ["watch"]


def watch(  # noqa: PLR0917 - one parameter per option
    folder: Annotated[Path, typer.Argument(metavar="IN", help="The folder to watch, with all folders in it.")],
    output: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write to.")],
    template: o.Template = None,
    container: o.Format = None,
    bit_depth: o.Depth = "24",
    seed: o.Seed = 0,
    strength: o.Strength = None,
    max_bitrate: o.MaxBitrate = 192,
    model: o.ModelName = None,
    threads: o.Threads = None,
    json: o.Json = False,
    quiet: o.Quiet = 0,
    verbose: o.Verbose = 0,
    log_file: o.LogFile = None,
) -> None:
    """Restore what lies in a folder and what is put into it, as soon as it is complete; Ctrl-C ends it."""
    with user_errors(verbosity=verbose - quiet, as_json=json), quiet_decoders(active=verbose < 2):
        from mp3restore.batch.maker import Work  # noqa: PLC0415
        from mp3restore.batch.plan import Request, Task  # noqa: PLC0415 - keeps --help quick
        from mp3restore.batch.run import run_batch, run_locally, share_cores  # noqa: PLC0415
        from mp3restore.batch.watch import watch_folder  # noqa: PLC0415
        from mp3restore.cli.run import cores  # noqa: PLC0415
        from mp3restore.cli.show import Look, Teller  # noqa: PLC0415
        from mp3restore.generator.model import load_model  # noqa: PLC0415

        how = RunOptions(seed, strength=strength)
        request = Request(load_model(model), how, output, container, bit_depth, template=template, max_kbps=max_bitrate)
        work = Work(str(request.model.folder), how, share_cores(cores(), 1, threads)[1])
        with Teller(Look(verbose - quiet, json, None, log_file)) as teller:

            def restore(tasks: list[Task]) -> None:
                run_batch(tasks, request, run_locally(work, 1), teller.tell)

            teller.note(f"watching {folder}; Ctrl-C ends it")
            watch_folder(folder, request, restore, lambda error: teller.note(str(error)))
