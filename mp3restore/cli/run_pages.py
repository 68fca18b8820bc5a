"""Reports of a whole run: one page per restored file, or one of all."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mp3restore._version import __version__
from mp3restore.batch.events import Done, Event
from mp3restore.batch.task import ResultOptions, Task
from mp3restore.errors import OutputExistsError, UsageError
from mp3restore.files import output_error
from mp3restore.generator.model import list_models
from mp3restore.job import Job
from mp3restore.report.index import INDEX_NAME, check_index, write_index
from mp3restore.report.origin import Origin, command_line

if TYPE_CHECKING:
    from mp3restore.report.request import ReportRequest

__all__ = ["Pages", "pages_of", "restore_command"]

_MOST_VARIANTS = 8  # with the MP3, one for each number key


class Pages(ABC):
    """Notes the results of a run, and writes their pages afterwards.

    Parameters
    ----------
    tasks : sequence of Task
        The plan of the run.
    results : ResultOptions
        The options that the plan was made with.

    Raises
    ------
    UsageError
        If there are more variants than a page can show.
    """

    def __init__(self, tasks: Sequence[Task], results: ResultOptions) -> None:
        if results.variants > _MOST_VARIANTS:
            raise UsageError(f"a report can show at most {_MOST_VARIANTS} variants, not {results.variants}")
        self._results = results
        self._overwrite = results.on_exists == "overwrite"
        self._jobs = [task.job for task in tasks]
        self._done: dict[Path, list[Job]] = {}

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
        if self._done:
            self._write(note)
        else:
            note("no report: nothing was restored this time")

    @abstractmethod
    def _write(self, note: Callable[[str], None]) -> None:
        """Write the pages of the files that are done."""

    def _check_new(self, page: Path) -> None:
        if os.path.lexists(page) and not self._overwrite:
            raise OutputExistsError("exists already", path=page, hint="--force overwrites it")

    def _request(self, source: Path) -> ReportRequest:
        from mp3restore.report.request import ReportRequest  # noqa: PLC0415 - slow, and only needed here

        jobs = self._done[source]
        results = [job.target for job in sorted(jobs, key=lambda job: job.variant)]
        return ReportRequest(source, results, origins={job.target: restore_command(self._results, job) for job in jobs})


class _PageOfEach(Pages):
    """A folder with one page for each file, and an index."""

    def __init__(self, folder: Path, tasks: Sequence[Task], results: ResultOptions) -> None:
        super().__init__(tasks, results)
        self._pages: dict[Path, Path] = {}
        for source in _sources(tasks):
            self._pages[source] = self._free_name(folder, source.stem)
        check_index(folder)
        self._folder = folder
        for page in self._pages.values():
            self._check_new(page)
        _make_folder(folder)

    def _free_name(self, folder: Path, stem: str) -> Path:
        """Name a page; files of the same name in several folders get numbered pages."""
        taken = {folder / INDEX_NAME, *self._pages.values()}
        number = 1
        while (page := folder / (f"{stem}.html" if number == 1 else f"{stem}-{number}.html")) in taken:
            number += 1
        return page

    def _write(self, note: Callable[[str], None]) -> None:
        from mp3restore.report.page import write_report  # noqa: PLC0415 - slow, and only needed here

        for source in self._done:
            page = self._pages[source]
            for warning in write_report(self._request(source), page, overwrite=self._overwrite):
                note(f"{source.name}: {warning}")
            note(f"{source.name}: report {page}")
        note(f"all reports: {write_index(self._folder)}")


class _PageOfAll(Pages):
    """One page of all files."""

    def __init__(self, page: Path, tasks: Sequence[Task], results: ResultOptions) -> None:
        from mp3restore.report.page import check_clips  # noqa: PLC0415 - slow, and only needed here

        super().__init__(tasks, results)
        if page.is_dir():
            raise UsageError("is a folder", path=page, hint="give it another name than .html, or name a page in it")
        sources = _sources(tasks)
        made = [task for task in tasks if task.job.source in sources]
        check_clips(len(sources) + len(made))
        self._check_new(page)
        self._page = page
        _make_folder(page.parent)

    def _write(self, note: Callable[[str], None]) -> None:
        from mp3restore.report.page import Gallery, Song, write_gallery  # noqa: PLC0415 - slow, and only needed here

        names = [source.name for source in self._done]
        # Two songs of one name are two songs.
        titles = [str(source) if names.count(source.name) > 1 else source.name for source in self._done]
        songs = [Song(title, self._request(source)) for title, source in zip(titles, self._done, strict=True)]
        for warning in write_gallery(Gallery("MP3s and restorations", songs), self._page, overwrite=self._overwrite):
            note(warning)
        note(f"report of {len(songs)} songs: {self._page}")


def pages_of(report: Path, tasks: Sequence[Task], results: ResultOptions) -> Pages:
    """Return what writes the pages of a run: one of all for a name that ends in .html, else a folder of them.

    Parameters
    ----------
    report : Path
        The page or the folder; folders are created.
    tasks : sequence of Task
        The plan of the run.
    results : ResultOptions
        The options that the plan was made with.

    Raises
    ------
    UsageError
        If there are more variants, or more files, than a page can show.
    OutputExistsError
        If a page already exists and may not be overwritten, or another file has the name of the index.
    OutputError
        If the folder cannot be created.
    """
    return (_PageOfAll if report.suffix.lower() == ".html" else _PageOfEach)(report, tasks, results)


def _sources(tasks: Sequence[Task]) -> list[Path]:
    """Return the files that the plan restores, each once."""
    return list(dict.fromkeys(task.job.source for task in tasks if task.action in ("restore", "overwrite")))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(error, folder) from error


def restore_command(results: ResultOptions, job: Job, *, variants: int = 1) -> Origin:
    """Return the command that makes the result of a job again; it names every option, also those set elsewhere.

    Parameters
    ----------
    results : ResultOptions
        The options of the run.
    job : Job
        The result.
    variants : int
        How many variants the command is to make; of several, those up to this one.
    """
    options, form, model = results.run, job.output_format, results.model
    command = command_line(
        job.source,
        job.target,
        model=model.name if model.name in list_models() else str(model.folder),
        variant=job.variant,
        variants=variants,
        seed=None if options.deterministic else options.seed,
        variety=options.variety,
        strength=options.strength,
        consistency=options.consistency,
        sample_rate=options.sample_rate,
        container=form.container,
        bit_depth=form.bit_depth,
    )
    return Origin(command, f"mp3restore {__version__}, model {model.name} {model.config.version}")
