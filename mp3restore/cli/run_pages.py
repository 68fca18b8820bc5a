"""Reports of a whole run: a page for each file that was restored."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from mp3restore.batch.events import Done, Event
from mp3restore.batch.task import ResultOptions, Task
from mp3restore.errors import OutputExistsError, UsageError
from mp3restore.files import output_error
from mp3restore.job import Job

__all__ = ["Pages", "restore_command"]

_MOST_VARIANTS = 8  # with the MP3 one for each key


class Pages:
    """Listens to a run, and writes its pages afterwards.

    Parameters
    ----------
    folder : Path
        Where the pages go; it is made if need be.
    tasks : sequence of Task
        The plan.
    results : ResultOptions
        What it was made for.

    Raises
    ------
    UsageError
        If there are more variants than a page can hold.
    OutputExistsError
        If a page is there already and may not be overwritten.
    OutputError
        If the folder cannot be made.
    """

    def __init__(self, folder: Path, tasks: Sequence[Task], results: ResultOptions) -> None:
        if results.variants > _MOST_VARIANTS:
            raise UsageError(f"a report can hold {_MOST_VARIANTS} variants, not {results.variants}")
        self._results = results
        self._overwrite = results.on_exists == "overwrite"
        self._jobs = [task.job for task in tasks]
        self._done: dict[Path, list[Job]] = {}
        self._pages: dict[Path, Path] = {}
        for source in dict.fromkeys(task.job.source for task in tasks if task.action in ("restore", "overwrite")):
            self._pages[source] = self._free_name(folder, source.stem)
        for page in self._pages.values():
            if os.path.lexists(page) and not self._overwrite:
                raise OutputExistsError("exists already", path=page, hint="--force overwrites it")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(error, folder) from error

    def _free_name(self, folder: Path, stem: str) -> Path:
        """Name a page so that files of one name in several folders get one each."""
        taken = set(self._pages.values())
        number = 1
        while (page := folder / (f"{stem}.html" if number == 1 else f"{stem}-{number}.html")) in taken:
            number += 1
        return page

    def listen(self, tell: Callable[[Event], None]) -> Callable[[Event], None]:
        """Give what passes events on to `tell` and takes note of the results."""

        def take(event: Event) -> None:
            if isinstance(event, Done):
                self._done.setdefault(event.source, []).append(self._jobs[event.index])
            tell(event)

        return take

    def write(self, note: Callable[[str], None]) -> None:
        """Write the pages of what was restored, and tell `note` their names.

        Raises
        ------
        InputError, OutputError
            If a file cannot be read any more, or a page not be written.
        """
        if not self._done:
            note("no report: nothing was restored this time")
            return
        from mp3restore.report.page import ReportRequest, write_report  # noqa: PLC0415 - slow, and only needed here

        for source, jobs in self._done.items():
            results = [job.target for job in sorted(jobs, key=lambda job: job.variant)]
            origins = {job.target: restore_command(self._results, job) for job in jobs}
            page = self._pages[source]
            write_report(ReportRequest(source, results, origins=origins), page, overwrite=self._overwrite)
            note(f"{source.name}: report {page}")


def restore_command(results: ResultOptions, job: Job) -> str:
    """Write the command that makes the result of a job again, whatever it was that set the options."""
    options, form = results.run, job.output_format
    words = ["mp3restore", str(job.source), "--model", results.model.name, "--variants", str(results.variants)]
    words += ["--deterministic"] if options.deterministic else ["--seed", str(options.seed)]
    words += [] if options.strength is None else ["--strength", f"{options.strength:g}"]
    words += [] if options.consistency else ["--no-consistency"]
    words += [] if options.sample_rate is None else ["--sample-rate", str(options.sample_rate)]
    words += ["--format", form.container, "--bit-depth", form.bit_depth]
    return f"{shlex.join(words)}   # variant {job.variant}, model {results.model.name} {results.model.config.version}"
