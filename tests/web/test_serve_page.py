"""The local page as people use it, with a mouse, a keyboard and a phone."""

from __future__ import annotations

import re
import signal
import time
import zipfile

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


# A folder as browsers hand it over: its entries come in batches, and must be asked for until there are no more.
DROP_FOLDER = """(bytes) => {
    const file = (name) => ({
        isFile: true, isDirectory: false, name, file: (take) => take(new File([new Uint8Array(bytes)], name)),
    });
    const folder = (name, ...batches) => ({
        isFile: false, isDirectory: true, name,
        createReader: () => ({ readEntries: (take) => take(batches.shift() || []) }),
    });
    const below = folder("cd 2", [file("3.MP3")]);
    const album = folder("album", [file("2.mp3"), file("10.mp3")], [file("cover.jpg"), below]);
    const event = new Event("drop", { bubbles: true, cancelable: true });
    const items = [album, file("1.mp3")].map((entry) => ({ webkitGetAsEntry: () => entry }));
    event.dataTransfer = { files: [], items };
    document.querySelector("h1").dispatchEvent(event);
}"""


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def states(page):
    return page.locator("#jobs .state").all_inner_texts()


def names(page):
    return page.locator("#jobs .name").all_inner_texts()


def wait_until_done(page, count=1):
    wait_for(lambda: states(page) == ["done"] * count)
    page.wait_for_selector("body[data-drawn]")


def button(page, text, name=None):
    """A button or a link in the row of a file."""
    row = page.locator(".job", has=page.get_by_text(name, exact=True)) if name else page.locator(".job")
    return row.locator(".acts > *", has_text=text)


HOLD_UPLOADS = """() => {
    const ask = window.fetch;
    const held = [];
    window.fetch = (path, options) => path.startsWith("/jobs?") ? new Promise((resolve, reject) => {
        held.push(() => ask(path, options).then(resolve, reject));
        options.signal.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
    }) : ask(path, options);
    window.letGo = () => {
        window.fetch = ask;
        held.forEach((go) => go());
    };
}"""
LARGE = {"name": "large.mp3", "mimeType": "audio/mpeg", "buffer": b"\0" * (LIMIT // 2)}


def test_what_the_program_has_to_say_is_shown_in_its_place(page, server, good, second):
    """A file that is left as it is does not look restored."""
    page.goto(server.url)
    page.set_input_files("#file", [second, good])
    wait_for(lambda: states(page) == ["done", "left as it is"])
    row = page.locator(".job", has_text="lame.mp3")
    (remark,) = row.locator("li").all_inner_texts()
    assert "192 kbit/s" in remark
    assert "left unchanged" in remark
    assert "--" not in remark
    assert "192 kbit/s" not in page.locator(".job", has_text="second.mp3").inner_text()
    assert page.inner_text("#count") == "1 of 2 restored, 1 left as it is"
    assert not button(page, "Another version", "lame.mp3").count()
    kept = page.evaluate("fetch('/jobs').then((answer) => answer.json())")[1]
    button(page, "Restore anyway", "lame.mp3").click()
    wait_for(lambda: states(page) == ["done", "done"])
    assert page.inner_text("#count") == "2 of 2 restored"
    assert button(page, "Another version", "lame.mp3").count() == 1
    restored = page.evaluate("fetch('/jobs').then((answer) => answer.json())")[1]
    assert (kept["left"], restored["left"], len(restored["downloads"])) == (True, False, 1)


def test_the_same_file_can_be_chosen_again_with_other_options(page, server, second, tmp_path, check_accessible):
    page.goto(server.url)
    page.set_input_files("#file", second)
    wait_until_done(page)
    page.click("#options summary")
    page.select_option("#strength", "0.25")
    page.fill("#seed", "7")
    assert page.locator("#depth option[value='32f']").is_disabled()
    page.select_option("#container", "wav")
    page.select_option("#depth", "32f")
    assert page.inner_text("#chosen") == ": strength 0.25, WAV, 32-bit float"
    page.set_input_files("#file", second)
    wait_until_done(page, 2)
    with page.expect_download() as info:
        button(page, "Download").last.click()
    assert info.value.suggested_filename == "second.v1.wav"
    path = tmp_path / "second.wav"
    info.value.save_as(path)
    found = soundfile.info(path)
    assert (found.format, found.subtype) == ("WAV", "FLOAT")
    page.select_option("#container", "flac")
    assert page.input_value("#depth") == "24"  # FLAC has no floats
    button(page, "Listen").last.click()
    page.locator("summary", has_text="How to make it again").click()
    page.get_by_text("--seed 7 --variant 1 --variety 0.3 --strength 0.25").wait_for()
    check_accessible()
    page.reload()
    assert (page.input_value("#strength"), page.input_value("#seed")) == ("0.25", "7")


def test_all_of_several_files_are_taken_wherever_they_are_dropped(page, server, second, tmp_path):
    page.goto(server.url)
    content = list(second.read_bytes())
    page.evaluate(DROP, ["h1", [[f"{name}.mp3", content] for name in ("one", "two", "three")]])
    wait_until_done(page, 3)
    assert page.url == server.url
    assert page.inner_text("#count") == "3 of 3 restored"
    for name in ("one", "two", "three"):
        button(page, "Listen", f"{name}.mp3").click()
        assert page.inner_text("#name") == f"{name}.mp3"
        assert page.locator("#jobs [aria-pressed=true]").count() == 1
        page.locator("#song caption", has_text="Whole file").wait_for(state="attached")
        page.locator("#song td", has_text=f"{name}.v1.flac").wait_for(state="attached")
    with page.expect_download() as info:
        page.click("#all")
    info.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.namelist() == ["one.v1.flac", "two.v1.flac", "three.v1.flac"]
        archive.extractall(tmp_path)
    assert soundfile.info(tmp_path / "three.v1.flac").frames > 40_000
    page.click("#clear")
    wait_for(lambda: page.is_hidden("#queue") and page.is_hidden("#listen"))


def test_a_song_may_be_cleared_while_its_audio_is_on_its_way(page, server, second):
    page.goto(server.url)
    held = []
    page.route(re.compile("/comparison/"), lambda route: held.append((route, route.fetch())))
    page.set_input_files("#file", second)
    wait_for(lambda: page.locator("#song canvas").count() and len(held) == 2)
    button(page, "Remove", second.name).click()
    wait_for(lambda: page.is_hidden("#listen"))
    for route, response in held:
        route.fulfill(response=response)
    page.wait_for_timeout(1000)  # nothing is to happen
    page.set_viewport_size({"width": 900, "height": 700})
    assert page.locator("#song canvas").count() == 0


def test_a_folder_is_taken_with_all_that_is_below_it(page, server, second):
    page.goto(server.url)
    page.evaluate(DROP_FOLDER, list(second.read_bytes()))
    wait_until_done(page, 4)
    assert names(page) == ["2.mp3", "10.mp3", "3.MP3", "1.mp3"]


def test_choosing_a_folder(page, server, songs):
    (songs / "cover.jpg").write_bytes(b"x")
    page.goto(server.url)
    page.set_input_files("#folder", songs)
    wait_until_done(page, 3)
    assert sorted(names(page)) == ["one.mp3", "one.mp3", "two.mp3"]


def test_many_files_wait_their_turn(page, server, second):
    page.goto(server.url)
    page.set_input_files(
        "#file",
        [{"name": f"{k}.mp3", "mimeType": "audio/mpeg", "buffer": second.read_bytes()} for k in range(12)],
    )
    wait_until_done(page, 12)
    assert names(page) == [f"{k}.mp3" for k in range(12)]
    assert page.is_hidden("#error")


def test_cancelling_an_upload_and_trying_again(page, server, second, complaints):
    page.goto(server.url)
    page.evaluate(HOLD_UPLOADS)
    good = {"name": "second.mp3", "mimeType": "audio/mpeg", "buffer": second.read_bytes()}
    page.set_input_files("#file", [LARGE, good])
    wait_for(lambda: states(page) == ["sending", "queued"])
    button(page, "Cancel", "large.mp3").click()
    wait_for(lambda: states(page) == ["cancelled", "sending"])
    page.evaluate("letGo()")
    wait_for(lambda: sorted(states(page)) == ["cancelled", "done"])
    button(page, "Retry", "large.mp3").click()
    wait_for(lambda: sorted(states(page)) == ["done", "refused"])  # it holds no music
    assert "cannot be restored" in page.locator(".job", has_text="large").inner_text()
    button(page, "Remove", "large.mp3").click()
    assert states(page) == ["done"]
    assert [text for text in complaints if "ERR_ABORTED" not in text and "415" not in text] == []
    complaints.clear()


def test_a_file_that_is_being_sent_has_one_row(page, server, sample, second):
    """Also while the page asks for the queue, in which the server has it already."""
    page.goto(server.url)

    def answer_late(route):
        """Let the queue hold the file before the page knows that it was taken."""
        response = route.fetch()
        page.wait_for_timeout(600)
        route.fulfill(response=response)

    page.route("**/jobs?name=*", answer_late)
    page.set_input_files("#file", [sample, *[second] * 3])
    seen = set()
    wait_for(lambda: seen.add(tuple(names(page))) or states(page)[1:] == ["done"] * 3)
    assert seen - {()} == {("francium-32k.mp3", *["second.mp3"] * 3)}


def test_cancelling_a_restoration_and_trying_again(page, server, sample):
    page.goto(server.url)
    page.set_input_files("#file", [sample, sample])
    wait_for(lambda: states(page)[1:] == ["waiting"])
    button(page, "Cancel").last.click()
    wait_for(lambda: states(page)[1:] == ["cancelled"])
    button(page, "Cancel").first.click()
    wait_for(lambda: states(page) == ["cancelled"] * 2)
    button(page, "Retry").first.click()
    wait_for(lambda: states(page) == ["done", "cancelled"])
    assert page.locator("#all").is_visible()


def test_a_reload_and_another_window_find_the_queue(page, server, second):
    page.goto(server.url)
    page.set_input_files("#file", [second, second])
    wait_until_done(page, 2)
    page.reload()
    wait_until_done(page, 2)
    assert page.inner_text("#name") == "second.mp3"
    other = page.context.new_page()
    other.goto(server.url)
    wait_until_done(other, 2)
    button(other, "Remove").first.click()
    wait_for(lambda: states(other) == ["done"])
    page.reload()
    wait_until_done(page)


def test_leaving_with_files_that_were_not_sent_asks_first(page, server):
    """Whether a browser would ask; this one is driven without a window, and never does."""
    would_ask = """() => {
        const event = new Event("beforeunload", { cancelable: true });
        dispatchEvent(event);
        return event.defaultPrevented;
    }"""
    page.goto(server.url)
    assert not page.evaluate(would_ask)
    page.evaluate(HOLD_UPLOADS)
    page.set_input_files("#file", LARGE)
    wait_for(lambda: states(page) == ["sending"])
    assert page.evaluate(would_ask)
    button(page, "Cancel").click()
    wait_for(lambda: states(page) == ["cancelled"])
    assert not page.evaluate(would_ask)


def test_keys_of_the_player_work_on_the_page(page, server, second):
    page.goto(server.url)
    page.set_input_files("#file", second)
    wait_until_done(page)
    page.click("h1")
    for key, index in (("2", 1), ("1", 0)):
        page.keyboard.press(key)
        assert page.evaluate("player.active") == index
    page.keyboard.press(" ")
    wait_for(lambda: page.evaluate("player.playing || player.position > 0"))
    assert page.evaluate("scrollY") == 0
    page.click("#options summary")
    page.fill("#seed", "")
    page.locator("#seed").press("2")
    assert page.input_value("#seed") == "2"
    assert page.evaluate("player.active") == 0


def test_all_by_keyboard(page, server, second):
    """The focus stays where it is while the rows change, and goes to a neighbour when its row goes."""
    page.goto(server.url)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "file"
    page.set_input_files("#file", [second, second])
    wait_until_done(page, 2)
    button(page, "Another version").first.focus()
    page.keyboard.press("Enter")
    wait_for(lambda: button(page, "Download 2").count() == 1)
    page.locator(".track").nth(2).wait_for()
    page.wait_for_selector("body[data-drawn]")
    focused = "document.activeElement.getAttribute('aria-label')"
    assert page.evaluate(focused) in ("Another version: second.mp3", "Remove: second.mp3")
    button(page, "Remove").first.focus()
    page.keyboard.press("Enter")
    wait_for(lambda: len(states(page)) == 1)
    assert page.evaluate(focused) == "Listen: second.mp3"
    page.keyboard.press("Enter")
    wait_for(lambda: page.evaluate("document.activeElement.id") == "name")


def test_names_are_text_and_never_markup(page, server, second):
    name = "<img src=x onerror=alert(1)>&.mp3"
    page.goto(server.url)
    page.set_input_files("#file", {"name": name, "mimeType": "audio/mpeg", "buffer": second.read_bytes()})
    wait_until_done(page)
    assert names(page) == [name]
    assert page.inner_text("#name") == name
    assert page.locator("img").count() == 0


def test_a_phone_has_one_scrollbar_and_the_player_under_the_thumb(page, server, second):
    page.set_viewport_size(PHONE)
    page.goto(server.url)
    page.set_input_files("#file", second)
    wait_until_done(page)
    page.evaluate("scrollTo(0, 500)")
    assert page.locator("iframe").count() == 0
    inner = "[...document.querySelectorAll('body *')].filter((e) => getComputedStyle(e).overflowY === 'scroll').length"
    assert page.evaluate(inner) == 0
    box = page.locator("#play").bounding_box()
    assert box["y"] > PHONE["height"] * 0.75
    assert box["height"] >= 40
    deck = page.locator("#deck").bounding_box()
    assert deck["y"] + deck["height"] == pytest.approx(PHONE["height"], abs=1)
    assert deck["height"] < PHONE["height"] / 4
    # What lies at the end of the page is not hidden behind it.
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    link = page.locator("#page").bounding_box()
    assert link["y"] + link["height"] <= deck["y"]


def test_a_program_that_has_ended_is_noticed(page, tmp_path, sample, complaints):
    folder = tmp_path / "folder"
    folder.mkdir()
    server = Server(folder)
    page.goto(server.url)
    page.set_input_files("#file", sample)
    wait_for(lambda: states(page) and states(page)[0].startswith("restoring"))
    server.process.kill()
    server.process.communicate(timeout=60)
    page.get_by_text("Was it stopped?").wait_for()
    assert all("ERR_CONNECTION" in text or "ERR_INCOMPLETE" in text for text in complaints)
    complaints.clear()
