"""A real browser: Debian's Chromium, driven by Playwright; no page may complain or ask for anything."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from axe_playwright_python.sync_playwright import Axe
from numpy.typing import NDArray
from pages import PHONE
from playwright.sync_api import Browser, Page, Route, sync_playwright

_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

OpenPage = Callable[..., Page]


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents and "page" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium with an empty profile."""
    path = shutil.which("chromium")
    assert path, "chromium is not installed (pytest -m 'not browser' leaves these tests out)"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """What a page wrote to the console, its errors and forbidden requests; a test removes what it expects."""
    return []


@pytest.fixture
def page(browser: Browser, complaints: list[str]) -> Iterator[Page]:
    """A page that must neither write to the console, nor fail, nor ask any server but its own for anything."""
    context = browser.new_context(accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(60_000)

    def judge(route: Route) -> None:
        url = route.request.url
        if url.startswith(("file:", "http://127.0.0.1:")):
            route.continue_()
        else:
            complaints.append(f"request: {url}")
            route.abort()

    context.route("**/*", judge)
    page.on("console", lambda message: complaints.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    yield page
    context.close()
    assert not complaints


@pytest.fixture
def check_accessible(page: Page) -> Callable[[], None]:
    """Run axe-core on the page in dark and light, and on a phone, where nothing may be cut off either."""

    def check() -> None:
        axe = Axe()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            results = axe.run(page)
            assert results.violations_count == 0, results.generate_report()
        size = page.viewport_size
        page.set_viewport_size(PHONE)
        assert axe.run(page).violations_count == 0
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.set_viewport_size(size)

    return check


@pytest.fixture
def recordings(tmp_path, music) -> dict[str, Path]:
    """A reference of 4 s, the same without treble, and two things between, one 6 dB quieter, as FLAC files."""
    reference = np.tile(music, 2)
    dull = low_pass(reference, 4000)
    files = {
        "reference": reference, "dull": dull, "first": 0.5 * (dull + reference), "second": 0.25 * (dull + reference)
    }  # fmt: skip
    paths = {}
    for name, samples in files.items():
        paths[name] = tmp_path / f"{name}.flac"
        soundfile.write(paths[name], samples.T, 44100, subtype="PCM_24")
    return paths


def low_pass(samples: NDArray[np.float32], cutoff_hz: float) -> NDArray[np.float32]:
    """Take everything above a frequency away."""
    spectrum = np.fft.rfft(samples)
    spectrum[:, np.fft.rfftfreq(samples.shape[1], 1 / 44100) > cutoff_hz] = 0
    return np.fft.irfft(spectrum, samples.shape[1]).astype(np.float32)
