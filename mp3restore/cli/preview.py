"""``--preview``: restore twenty seconds, and show them in the browser."""

from __future__ import annotations

import hashlib
import os
import sys
import webbrowser
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import typer

from mp3restore.audio.clip import Clip, cut_clip
from mp3restore.audio.decode import open_audio
from mp3restore.audio.source import AudioSource
from mp3restore.batch.events import Done, Event, Left
from mp3restore.batch.plan import name_results, plan_batch
from mp3restore.batch.sources import Source
from mp3restore.batch.task import ResultOptions, Task
from mp3restore.batch.urls import is_url
from mp3restore.cli.pipes import STREAM, temporary_folder
from mp3restore.cli.run import ExecutionOptions, InputOptions, carry_out
from mp3restore.cli.run_pages import restore_command
from mp3restore.cli.show import OutputOptions, RunReporter
from mp3restore.cli.start import PreviewStart
from mp3restore.cli.terminal import check_output, clock, message
from mp3restore.errors import Mp3RestoreError, NothingToRestoreError, UsageError
from mp3restore.files import output_error
from mp3restore.inspection.bitstream import open_bitstream
from mp3restore.inspection.damaged import most_damaged
from mp3restore.inspection.strength import warranted_strength
from mp3restore.job import Job, lay_out
from mp3restore.report.page import write_report
from mp3restore.report.request import ReportRequest

__all__ = ["show_preview"]

_SECONDS: Final = 20.0
# The restoration begins earlier, and ends later, than what is heard: its beginning has no past to build on.
_MARGIN: Final = 1.0
_LEAST_HEARD: Final = 1.0
# So many pages of earlier previews stay where the browser finds them.
_PAGES_KEPT: Final = 10


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a song: where it begins in seconds, and what was cut out for it."""

    song: Path
    start: float
    clip: Clip

    @property
    def lead(self) -> float:
        """Seconds of what was cut out that are not heard."""
        return max(0.0, min(self.start - self.clip.start, self.clip.duration - _LEAST_HEARD))


def show_preview(
    inputs: InputOptions,
    results: ResultOptions,
    execution: ExecutionOptions,
    output: OutputOptions,
    start: PreviewStart,
) -> None:
    """Restore a part of one file, make a page of it, and open that in the browser.

    Parameters
    ----------
    inputs : InputOptions
        As for `run`, like the next two.
    results : ResultOptions
        How to restore.
    execution : ExecutionOptions
        How to work.
    output : OutputOptions
        What to tell.
    start : PreviewStart
        Where the part begins.

    Raises
    ------
    UsageError
        If this is not one file, if it ends before `start`, or if other options contradict a preview.
    NothingToRestoreError
        If the file would be left as it is.
    Mp3RestoreError
        If the file cannot be read or restored, or the page cannot be written.
    """
    song = _only_input(inputs, execution, output)
    overwrite = results.on_exists == "overwrite"
    if inputs.output is not None:
        check_output(Path(inputs.output), [song], overwrite=overwrite)
    _check_losses(song, results)
    with temporary_folder() as folder:
        with open_audio(song) as source:
            begin = most_damaged(source, _SECONDS) if start.seconds is None else start.seconds
        with open_audio(song) as source:
            part = _Part(song, begin, _cut(source, begin, folder / song.stem))
            like_the_whole = _as_for_the_whole(source, part.clip, results)
        tasks, warnings = _restore(part, like_the_whole, execution, output)
        page = _page_in_cache(part) if inputs.output is None else Path(inputs.output)
        request = _request(part, tasks, results, page)
        warnings += write_report(request, page, overwrite=overwrite or inputs.output is None)
    if output.verbosity >= 0:
        for warning in warnings:
            message(f"{song.name}: {warning}")
        heard = f"{request.duration:.0f} s of {song.name} from {clock(request.begins + (request.start or 0.0))}"
        message(f"{page}: {heard}, {page.stat().st_size / 1e6:.1f} MB")
    _open(page, output)


def _only_input(inputs: InputOptions, execution: ExecutionOptions, output: OutputOptions) -> Path:
    """Return the file to preview; refuse what makes no sense together with a preview."""
    contradictions = {
        "--files-from": inputs.files_from, "--dry-run": execution.dry_run, "--cluster": execution.cluster,
        "--json": output.json, "--raw": inputs.raw,
    }  # fmt: skip
    for name, given in contradictions.items():
        if given:
            raise UsageError(f"--preview and {name} contradict each other")
    if len(inputs.inputs) != 1:
        raise UsageError(
            f"--preview takes one file, not {len(inputs.inputs)}", hint="name one MP3; a time is 90 or 1:30"
        )
    name = inputs.inputs[0]
    if name == STREAM or is_url(name):
        raise UsageError("--preview takes a file of this computer", hint="save it as a file, and name that")
    song = Path(name)
    if song.is_dir():
        raise UsageError("is a folder, and --preview takes one file", path=song, hint="name an MP3 in it")
    if inputs.output is not None and Path(inputs.output).suffix.lower() != ".html":
        raise UsageError(
            f"'{inputs.output}' is not the name of a page", hint="--preview writes a page: end its name in .html"
        )
    return song


def _check_losses(song: Path, results: ResultOptions) -> None:
    """Refuse a file that a run would leave as it is."""
    named = name_results([Source(song)], replace(results, output=None, template=None), into_folder=False)
    if named[0].action == "left":
        raise NothingToRestoreError(named[0].reason, path=song)


def _cut(source: AudioSource, start: float, target: Path) -> Clip:
    try:
        return cut_clip(source, target, start=start, duration=_SECONDS, margin=_MARGIN)
    except Mp3RestoreError:
        raise  # some are OSErrors too
    except OSError as error:
        raise output_error(error, target) from error


def _as_for_the_whole(source: AudioSource, clip: Clip, results: ResultOptions) -> ResultOptions:
    """Let the part be restored as far as the whole file is: by its mean bitrate, which the part need not have."""
    results = replace(results, max_kbps=sys.maxsize, template=None, flatten=True, on_exists=None)
    if results.run.strength is not None or source.kbps is None:
        return results
    with open_audio(clip.path) as part:
        bitstream = open_bitstream(part)
    strength = warranted_strength(source, source.kbps, mapped=bitstream is not None and bitstream.believed)
    return replace(results, run=replace(results.run, strength=strength))


def _restore(
    part: _Part, results: ResultOptions, execution: ExecutionOptions, output: OutputOptions
) -> tuple[list[Task], tuple[str, ...]]:
    """Restore the part, beside it; returns what was done, and warnings about it."""
    tasks = plan_batch([Source(part.clip.path)], replace(results, output=None), into_folder=False)
    warnings: dict[str, None] = {}
    left: list[str] = []
    # The names and sizes of temporary files are nobody's business, except with -v.
    shown = output
    if output.verbosity == 0:
        shown = replace(output, verbosity=-1, progress=output.progress is not False)
    with RunReporter(shown, hidden=part.clip.path.parent) as reporter:

        def tell(event: Event) -> None:
            if isinstance(event, Done):
                warnings.update(dict.fromkeys(event.result.warnings))
            if isinstance(event, Left):
                left.append(event.reason)
            else:
                reporter.tell(event)

        code = carry_out(tasks, results, execution, reporter, tell)
    if left:
        raise NothingToRestoreError(left[0], path=part.song)
    if code:
        raise typer.Exit(code)
    return tasks, tuple(warnings)


def _request(part: _Part, tasks: list[Task], results: ResultOptions, page: Path) -> ReportRequest:
    """Return what is on the page; its names and commands are about the whole song."""
    song, clip = part.song, part.clip
    jobs = lay_out(song, container=results.container, bit_depth=results.bit_depth, variants=results.variants)
    if results.variants == 1:
        jobs = [replace(jobs[0], variant=results.variant)]
    made = {task.job.target: job for task, job in zip(tasks, jobs, strict=True)}
    to_page = Job(song, page, jobs[0].output_format, variant=jobs[0].variant)
    again = restore_command(results, to_page, variants=results.variants).command
    return ReportRequest(
        clip.path,
        list(made),
        start=part.lead,
        duration=min(_SECONDS, clip.duration - part.lead),
        origins={target: restore_command(results, job) for target, job in made.items()},
        names={clip.path: song.name, **{target: job.target.name for target, job in made.items()}},
        begins=clip.start,
        again=f"{again} --preview={part.start:g}",
    )


def _page_in_cache(part: _Part) -> Path:
    """Return where the browser finds the page, also after the end of this process; old pages are removed."""
    import platformdirs  # noqa: PLC0415 - slow

    folder = platformdirs.user_cache_path("mp3restore", appauthor=False) / "previews"
    # Songs of one name in several folders have pages of their own.
    mark = hashlib.sha256(os.fsencode(part.song.absolute())).hexdigest()[:8]
    page = folder / f"{part.song.stem[:40]}-{mark}-{part.start:.0f}s.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        pages = sorted(folder.glob("*.html"), key=lambda each: each.stat().st_mtime, reverse=True)
    except OSError as error:
        raise output_error(error, page) from error
    for old in [each for each in pages if each != page][_PAGES_KEPT - 1 :]:
        with suppress(OSError):
            old.unlink()
    return page


def _open(page: Path, output: OutputOptions) -> None:
    """Open the page in the browser, if there is one that the user can see."""
    remote = "SSH_CONNECTION" in os.environ
    screen = sys.platform != "linux" or not os.environ.keys().isdisjoint(("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
    if screen and not remote and webbrowser.open(page.absolute().as_uri()):
        return
    if output.verbosity >= 0:
        message("mp3restore: no browser could be opened; open the page above in one")
