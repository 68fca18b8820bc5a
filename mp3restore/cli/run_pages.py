"""Reports of a whole run: one page per restored file."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from mp3restore._version import __version__
from mp3restore.batch.events import Done, Event
from mp3restore.batch.task import ResultOptions, Task
from mp3restore.errors import OutputExistsError, UsageError
from mp3restore.files import output_error
from mp3restore.generator.model import list_models
from mp3restore.job import Job
from mp3restore.report.index import INDEX_NAME, check_index, write_index
from mp3restore.report.origin import Origin, command_line

__all__ = ["Pages", "restore_command"]

_MOST_VARIANTS = 8  # with the MP3, one for each number key


class Pages:
    """Notes the results of a run, and writes their pages afterwards.

    Parameters
    ----------
    folder : Path
        Folder for the pages; created if it does not exist.
    tasks : sequence of Task
        The plan of the run.
    results : ResultOptions
        The options that the plan was made with.

    Raises
    ------
    UsageError
        If there are more variants than a page can show.
    OutputExistsError
        If a page already exists and may not be overwritten, or another file has the name of the index.
    OutputError
        If the folder cannot be created.
    """

    def __init__(self, folder: Path, tasks: Sequence[Task], results: ResultOptions) -> None:
        if results.variants > _MOST_VARIANTS:
            raise UsageError(f"a report can show at most {_MOST_VARIANTS} variants, not {results.variants}")
        self._results = results
        self._overwrite = results.on_exists == "overwrite"
        self._jobs = [task.job for task in tasks]
        self._done: dict[Path, list[Job]] = {}
        self._pages: dict[Path, Path] = {}
        for source in dict.fromkeys(task.job.source for task in tasks if task.action in ("restore", "overwrite")):
            self._pages[source] = self._free_name(folder, source.stem)
        check_index(folder)
        self._folder = folder
        for page in self._pages.values():
            if os.path.lexists(page) and not self._overwrite:
                raise OutputExistsError("exists already", path=page, hint="--force overwrites it")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(error, folder) from error

    def _free_name(self, folder: Path, stem: str) -> Path:
        """Name a page; files of the same name in several folders get numbered pages."""
        taken = {folder / INDEX_NAME, *self._pages.values()}
        number = 1
        while (page := folder / (f"{stem}.html" if number == 1 else f"{stem}-{number}.html")) in taken:
            number += 1
        return page

    def listen(self, tell: Callable[[Event], None]) -> Callable[[Event], None]:
        """Return a function that notes results and passes every event on to `tell`."""

        def take(event: Event) -> None:
            if isinstance(event, Done):
                self._done.setdefault(event.source, []).append(self._jobs[event.index])
            tell(event)

        return take

    def write(self, note: Callable[[str], None]) -> None:
        """Write the pages of restored files, and report their names to `note`.

        Raises
        ------
        InputError, OutputError
            If a file can no longer be read, or a page cannot be written.
        """
        if not self._done:
            note("no report: nothing was restored this time")
            return
        from mp3restore.report.page import ReportRequest, write_report  # noqa: PLC0415 - slow, and only needed here

        for source, jobs in self._done.items():
            results = [job.target for job in sorted(jobs, key=lambda job: job.variant)]
            origins = {job.target: restore_command(self._results, job) for job in jobs}
            page = self._pages[source]
            request = ReportRequest(source, results, origins=origins)
            for warning in write_report(request, page, overwrite=self._overwrite):
                note(f"{source.name}: {warning}")
            note(f"{source.name}: report {page}")
        note(f"all reports: {write_index(self._folder)}")


def restore_command(results: ResultOptions, job: Job) -> Origin:
    """Return the command that makes the result of a job again; it names every option, also those set elsewhere."""
    options, form, model = results.run, job.output_format, results.model
    command = command_line(
        job.source,
        job.target,
        model=model.name if model.name in list_models() else str(model.folder),
        variant=job.variant,
        seed=None if options.deterministic else options.seed,
        variety=options.variety,
        strength=options.strength,
        consistency=options.consistency,
        sample_rate=options.sample_rate,
        container=form.container,
        bit_depth=form.bit_depth,
    )
    return Origin(command, f"mp3restore {__version__}, model {model.name} {model.config.version}")
