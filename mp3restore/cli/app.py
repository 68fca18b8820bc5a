"""The Typer application: which commands there are."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from mp3restore.cli.config import ENVIRONMENT_PREFIX, ConfiguredCommand, config_app
from mp3restore.cli.info import bench, doctor, formats, inspect, models_app
from mp3restore.cli.pages import listen_test, plot, report
from mp3restore.cli.restore import RestoreCommand, restore
from mp3restore.cli.services import serve, watch

__all__ = ["app"]

_DEFAULT_COMMAND = "restore"
_OWN_OPTIONS = ("--install-completion", "--show-completion")


class _DefaultGroup(TyperGroup):
    """A group whose commands are optional: what names none is for the default one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - a class of Click's, which Typer hides
        """Put the default command in front of arguments that do not begin with a command."""
        if not args:
            args = ["--help"]
        if any(each == "" or (each.startswith("--") and each.endswith("=")) for each in args):
            ctx.fail("an argument is empty; is a variable of the shell not set?")
        if args[0] not in (*self.commands, *_OWN_OPTIONS) and not (ctx.resilient_parsing and args == ["--help"]):
            args = [_DEFAULT_COMMAND, *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:  # noqa: ANN401
        """Complete the first word to a command or to an option of the default one."""
        default = self.commands[_DEFAULT_COMMAND]
        inner = default.make_context(_DEFAULT_COMMAND, [], parent=ctx, resilient_parsing=True)
        return [*super().shell_complete(ctx, incomplete), *default.shell_complete(inner, incomplete)]


# By Click: MP3RESTORE_SEED and so on.
_FROM_ENVIRONMENT = {"auto_envvar_prefix": ENVIRONMENT_PREFIX}

# Errors are caught where they have a line for the user; Typer's own traceback shows what is left, without locals:
# arrays would flood the terminal. Help without Rich's boxes comes a quarter sooner.
app = typer.Typer(cls=_DefaultGroup, pretty_exceptions_show_locals=False, rich_markup_mode=None)
app.command(
    _DEFAULT_COMMAND,
    cls=RestoreCommand,
    context_settings=_FROM_ENVIRONMENT,
    epilog="Other commands, each with a --help of its own: 'models' shows and checks the models, "
    "'bench' measures the speed on this machine, 'report' makes a page to hear and see what changed, 'plot' a picture, "
    "'listen-test' a blind listening test, 'serve' a local web page; "
    "'watch' restores what is put into a folder, 'inspect' says what an MP3 has lost, 'formats' "
    "what can be read, 'doctor' what is wrong here, 'config' where options come from. "
    "--install-completion teaches your shell all this.",
)(restore)
app.command("bench")(bench)
app.command("listen-test")(listen_test)
app.command("plot")(plot)
app.command("report")(report)
app.command("serve")(serve)
app.command("watch", cls=ConfiguredCommand, context_settings=_FROM_ENVIRONMENT)(watch)
app.command("inspect")(inspect)
app.command("formats")(formats)
app.command("doctor")(doctor)
app.add_typer(config_app, name="config")
app.add_typer(models_app, name="models")
