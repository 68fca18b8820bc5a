"""The command ``mp3restore-train``: prepare, fit, export, evaluate."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mp3restore.errors import MissingExtraError, Mp3RestoreError

app = typer.Typer(help="Train generators for mp3restore.", no_args_is_help=True, pretty_exceptions_enable=False)

Corpus = Annotated[Path, typer.Argument(help="Folder of recordings, with or without a manifest.tsv.")]
Data = Annotated[Path, typer.Argument(help="Prepared data set.")]
Run = Annotated[Path, typer.Argument(help="Folder of the training run.")]


@app.command()
def prepare(
    corpus: Corpus,
    data: Data,
    seconds: Annotated[float, typer.Option(help="Length of an excerpt in seconds.")] = 10.0,
    excerpts: Annotated[int, typer.Option(help="Most excerpts per recording.")] = 2,
    encodes: Annotated[int, typer.Option(help="Encodes per excerpt.")] = 2,
    hits: Annotated[Path | None, typer.Option(help="Folder of drum hits with a hits.tsv, to lay over music.")] = None,
    voices: Annotated[bool, typer.Option("--voices", help="Also lay voices of the corpus over its music.")] = False,
    jobs: Annotated[int | None, typer.Option(help="Processes; all cores by default.")] = None,
) -> None:
    """Compress recordings with lame and ffmpeg, and store aligned pairs."""
    from mp3restore.training.data.prepare import prepare as run  # noqa: PLC0415 - commands import what they need

    count = run(corpus, data, seconds=seconds, excerpts=excerpts, encodes=encodes, hits=hits, voices=voices, jobs=jobs)
    typer.echo(f"{count} pairs in {data}")


class Networks(StrEnum):
    """The networks to train."""

    ours = "ours"
    paper = "paper"


@app.command()
def fit(
    data: Data,
    run: Run,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps of the whole run.")] = None,
    batch: Annotated[int | None, typer.Option(help="Segments per process and step.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Stop after this time; run again to continue.")] = None,
    start: Annotated[Path | None, typer.Option("--from", help="Checkpoint or model folder to start from.")] = None,
    networks: Annotated[Networks, typer.Option(help="Our networks or the paper's.")] = Networks.ours,
    config: Annotated[Path | None, typer.Option(help="JSON like a run's config.json, complete or in part.")] = None,
) -> None:
    """Train a generator, or continue a run. Use ``torchrun -m mp3restore.training.cli fit`` for several processes."""
    from dataclasses import replace  # noqa: PLC0415

    from mp3restore.training.configs import read_config  # noqa: PLC0415
    from mp3restore.training.fit.loop import fit as train  # noqa: PLC0415
    from mp3restore.training.fit.trainer import FitConfig  # noqa: PLC0415
    from mp3restore.training.paper.networks import PaperConfig  # noqa: PLC0415

    wanted: FitConfig | PaperConfig = PaperConfig() if networks is Networks.paper else FitConfig()
    if config is not None:
        wanted = read_config(config, wanted)
    wanted = replace(wanted, steps=steps or wanted.steps, batch=batch or wanted.batch)
    reached = train(data, run, wanted, minutes=minutes, start=start)
    typer.echo(f"step {reached} of {wanted.steps}")


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Argument(help="checkpoint.pt of a run.")],
    folder: Annotated[Path, typer.Argument(help="Model folder to write.")],
    name: Annotated[str, typer.Option(help="Name of the model.")],
    version: Annotated[str, typer.Option(help="Version of the model.")],
    variety: Annotated[float, typer.Option(help="What z is multiplied by where a file is restored once.")] = 1.0,
) -> None:
    """Write a model folder from a checkpoint, after checking ONNX Runtime against PyTorch."""
    from mp3restore.training.export.export import export as run  # noqa: PLC0415
    from mp3restore.training.export.export import record  # noqa: PLC0415

    result = run(checkpoint, folder, name=name, version=version, variety=variety)
    record(result, checkpoint.parent)
    parity = f"largest difference from PyTorch {result.largest_error:.1e} of the peak"
    typer.echo(
        f"{folder}: step {result.step}, {parity}; error of eight-bit products {result.precision_db:.0f} dB below"
    )


@app.command()
def evidence(
    data: Data,
    folder: Annotated[Path, typer.Argument(help="Model folder.")],
    pairs: Annotated[int, typer.Option(help="About how many pairs to use.")] = 400,
) -> None:
    """Learn from pairs how far to go where, and write it into a model folder."""
    from mp3restore.training.fit.evidence import fit_evidence  # noqa: PLC0415

    weights = fit_evidence(data, folder, pairs=pairs)
    typer.echo(f"{folder}: {', '.join(f'{weight:g}' for weight in weights)}")


@app.command()
def pictures(
    data: Data,
    run: Run,
    clips: Annotated[int, typer.Option(help="Validation clips.")] = 3,
) -> None:
    """Draw a run's learning curve (curves.png) and validation clips (clips.png), and score these (validation.csv)."""
    from mp3restore.training.fit.validation import validate  # noqa: PLC0415

    validate(data, run, count=clips)
    typer.echo(f"{run / 'curves.png'}, {run / 'clips.png'}, {run / 'validation.csv'}")


@app.command()
def evaluate(
    corpus: Corpus,
    model: Annotated[str, typer.Option(help="Name or folder of the model.")],
    json_path: Annotated[Path, typer.Option("--json", help="File to write the scores to.")],
    html_path: Annotated[Path | None, typer.Option("--html", help="Web page to write them to.")] = None,
    split: Annotated[str, typer.Option(help="Split of the recordings to use.")] = "test",
    clips: Annotated[int, typer.Option(help="Most clips per condition.")] = 40,
    full_clips: Annotated[int, typer.Option(help="Number of these on which all systems run.")] = 4,
    condition: Annotated[list[str] | None, typer.Option(help="Only these conditions.")] = None,
    hits: Annotated[Path | None, typer.Option(help="Folder of drum hits, to judge rhythms of them as well.")] = None,
    paper: Annotated[list[Path] | None, typer.Option(help="Checkpoint of the paper's networks; up to two.")] = None,
    perceptual: Annotated[bool, typer.Option(help="Also ViSQOL and Zimtohrli.")] = True,
    quick: Annotated[
        bool, typer.Option("--quick", help="12 clips, 3 of them on all systems, in five conditions.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the random draw.")] = 0,
    jobs: Annotated[int, typer.Option(help="Processes.")] = 2,
) -> None:
    """Score a model on held-out recordings, next to the unprocessed MP3 and other systems."""
    from mp3restore.training.evaluation.evaluate import QUICK_CONDITIONS, EvaluationConfig, write_json  # noqa: PLC0415
    from mp3restore.training.evaluation.evaluate import evaluate as run  # noqa: PLC0415
    from mp3restore.training.evaluation.tables import markdown, page, table  # noqa: PLC0415

    if quick:
        clips, full_clips, condition = min(clips, 12), min(full_clips, 3), condition or list(QUICK_CONDITIONS)
    config = EvaluationConfig(
        corpus, model, split=split, clips=clips, full_clips=full_clips, conditions=tuple(condition or ()),
        hits=hits, perceptual=perceptual, papers=tuple(paper or ()), seed=seed,
    )  # fmt: skip
    result = run(config, jobs=jobs)
    write_json(result, json_path)
    if html_path is not None:
        html_path.write_text(page(result), encoding="utf-8")
    typer.echo(markdown(table(result["summary"])))


@app.command()
def card(
    json_path: Annotated[Path, typer.Argument(help="Scores that `evaluate` wrote.")],
    folder: Annotated[Path, typer.Argument(help="Model folder to write MODEL_CARD.md into.")],
    run: Run,
) -> None:
    """Write the model card from the scores and the log of the run."""
    from mp3restore.training.evaluation.tables import write_card  # noqa: PLC0415

    write_card(json_path, folder, run)


def main() -> None:
    """Run the command; turn `Mp3RestoreError`, and packages that are missing, into one line and an exit code."""
    try:
        try:
            app()
        except ModuleNotFoundError as error:
            if error.name is None or error.name.startswith("mp3restore"):
                raise
            hint = "pip install 'mp3restore[train,eval]'"
            raise MissingExtraError(f"this command needs {error.name}", hint=hint) from error
    except Mp3RestoreError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
