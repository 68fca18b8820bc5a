"""The local page as people use it, with a mouse, a keyboard and a phone."""

from __future__ import annotations

import signal
import time

import pytest
import soundfile
from pages import LIMIT, PHONE, Server

DROP = """([selector, files]) => {
    const transfer = new DataTransfer();
    for (const [name, bytes] of files) transfer.items.add(new File([new Uint8Array(bytes)], name));
    const target = document.querySelector(selector);
    for (const type of ["dragover", "drop"]) {
        const event = new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: transfer });
        target.dispatchEvent(event);
        if (!event.defaultPrevented) throw new Error("the browser would open the file");
    }
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.process.send_signal(signal.SIGINT)
    server.process.communicate(timeout=60)
    assert server.process.returncode == 0
    assert list(server.folder.iterdir()) == []


@pytest.fixture
def good(encode, music):
    """An MP3 that has lost too little for a restoration."""
    return encode("lame", music, 44100, "-b", "192")


def wait_for(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def wait_until_done(page):
    wait_for(lambda: page.inner_text("#state") == "done" and page.is_visible("#result"))


def test_what_the_program_has_to_say_is_shown(page, server, good):
    """A file that is left as it is does not look restored."""
    page.goto(server.url)
    page.set_input_files("#file", good)
    wait_until_done(page)
    (remark,) = page.locator("#remarks li").all_inner_texts()
    assert "192 kbit/s" in remark
    assert "left unchanged" in remark


def test_the_same_file_can_be_chosen_again_with_other_options(page, server, second, tmp_path, check_accessible):
    page.goto(server.url)
    page.set_input_files("#file", second)
    wait_until_done(page)
    page.click("summary")
    page.select_option("#strength", "0.25")
    page.fill("#seed", "7")
    page.select_option("#container", "wav")
    page.set_input_files("#file", second)
    wait_for(lambda: page.locator("#jobs button").count() == 2)
    wait_until_done(page)
    with page.expect_download() as info:
        page.locator("#downloads a").click()
    assert info.value.suggested_filename == "second.v1.wav"
    path = tmp_path / "second.wav"
    info.value.save_as(path)
    assert soundfile.info(path).format == "WAV"
    frame = page.frame_locator("#report")
    frame.get_by_text("--seed 7 --variant 1 --variety 0.3 --strength 0.25").wait_for()
    check_accessible()


def test_all_of_several_files_are_taken_wherever_they_are_dropped(page, server, second):
    page.goto(server.url)
    content = list(second.read_bytes())
    page.evaluate(DROP, ["h1", [[f"{name}.mp3", content] for name in ("one", "two", "three")]])
    wait_for(lambda: [text.endswith(": done") for text in page.locator("#jobs button").all_inner_texts()] == [True] * 3)
    assert page.url == server.url
    for index, name in enumerate(("one", "two", "three")):
        page.locator("#jobs button").nth(index).click()
        assert page.inner_text("#name") == f"{name}.mp3"
        assert page.locator("#jobs [aria-pressed=true]").count() == 1
        page.frame_locator("#report").get_by_role("heading", name=f"{name}.mp3: MP3 and restoration").wait_for()


def test_more_files_than_may_wait_are_sent_one_by_one(page, server, second):
    page.goto(server.url)
    page.set_input_files(
        "#file",
        [{"name": f"{k}.mp3", "mimeType": "audio/mpeg", "buffer": second.read_bytes()} for k in range(7)],
    )
    wait_for(lambda: [text.endswith(": done") for text in page.locator("#jobs button").all_inner_texts()] == [True] * 7)
    assert page.is_hidden("#error")


def test_cancelling_an_upload(page, server, complaints):
    """Chromium sends a body piece by piece over a line that the test makes slow."""
    page.goto(server.url)
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 20_000},
    )
    page.set_input_files("#file", {"name": "a.mp3", "mimeType": "audio/mpeg", "buffer": b"\0" * (LIMIT // 2)})
    wait_for(lambda: page.inner_text("#state") == "sending")
    page.click("#cancel")
    wait_for(lambda: not page.evaluate("sending"))
    assert page.evaluate("stateOf(shown)") == "cancelled"
    assert page.is_hidden("#error")
    complaints[:] = [text for text in complaints if "ERR_ABORTED" not in text]
    # And nothing stands in the way of the next one.
    session.detach()


def test_a_reload_finds_the_jobs_again(page, server, second):
    page.goto(server.url)
    for _ in range(2):
        page.set_input_files("#file", second)
        wait_until_done(page)
    page.reload()
    wait_for(lambda: page.locator("#jobs button").count() == 2)
    wait_until_done(page)
    assert page.inner_text("#name") == "second.mp3"
    page.frame_locator("#report").locator("body[data-drawn]").wait_for()
    page.evaluate("sessionStorage.setItem('jobs', '[\"unknown\"]')")


def test_keys_of_the_player_work_on_the_whole_page(page, server, second):
    page.goto(server.url)
    page.set_input_files("#file", second)
    wait_until_done(page)
    page.frame_locator("#report").locator("body[data-drawn]").wait_for()
    page.click("h1")
    frame = page.frames[1]
    for key, index in (("2", 1), ("1", 0)):
        page.keyboard.press(key)
        assert frame.evaluate("player.active") == index
    page.keyboard.press(" ")
    wait_for(lambda: frame.evaluate("player.playing || player.position > 0"))
    assert page.evaluate("scrollY") == 0
    page.click("summary")
    page.fill("#seed", "")
    page.locator("#seed").press("2")
    assert page.input_value("#seed") == "2"
    assert frame.evaluate("player.active") == 0


def test_a_phone_has_one_scrollbar(page, server, second):
    page.set_viewport_size(PHONE)
    page.goto(server.url)
    page.set_input_files("#file", second)
    wait_until_done(page)
    page.frame_locator("#report").locator("body[data-drawn]").wait_for()
    frame = page.frames[1]
    inner = "document.documentElement.scrollHeight - document.documentElement.clientHeight"
    wait_for(lambda: frame.evaluate(inner) == 0)
    assert page.evaluate(inner) > 1000
    page.set_viewport_size({"width": 1200, "height": 800})
    wait_for(lambda: frame.evaluate(inner) > 100)
