"""The Python interface: the same in memory as with files, in the words of Python."""

from __future__ import annotations

import ast
import inspect
import re
import shutil
import subprocess
from itertools import pairwise

import numpy as np
import pytest
import soundfile
from dummy_model import make_dummy_model
from support import ROOT

import mp3restore
from mp3restore import InputError, UsageError, restore, restore_file
from mp3restore.errors import Mp3RestoreError
from mp3restore.python_words import in_python


@pytest.fixture
def hiss(tmp_path):
    """A model that adds noise."""
    return make_dummy_model(tmp_path / "hiss", noise=1.0)


@pytest.fixture
def decoded(second):
    samples, rate = soundfile.read(second, dtype="float32")
    return samples.T, rate


def as_written(second, tmp_path, **options):
    target = tmp_path / "out.wav"
    result = restore_file(second, target, bit_depth="32f", overwrite=True, **options)
    return soundfile.read(target, dtype="float32")[0].T, result


def test_bytes_of_an_mp3_are_restored_as_its_file_is(second, tmp_path, hiss):
    written, result = as_written(second, tmp_path, model=hiss, seed=4, variant=2)
    made = restore(second.read_bytes(), model=hiss, seed=4, variant=2)
    np.testing.assert_array_equal(made.samples, written)
    assert (made.held, made.strength, made.device) == (result.consistent, result.strength, result.device)
    assert made.held
    assert (made.seed, made.variant, made.model) == (4, 2, "hiss")
    assert not restore(second.read_bytes(), model=hiss, consistency=False).held


@pytest.mark.parametrize("late", [0, -1105, 700])
def test_samples_beside_their_bitstream_are_held_to_it(second, tmp_path, hiss, decoded, late):
    """However the decoder of the samples has trimmed them."""
    samples, rate = decoded
    moved = samples[:, -late:] if late < 0 else np.pad(samples, ((0, 0), (late, 0)))
    made = restore(moved, rate, bitstream=second.read_bytes(), model=hiss, seed=4)
    alone = restore(moved, rate, model=hiss, seed=4, strength=made.strength)
    assert made.samples.shape == moved.shape
    assert made.held
    assert made.strength == restore(second.read_bytes(), model=hiss).strength
    assert not alone.held
    # What the MP3 kept lies lower: there, less may be added.
    added = [np.abs(np.fft.rfft(each.samples - moved)[:, :4000]).mean() for each in (made, alone)]
    assert added[0] < 0.6 * added[1]
    if late == 0:
        written, _ = as_written(second, tmp_path, model=hiss, seed=4)
        np.testing.assert_allclose(made.samples, written, atol=1e-4)


def test_a_bitstream_of_something_else_is_refused(second, decoded, hiss, rng):
    samples, rate = decoded
    data = second.read_bytes()
    with pytest.raises(InputError, match="does not decode to these samples"):
        restore(rng.normal(0, 0.1, samples.shape).astype(np.float32), rate, bitstream=data, model=hiss)
    for wrong in ((samples, 48000), (samples[:1], rate)):
        with pytest.raises(InputError, match="is not an MP3 of this sample rate"):
            restore(*wrong, bitstream=data, model=hiss)
    for junk in (b"", b"no music" * 100, b"#EXTM3U\n/etc/passwd\n"):
        with pytest.raises(InputError, match=r"^the data: ") as raised:
            restore(junk, model=hiss)
        assert "/tmp" not in str(raised.value)  # noqa: S108


def test_samples_alone_get_all_strength(decoded, hiss):
    made = restore(*decoded, model=hiss)
    assert (made.strength, made.held) == (1.0, False)
    with pytest.raises(UsageError, match="need their sample rate"):
        restore(decoded[0], model=hiss)
    with pytest.raises(UsageError, match="say their sample rate"):
        restore(b"x", 44100, model=hiss)


def test_progress_and_device(decoded, second, hiss):
    for arguments in ((*decoded,), (second.read_bytes(),)):
        seen = []
        restore(
            *arguments, model=hiss, device="cpu", progress=lambda done, total, seen=seen: seen.append((done, total))
        )
        assert seen[-1][0] == pytest.approx(seen[-1][1], abs=0.05)
        assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    with pytest.raises(UsageError, match=r"'cuda' is not available|unknown device"):
        restore(*decoded, model=hiss, device="cuda")


def test_restore_takes_what_restore_file_takes():
    """All but what is about files; and the docstring says how the two differ."""
    files_only = {"source", "target", "container", "bit_depth", "tags", "overwrite", "sample_rate"}
    takes = set(inspect.signature(restore).parameters)
    assert set(inspect.signature(restore_file).parameters) - files_only <= takes
    assert "restore_file" in inspect.getdoc(restore).split("Parameters")[0]


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.int32, int])
def test_whole_numbers_of_any_library_are_taken(decoded, tmp_path, second, hiss, kind):
    samples, rate = decoded
    made = restore(samples, np.int64(rate), model=hiss, seed=kind(7), variant=kind(2), threads=kind(1))
    assert (type(made.seed), type(made.variant)) == (int, int)
    np.testing.assert_array_equal(made.samples, restore(samples, rate, model=hiss, seed=7, variant=2).samples)
    result = restore_file(
        second, tmp_path / "x.wav", model=hiss, seed=kind(7), variant=kind(2), strength=np.float32(0.5)
    )
    assert (result.seed, result.variant) == (7, 2)


@pytest.mark.parametrize(
    "options",
    [
        {"seed": True}, {"seed": np.True_}, {"variant": True}, {"seed": 1.0}, {"seed": "1"}, {"seed": -1},
        {"seed": np.array([1, 2])}, {"variant": 0}, {"variant": 1.5}, {"strength": True}, {"strength": "x"},
        {"strength": float("nan")}, {"sample_rate": 44100.0}, {"sample_rate": True}, {"threads": 0}, {"threads": 1.5},
        {"threads": True},
    ],
)  # fmt: skip
def test_what_is_no_number_is_a_usage_error(decoded, options, hiss):
    samples, rate = decoded
    with pytest.raises(UsageError, match="must be"):
        restore(samples, **{"sample_rate": rate, "model": hiss, **options})


def test_hints_are_in_the_words_of_python(tmp_path, second, hiss):
    """Each advice is tried: what it says works."""
    target = tmp_path / "x.flac"
    target.write_bytes(b"")
    with pytest.raises(mp3restore.OutputExistsError, match="overwrite=True"):
        restore_file(second, target, model=hiss)
    assert restore_file(second, target, model=hiss, overwrite=True).frames
    with pytest.raises(UsageError, match="pass container"):
        restore_file(second, tmp_path / "x", model=hiss)
    assert restore_file(second, tmp_path / "x", container="flac", model=hiss).frames
    with pytest.raises(UsageError, match="target or container"):
        restore_file(second, target, container="wav", model=hiss)
    same = shutil.copy(second, tmp_path / "a.flac")
    with pytest.raises(UsageError, match="as target"):
        restore_file(same, same, model=hiss)
    with pytest.raises(UsageError, match="bit depth of 24"):
        restore_file(second, target, bit_depth="32f", overwrite=True, model=hiss)


def test_warnings_are_in_the_words_of_python(encode, music, tmp_path, hiss):
    good = encode("lame", music, 44100, "-b", "192")
    (warning,) = [each for each in restore_file(good, tmp_path / "x.flac", model=hiss).warnings if "kbit/s" in each]
    assert not re.search(r"(?<![\w])--?[a-z]", warning)
    assert "strength" in warning


def hints():
    """Every hint that a call of the interface can meet."""
    package = ROOT / "mp3restore"
    rooms = ("audio", "generator", "inspection", "pipeline", "mp3", "dsp")
    modules = [*(path for room in rooms for path in (package / room).rglob("*.py")), *package.glob("*.py")]
    for module in modules:
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "hint":
                yield from (
                    each.value
                    for each in ast.walk(node.value)
                    if isinstance(each, ast.Constant) and isinstance(each.value, str)
                )


def test_no_hint_speaks_of_options():
    found = list(hints())
    assert sum("-o" in each for each in found) > 3  # or there would be nothing to look at
    for each in found:
        assert not re.search(r"(?<![\w-])--?[a-z]", re.sub("'ffmpeg [^']*'", "", in_python(each))), each


def test_inspect_file_is_public(second, tmp_path, music):
    found = mp3restore.inspect_file(second)
    assert isinstance(found, mp3restore.Inspection)
    assert found.was_mp3
    assert found.to_json()["bitstream"]["kbps"] == pytest.approx(32, abs=1)
    soundfile.write(tmp_path / "a.wav", music.T, 44100)
    assert not mp3restore.inspect_file(tmp_path / "a.wav").was_mp3
    with pytest.raises(Mp3RestoreError):
        mp3restore.inspect_file(tmp_path / "none.mp3")


def bands(samples, rate, size=4096):
    """Power in thirds of octaves from 5.5 to 15 kHz."""
    whole = samples[:, : samples.shape[1] // size * size].reshape(len(samples), -1, size)
    power = np.mean(np.abs(np.fft.rfft(whole * np.hanning(size))) ** 2, axis=(0, 1))
    hz = np.fft.rfftfreq(size, 1 / rate)
    edges = 5500 * 2 ** (np.arange(5) / 3)
    return np.array([power[(hz >= low) & (hz < high)].sum() for low, high in pairwise(edges)])


def test_without_chance_treble_comes_back_too(sample, tmp_path):
    """As much as draws have on average, within 2 dB in every third of an octave; and it is one restoration only."""
    ffmpeg = ["ffmpeg", "-v", "error", "-ss", "8", "-t", "5", "-i", str(sample), "-c", "copy", str(tmp_path / "a.mp3")]
    subprocess.run(ffmpeg, check=True, stdin=subprocess.DEVNULL)
    data = (tmp_path / "a.mp3").read_bytes()
    mp3 = restore(data, strength=0.0)
    certain = restore(data, deterministic=True, strength=1.0)
    draws = [restore(data, seed=seed, strength=1.0) for seed in (1, 2)]
    mean = np.mean([bands(each.samples, each.sample_rate) for each in draws], axis=0)
    found = bands(certain.samples, certain.sample_rate)
    assert np.abs(10 * np.log10(found / mean)).max() < 2
    assert (found > 1000 * bands(mp3.samples, mp3.sample_rate))[1:].all()  # where the MP3 has nothing
    again = restore(data, deterministic=True, strength=1.0, seed=5, variant=3)
    np.testing.assert_array_equal(again.samples, certain.samples)
