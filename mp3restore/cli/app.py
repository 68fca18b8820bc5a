"""The Typer application: all commands, and which of them is the default."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from mp3restore.cli.config import ENVIRONMENT_PREFIX, ConfiguredCommand, config_app
from mp3restore.cli.help import BARE, RestoreCommand, mistyped, show_guide
from mp3restore.cli.info import bench, doctor, formats, models_app
from mp3restore.cli.inspect import inspect
from mp3restore.cli.pages import listen_test, plot, report
from mp3restore.cli.repair import repair
from mp3restore.cli.restore import restore
from mp3restore.cli.services import serve, watch
from mp3restore.cli.terminal import message
from mp3restore.cli.usage import CommandLineError, usage_message
from mp3restore.errors import ExitCode

__all__ = ["app"]

_DEFAULT_COMMAND = "restore"
_OWN_OPTIONS = ("--install-completion", "--show-completion")


class _DefaultGroup(TyperGroup):
    """A command group with a default: arguments that do not begin with a command go to it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - a class of Click's, which Typer hides
        """Put the default command in front of arguments that do not begin with a command."""
        if any(each == "" or (each.startswith("--") and each.endswith("=")) for each in args):
            ctx.fail("an argument is empty; is a shell variable not set?")
        if not args and not ctx.resilient_parsing:
            typer.echo(BARE, nl=False)
            raise typer.Exit
        if (
            args
            and args[0] not in (*self.commands, *_OWN_OPTIONS)
            and not (ctx.resilient_parsing and args == ["--help"])
        ):
            if (meant := mistyped(args[0], self.commands)) is not None:
                message(f"mp3restore: there is no file or command '{args[0]}': did you mean 'mp3restore {meant}'?")
                raise typer.Exit(ExitCode.USAGE)
            args = [_DEFAULT_COMMAND, *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401
        """Run the command; report mistakes in its arguments in our own words."""
        try:
            return super().invoke(ctx)
        except CommandLineError as error:
            if type(error).__name__ == "NoArgsIsHelpError":  # a group of commands without one
                typer.echo(error)
                raise typer.Exit from error
            message(usage_message(error))
            raise typer.Exit(ExitCode.USAGE) from error

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:  # noqa: ANN401
        """Complete the first word to a command or to an option of the default command."""
        default = self.commands[_DEFAULT_COMMAND]
        inner = default.make_context(_DEFAULT_COMMAND, [], parent=ctx, resilient_parsing=True)
        return [*super().shell_complete(ctx, incomplete), *default.shell_complete(inner, incomplete)]


# By Click: MP3RESTORE_SEED and so on.
_FROM_ENVIRONMENT = {"auto_envvar_prefix": ENVIRONMENT_PREFIX}

# Errors that have a message for the user are caught elsewhere. For the others Typer shows a traceback, without locals:
# arrays would flood the terminal. Without Rich's boxes, --help takes a quarter less time.
app = typer.Typer(
    cls=_DefaultGroup,
    pretty_exceptions_show_locals=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(_DEFAULT_COMMAND, cls=RestoreCommand, context_settings=_FROM_ENVIRONMENT)(restore)
app.command("bench")(bench)
app.command("listen-test")(listen_test)
app.command("plot")(plot)
app.command("repair")(repair)
app.command("report")(report)
app.command("serve")(serve)
app.command("watch", cls=ConfiguredCommand, context_settings=_FROM_ENVIRONMENT)(watch)
app.command("inspect")(inspect)
app.command("formats")(formats)
app.command("doctor")(doctor)
app.command("help")(show_guide)
app.add_typer(config_app, name="config")
app.add_typer(models_app, name="models")
