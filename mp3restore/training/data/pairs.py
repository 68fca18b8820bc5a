"""Pairs of an original and its version from a real encoder, aligned in time and level."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from mp3restore.dsp.alignment import cross_correlation
from mp3restore.dsp.resample import output_rate, resample_stream
from mp3restore.dsp.stft import analyse
from mp3restore.errors import Mp3RestoreError
from mp3restore.generator.uncertainty import HOP, PLANES, UncertaintyMap
from mp3restore.mp3.granules import coded_granules
from mp3restore.mp3.grid import locate
from mp3restore.mp3.stream import parse_stream
from mp3restore.training.data.conditions import Condition

__all__ = ["MAP_BANDS", "Pair", "encode", "make_pair", "map_of"]

MAP_BANDS = 96
"""Bands of the uncertainty maps of a data set."""

# A decoder may output up to 1105 + 576 samples of lead-in at the MPEG rate; at 8 kHz that is 0.2 s.
_LARGEST_LAG_S = 0.3
# Share of the lines that must lie on the lattice for the bitstream to be trusted.
_LEAST_FIT = 0.9


@dataclass(frozen=True, slots=True)
class Pair:
    """Aligned signals of one excerpt, both of shape (channels, samples) at `sample_rate` Hz.

    `degraded` begins at sample `start` of `mp3` decoded and converted to `sample_rate`.
    """

    original: NDArray[np.float32]
    degraded: NDArray[np.float32]
    sample_rate: int
    lag: float  # samples by which the decoder's output lagged behind; already removed
    gain: float  # factor of the encoder on the level; already applied to `original`
    mp3: bytes
    start: int
    uncertainty: NDArray[np.float32]  # map of the whole file, (frames, 6 * bands); no frames if there is no MP3


def encode(wav: Path, mp3: Path, condition: Condition) -> None:
    """Run the encoder of `condition` on a WAV file.

    Raises
    ------
    Mp3RestoreError
        If the encoder is not installed or fails.
    """
    if condition.encoder == "lame":
        command = ["lame", "--quiet", *condition.arguments, str(wav), str(mp3)]
    else:
        channels = ["-ac", "1"] if condition.mono else []
        codec = "libshine" if condition.encoder == "shine" else "libmp3lame"
        command = ["ffmpeg", "-v", "error", "-y", "-i", str(wav), *channels, "-c:a", codec]
        command += [*condition.arguments, str(mp3)]
    try:
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - arguments come from the table above
    except FileNotFoundError as error:
        raise Mp3RestoreError(f"the encoder {condition.encoder} is not installed", hint="install it first") from error
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip()
        raise Mp3RestoreError(f"{condition.name} failed: {reason}", path=wav) from error


def _convert(samples: NDArray[np.float32], source_rate: int, target_rate: int) -> NDArray[np.float32]:
    return np.concatenate(list(resample_stream([samples], source_rate, target_rate)), axis=1)


def _lag(original: NDArray[np.float32], degraded: NDArray[np.float32], limit: int) -> float:
    """Return by how many samples `degraded` lags behind, to a fraction: the peak of the cross-correlation."""
    reach = min(limit, min(original.shape[1], degraded.shape[1]) - 1)
    window = cross_correlation(original.sum(axis=0, dtype=np.float64), degraded.sum(axis=0, dtype=np.float64), reach)
    peak = int(np.argmax(window))
    if not 0 < peak < len(window) - 1:
        return float(peak - reach)
    left, centre, right = window[peak - 1 : peak + 2]
    return float(peak - reach + 0.5 * (left - right) / (left - 2 * centre + right))


def _delay(samples: NDArray[np.float32], lag: float) -> NDArray[np.float32]:
    """Delay by a fraction of a sample, with linear phase."""
    n = samples.shape[1]
    padded = 1 << (n + 4096).bit_length()
    phase = np.exp(-2j * np.pi * np.fft.rfftfreq(padded) * lag)
    return np.fft.irfft(np.fft.rfft(samples, padded) * phase, padded)[:, :n].astype(np.float32)


def _encoder_gain(original: NDArray[np.float32], degraded: NDArray[np.float32]) -> float:
    """Return the level factor of the encoder: least squares over the strongest spectral bins.

    Over all bins, least squares would take the bins that the encoder dropped for a lower level.
    """
    size = 2048
    if original.shape[1] < size:
        return 1.0
    a, b = (analyse(signal, size, hop=size).ravel() for signal in (original, degraded))
    power = np.abs(a) ** 2
    strongest = power >= np.quantile(power, 0.998)
    energy = float(power[strongest].sum())
    return float(np.vdot(a[strongest], b[strongest]).real) / energy if energy > 0 else 1.0


def map_of(mp3: bytes, decoded: NDArray[np.float32], working_rate: int) -> NDArray[np.float32]:
    """Return the uncertainty map of a file: (frames, 6 * bands), no frames if the bitstream does not explain `decoded`.

    `decoded` is the decoder's output, (channels, samples) at the rate of the file.
    """
    stream = parse_stream(mp3)
    offset, fit = locate(stream, decoded)
    if fit < _LEAST_FIT:
        return np.zeros((0, PLANES * MAP_BANDS), np.float32)
    known = UncertaintyMap(stream, offset=offset, working_rate=working_rate, bands=MAP_BANDS)
    rows = [known.push(run) for run in coded_granules(stream, [decoded], offset=offset)]
    frames = 1 + round(decoded.shape[1] * working_rate / stream.sample_rate) // HOP
    return np.concatenate([*rows, known.finish(frames)])[:frames]


def make_pair(original: NDArray[np.float32], sample_rate: int, condition: Condition) -> Pair:
    """Compress `original` (channels, samples), decode it at the rate at which the tool restores it, and align the two.

    The original is moved to the decoder's timeline and level, never the other way round: the tool must not shift or
    scale its input. A stream without a LAME tag starts with 1105 samples of lead-in, and LAME multiplies by 0.95 at
    160 kbit/s and below.
    """
    if condition.mono:
        original = original.mean(axis=0, keepdims=True)
    if condition.encoder == "none":
        nothing = np.zeros((0, PLANES * MAP_BANDS), np.float32)
        return Pair(original, original, sample_rate, 0.0, 1.0, b"", 0, nothing)
    with tempfile.TemporaryDirectory() as folder:
        wav, mp3 = Path(folder) / "a.wav", Path(folder) / "a.mp3"
        soundfile.write(wav, original.T, sample_rate, subtype="PCM_16")
        encode(wav, mp3, condition)
        decoded, mp3_rate = soundfile.read(mp3, dtype="float32", always_2d=True)
        stream = mp3.read_bytes()
    rate = output_rate(mp3_rate)
    known = map_of(stream, np.ascontiguousarray(decoded.T), rate)
    degraded = _convert(np.ascontiguousarray(decoded.T), mp3_rate, rate)
    target = _convert(original, sample_rate, rate)
    if degraded.shape[0] == 1 and target.shape[0] == 2:
        degraded = np.repeat(degraded, 2, axis=0)
    lag = _lag(target, degraded, round(_LARGEST_LAG_S * rate))
    whole = int(np.floor(lag))
    degraded = degraded[:, max(whole, 0) :]
    target = target[:, max(-whole, 0) :]
    length = min(target.shape[1], degraded.shape[1])
    target, degraded = _delay(target, lag - whole)[:, :length], degraded[:, :length]
    gain = _encoder_gain(target, degraded)
    return Pair(target * np.float32(gain), degraded, rate, lag, gain, stream, max(whole, 0), known)
