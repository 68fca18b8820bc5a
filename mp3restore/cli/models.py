"""``mp3restore models``: which models there are, what they say about themselves, whether they are intact."""

from __future__ import annotations

from typing import Annotated

import typer

from mp3restore.cli.terminal import user_errors

__all__ = ["models_app"]

models_app = typer.Typer(help="Show and check the models.", no_args_is_help=True, add_completion=False)

_Name = Annotated[str | None, typer.Argument(metavar="[MODEL]", help="Name or folder (default: the default model).")]


@models_app.command("list")
def list_names() -> None:
    """List the names of the models."""
    with user_errors():
        from mp3restore.generator.model import list_models  # noqa: PLC0415 - keeps --help quick

        for name in list_models():
            typer.echo(name)


@models_app.command()
def show(name: _Name = None) -> None:
    """Show a model's card: training data, licences, scores, limits."""
    with user_errors():
        from mp3restore.generator.model import load_model  # noqa: PLC0415

        typer.echo(load_model(name).card())


@models_app.command()
def verify(name: _Name = None) -> None:
    """Check a model's files, or those of all models, against their hashes."""
    with user_errors():
        from mp3restore.generator.model import list_models, load_model  # noqa: PLC0415

        for each in [name] if name else list_models():
            model = load_model(each)
            typer.echo(f"{model.name}: intact, SHA-256 {model.sha256}")
