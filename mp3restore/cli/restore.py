"""The default command: restore files."""

from __future__ import annotations

from mp3restore.cli import options as o
from mp3restore.cli.options import OnExists
from mp3restore.cli.terminal import quiet_decoders, user_errors
from mp3restore.errors import UsageError
from mp3restore.options import DEFAULT_MAX_KBPS, RunOptions

__all__ = ["restore"]


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
    bit_depth: o.Depth = None,
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
    variant: o.Variant = None,
    deterministic: o.Deterministic = False,
    no_consistency: o.NoConsistency = False,
    strength: o.Strength = None,
    variety: o.Variety = None,
    max_bitrate: o.MaxBitrate = DEFAULT_MAX_KBPS,
    model: o.ModelName = None,
    jobs: o.Jobs = None,
    threads: o.Threads = None,
    device: o.OnDevice = "auto",
    cluster: o.Cluster = None,
    json: o.Json = False,
    quiet: o.Quiet = 0,
    verbose: o.Verbose = 0,
    progress: o.Progress = None,
    log_file: o.LogFile = None,
    report: o.Report = None,
    preview: o.Preview = None,
    config: o.Config = None,  # noqa: ARG001 - its callback does the work
    version: o.Version = False,  # noqa: ARG001
) -> None:
    """Restore heavily compressed MP3s: bring back their treble and fill the holes that the codec left."""
    # When the result goes to stdout, events must not.
    reported = json and output != "-"
    with user_errors(verbosity=verbose - quiet, as_json=reported), quiet_decoders(active=verbose < 2):
        from mp3restore.batch.task import ResultOptions  # noqa: PLC0415 - keeps --help quick
        from mp3restore.cli.run import ExecutionOptions, InputOptions, run  # noqa: PLC0415
        from mp3restore.cli.show import OutputOptions  # noqa: PLC0415
        from mp3restore.generator.model import load_model  # noqa: PLC0415

        if variant is not None and (variants != 1 or deterministic):
            raise UsageError(
                "--variant draws one of many restorations", hint="leave out --variants and --deterministic"
            )
        if quiet and verbose:
            raise UsageError("--quiet and --verbose contradict each other")
        options = RunOptions(
            seed=seed, deterministic=deterministic, sample_rate=sample_rate, consistency=not no_consistency,
            strength=strength, variety=variety, tags=tags, preserve_mtime=preserve_mtime,
        )  # fmt: skip
        results = ResultOptions(
            model=load_model(model), run=options, container=container, bit_depth=bit_depth, variants=variants,
            variant=variant or 1, template=template, flatten=flatten, max_kbps=max_bitrate,
            on_exists=_policy(on_exists, skip_existing=skip_existing, force=force),
        )  # fmt: skip
        sources = InputOptions(
            inputs=inputs or [], files_from=files_from or [], recursive=recursive, include=include or [],
            exclude=exclude or [], output=output, raw=raw,
        )  # fmt: skip
        execution = ExecutionOptions(
            jobs=jobs, threads=threads, device=device, fail_fast=fail_fast, dry_run=dry_run, cluster=cluster
        )
        shown = OutputOptions(verbosity=verbose - quiet, json=json, progress=progress, log_file=log_file)
        if preview is not None:
            from mp3restore.cli.preview import show_preview  # noqa: PLC0415

            if report is not None:
                raise UsageError("--preview makes a page of its own", hint="leave out --report, or --preview")
            show_preview(sources, results, execution, shown, preview)
            return
        run(sources, results, execution, shown, report=report)


def _policy(on_exists: OnExists | None, *, skip_existing: bool, force: bool) -> OnExists | None:
    """Return the policy for existing results, which any of three options can set."""
    given: set[OnExists | None] = {on_exists, "skip" if skip_existing else None, "overwrite" if force else None}
    given.discard(None)
    if len(given) > 1:
        raise UsageError("--on-exists, --skip-existing and --force contradict each other")
    return given.pop() if given else None
