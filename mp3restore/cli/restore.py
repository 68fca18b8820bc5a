"""The default command: restore files."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

from mp3restore.cli import options as o
from mp3restore.cli.report import quiet_decoders, user_errors
from mp3restore.errors import UsageError
from mp3restore.options import RunOptions

__all__ = ["RestoreCommand", "restore"]


class RestoreCommand(TyperCommand):
    """The command that needs no name, so that its usage line shows none."""

    def format_usage(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - of Click's, which Typer hides since 0.26
        """Write the usage line."""
        formatter.write_usage("mp3restore", " ".join(self.collect_usage_pieces(ctx)))


def restore(  # noqa: PLR0917 - one parameter per option
    inputs: o.Inputs = None,
    output: o.Output = None,
    files_from: o.FilesFrom = None,
    recursive: o.Recursive = True,
    include: o.Include = None,
    exclude: o.Exclude = None,
    template: o.Template = None,
    flatten: o.Flatten = False,
    container: o.Format = None,
    bit_depth: o.Depth = "24",
    sample_rate: o.SampleRate = None,
    raw: o.Raw = False,
    on_exists: o.Exists = None,
    skip_existing: o.SkipExisting = False,
    force: o.Force = False,
    fail_fast: o.FailFast = False,
    dry_run: o.DryRun = False,
    tags: o.Tagged = True,
    preserve_mtime: o.PreserveMtime = False,
    seed: o.Seed = 0,
    variants: o.Variants = 1,
    deterministic: o.Deterministic = False,
    no_consistency: o.NoConsistency = False,
    strength: o.Strength = None,
    variety: o.Variety = None,
    max_bitrate: o.MaxBitrate = 192,
    model: o.ModelName = None,
    jobs: o.Jobs = 1,
    threads: o.Threads = None,
    device: o.OnDevice = "auto",
    cluster: o.Cluster = None,
    json: o.Json = False,
    quiet: o.Quiet = 0,
    verbose: o.Verbose = 0,
    progress: o.Progress = None,
    log_file: o.LogFile = None,
    report: o.Report = None,
    config: o.Config = None,  # noqa: ARG001 - its callback does the work
    version: o.Version = False,  # noqa: ARG001
) -> None:
    """Restore heavily compressed MP3s: give back their treble and fill the holes that the codec left."""
    # What stdout is asked for as well is not to get our events.
    reported = json and output != "-"
    with user_errors(verbosity=verbose - quiet, as_json=reported), quiet_decoders(active=verbose < 2):
        from mp3restore.cli.run import Look, Machine, Names, Wishes, run  # noqa: PLC0415 - keeps --help quick

        if quiet and verbose:
            raise UsageError("--quiet and --verbose contradict each other")
        names = Names(inputs or [], files_from or [], recursive, include or [], exclude or [], output, raw)
        how = RunOptions(seed, deterministic, sample_rate, not no_consistency, strength, tags, preserve_mtime, variety)
        wishes = Wishes(
            how, model, container, bit_depth, template, flatten, variants, max_bitrate, on_exists, skip_existing, force
        )
        machine = Machine(jobs, threads, device, fail_fast, dry_run, cluster)
        run(names, wishes, machine, Look(verbose - quiet, json, progress, log_file), report=report)
