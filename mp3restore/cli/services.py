"""``mp3restore serve`` and ``watch``: restore files from a local web page, or as they arrive in a folder."""

from __future__ import annotations

import webbrowser
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from mp3restore.cli import options as o
from mp3restore.cli.terminal import message, quiet_decoders, user_errors
from mp3restore.errors import MissingExtraError
from mp3restore.options import DEFAULT_MAX_KBPS, RunOptions

__all__ = ["serve", "watch"]


def serve(  # noqa: PLR0917 - one parameter per option
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 opens the page to the network.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")] = 8765,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    max_upload: Annotated[int, typer.Option(min=1, metavar="MB", help="Largest file accepted.")] = 200,
    model: Annotated[str | None, typer.Option(help="Name of a model, or its folder.", show_default=False)] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of the generator (default: all cores).", show_default=False)
    ] = None,
) -> None:
    """Serve a web page, to this computer only, for restoring files: drop them, listen, download."""
    with user_errors(), quiet_decoders():
        for name in ("fastapi", "uvicorn"):
            if find_spec(name) is None:
                raise MissingExtraError(
                    f"the local page needs {name}",
                    hint="install the extra 'web', for instance with pip install 'mp3restore[web]'",
                )
        from mp3restore.web.server import serve_forever  # noqa: PLC0415 - keeps --help quick

        def ready(address: str, shared: bool) -> None:
            message(f"{address} (press Ctrl-C to stop)")
            if shared:
                message(
                    "mp3restore: whoever knows this whole address can use the page, from every computer that reaches "
                    "this one; nothing is encrypted on the way"
                )
            if open_page and not webbrowser.open(address):
                message("mp3restore: no browser could be opened; open the address above in one")

        serve_forever(
            host=host, port=port, limit_bytes=max_upload * 1_000_000, model=model, threads=threads, ready=ready,
            note=lambda text: message(f"mp3restore: {text}"),
        )  # fmt: skip


def watch(  # noqa: PLR0917 - one parameter per option
    folder: Annotated[
        Path, typer.Argument(metavar="IN", help="The folder to watch, with all its subfolders.", callback=o.local)
    ],
    output: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write to.", callback=o.local)],
    template: o.Template = None,
    container: o.Format = None,
    bit_depth: o.Depth = None,
    seed: o.Seed = 0,
    strength: o.Strength = None,
    max_bitrate: o.MaxBitrate = DEFAULT_MAX_KBPS,
    model: o.ModelName = None,
    threads: o.Threads = None,
    json: o.Json = False,
    quiet: o.Quiet = 0,
    verbose: o.Verbose = 0,
    log_file: o.LogFile = None,
) -> None:
    """Restore the files in a folder, and each new one as soon as it is complete; press Ctrl-C to stop."""
    with user_errors(verbosity=verbose - quiet, as_json=json), quiet_decoders(active=verbose < 2):
        from mp3restore.batch.maker import ResultMaker  # noqa: PLC0415 - keeps --help quick
        from mp3restore.batch.processes import run_locally  # noqa: PLC0415
        from mp3restore.batch.run import run_batch  # noqa: PLC0415
        from mp3restore.batch.sharing import share_cores  # noqa: PLC0415
        from mp3restore.batch.task import ResultOptions, Task  # noqa: PLC0415
        from mp3restore.batch.watch import watch_folder  # noqa: PLC0415
        from mp3restore.cli.run import cores  # noqa: PLC0415
        from mp3restore.cli.show import OutputOptions, RunReporter  # noqa: PLC0415
        from mp3restore.generator.model import load_model  # noqa: PLC0415
        from mp3restore.pipeline.stages import dedicated_process  # noqa: PLC0415

        results = ResultOptions(
            model=load_model(model), run=RunOptions(seed=seed, strength=strength), output=output,
            container=container, bit_depth=bit_depth, template=template, max_kbps=max_bitrate,
        )  # fmt: skip
        maker = ResultMaker(str(results.model.folder), results.run, share_cores(cores(), 1, threads)[1])
        options = OutputOptions(verbosity=verbose - quiet, json=json, log_file=log_file)
        with RunReporter(options) as reporter, dedicated_process():

            def restore(tasks: list[Task]) -> None:
                run_batch(tasks, results, run_locally(maker, 1), reporter.tell)

            reporter.note(f"watching {folder}; press Ctrl-C to stop")
            watch_folder(folder, results, restore, lambda error: reporter.note(str(error)))
