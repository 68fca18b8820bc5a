"""``mp3restore doctor``, ``formats``, ``bench`` and ``models``: facts about this machine and files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mp3restore.cli.terminal import one_line, quiet_decoders, user_errors
from mp3restore.errors import ExitCode
from mp3restore.job import LOSSY

if TYPE_CHECKING:
    from mp3restore.diagnostics.bench import BenchReport

__all__ = ["bench", "doctor", "formats", "models_app"]

_Json = Annotated[bool, typer.Option("--json", help="Write one JSON object.")]

models_app = typer.Typer(help="Show and check the models.", no_args_is_help=True, add_completion=False)
_Name = Annotated[str | None, typer.Argument(metavar="[MODEL]", help="Name or folder (default: the default model).")]


def doctor(as_json: _Json = False) -> None:
    """Check this installation: versions, devices, codecs, models, a self-test. Paste its output into bug reports."""
    with user_errors(), quiet_decoders():
        from mp3restore.diagnostics.doctor import diagnose  # noqa: PLC0415 - keeps --help quick

        found = diagnose()
        if as_json:
            typer.echo(json.dumps({"schema": 1, **found.facts, "problems": found.problems}))
        else:
            for name, value in found.facts.items():
                typer.echo(one_line(f"{name}: {_flat(value)}"))
            for problem in found.problems:
                typer.echo(one_line(f"problem: {problem}"))
            typer.echo(f"{len(found.problems) or 'no'} problem{'s' if len(found.problems) != 1 else ''} found")
        if found.problems:
            raise typer.Exit(ExitCode.FAILED)


def _flat(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def formats(as_json: _Json = False) -> None:
    """List the formats that can be read and written on this machine."""
    with user_errors(), quiet_decoders():
        import soundfile  # noqa: PLC0415

        from mp3restore.audio.external import system_decoders  # noqa: PLC0415

        own = sorted(soundfile.available_formats())
        others = system_decoders()
        written = {"flac": ["16", "24"], "wav": ["16", "24", "32f"]} | {name: [] for name in sorted(LOSSY)}
        if as_json:
            typer.echo(json.dumps({"schema": 1, "libsndfile": own, "audioread": others, "written": written}))
            return
        typer.echo(f"read by libsndfile {soundfile.__libsndfile_version__}: {', '.join(own)}")
        typer.echo(f"read by the system's decoders, AAC and others: {', '.join(others) or 'none (install ffmpeg)'}")
        for name, depths in written.items():
            typer.echo(f"written: {name}, " + (f"--bit-depth {', '.join(depths)}" if depths else "coded once more"))


def bench(
    source: Annotated[
        Path | None, typer.Argument(metavar="[INPUT]", help="The file to restore (default: synthetic music).")
    ] = None,
    seconds: Annotated[int, typer.Option(min=1, help="Length of the synthetic music.")] = 240,
    model: Annotated[str | None, typer.Option(help="Name of a model, or its folder.")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads of the generator (default: at most 4).")] = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Show the processor time of the stages, which adds up to the whole.")
    ] = False,
) -> None:
    """Measure how long each stage takes from an MP3 to a FLAC file, which is then deleted."""
    with user_errors(), quiet_decoders():
        from mp3restore.diagnostics.bench import run_bench  # noqa: PLC0415 - keeps --help quick

        report = run_bench(source, seconds=seconds, model=model, threads=threads)
        typer.echo(f"{report.duration:.1f} s of music at {report.sample_rate} Hz, {report.channels} channels")
        (_show_profile if profile else _show_speeds)(report)
        if report.peak_mib is not None:
            typer.echo(f"peak memory {report.peak_mib:.0f} MiB")


def _show_speeds(report: BenchReport) -> None:
    typer.echo(f"{'stage':<12}{'seconds':>9}{'x real time':>13}")
    for stage in (*report.stages, report.whole):
        speed = f"{report.duration / stage.seconds:.0f}" if stage.seconds else "-"
        typer.echo(f"{stage.name:<12}{stage.seconds:>9.2f}{speed:>13}")
    typer.echo("The stages run at the same time in several threads: together they take longer than the whole run.")


def _show_profile(report: BenchReport) -> None:
    typer.echo(f"{'stage':<12}{'processor s':>12}{'share':>8}{'clock s':>10}")
    total = report.start.processor_s + report.whole.processor_s
    for stage in (report.start, *report.stages, report.rest):
        clock = f"{stage.seconds:.2f}" if stage.seconds else "-"
        typer.echo(f"{stage.name:<12}{stage.processor_s:>12.2f}{stage.processor_s / total:>8.0%}{clock:>10}")
    typer.echo(f"{'all':<12}{total:>12.2f}{1:>8.0%}{report.whole.seconds:>10.2f}")
    typer.echo(
        f"Decoding, transforming, inverting and encoding alone take {report.floor_s:.2f} s: the run takes"
        f" {report.whole.processor_s / report.floor_s:.1f} times that. Processor time is that of all threads together."
    )


@models_app.command("list")
def list_names() -> None:
    """List the names of the models."""
    with user_errors():
        from mp3restore.generator.model import list_models  # noqa: PLC0415 - keeps --help quick

        for name in list_models():
            typer.echo(name)


@models_app.command()
def show(
    name: _Name = None,
    scores: Annotated[bool, typer.Option("--scores", help="Show the tables of scores as well.")] = False,
) -> None:
    """Show a model's card: training data, licences, limits and, with --scores, the scores of all conditions."""
    with user_errors():
        from mp3restore.generator.model import load_model  # noqa: PLC0415

        sections = load_model(name).card().strip().split("\n## ")
        kept = [each for each in sections if scores or not each.startswith("Scores\n")]
        typer.echo("\n## ".join(kept))
        if len(kept) < len(sections):
            typer.echo("\nThe scores are left out; --scores shows them.")


@models_app.command()
def verify(name: _Name = None) -> None:
    """Check the files of a model, or of all models, against their hashes."""
    with user_errors():
        from mp3restore.generator.model import list_models, load_model  # noqa: PLC0415

        for each in [name] if name else list_models():
            model = load_model(each)
            typer.echo(f"{model.name}: intact, SHA-256 {model.sha256}")
