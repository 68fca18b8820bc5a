"""Score a restoration against the original. Signals are mono or stereo, (channels, samples), and aligned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from mp3restore.dsp.resample import resample_stream
from mp3restore.dsp.stft import analyse, mel_bands
from mp3restore.errors import MissingExtraError
from mp3restore.training.networks.known import GUARD_HZ

__all__ = ["HIGHER_IS_BETTER", "METRICS", "Scorer", "mono_mix"]

_SIZE = 2048
_PERCEPTUAL_RATE = 48000
_WHOLE_BAND_HZ = 20000.0  # an original that reaches this far lacks nothing audible
_SLOPE_HZ = 300.0

HIGHER_IS_BETTER = {
    "log_mel": False, "lsd": False, "lsd_low": False, "lsd_mid": False, "lsd_high": False,
    "si_sdr": True, "visqol": True, "zimtohrli": True,
}  # fmt: skip
METRICS = tuple(HIGHER_IS_BETTER)


@dataclass(frozen=True, slots=True)
class Scorer:
    """Computes all scores of one clip.

    Parameters
    ----------
    perceptual : bool
        Also compute ViSQOL (audio mode) and Zimtohrli, which need the extra ``eval``.
    """

    perceptual: bool = False

    def scores(
        self, original: NDArray[np.float32], other: NDArray[np.float32], sample_rate: int, bandwidth_hz: float
    ) -> dict[str, float]:
        """Return all scores of `other`; frequencies above `bandwidth_hz`, where the original itself ends, do not count.

        - ``log_mel``: mean absolute difference in dB of 48 mel bands (floor 1e-6);
        - ``lsd``: log-spectral distance in dB, root mean square over bins, mean over frames, floor 1e-8; also in the
          bands below 4 kHz (``low``), 4-8 kHz (``mid``) and 8-16 kHz (``high``);
        - ``si_sdr``: scale-invariant signal-to-distortion ratio in dB (Le Roux et al. 2019, eq. 4);
        - ``visqol``, ``zimtohrli``: mean opinion scores of the mono mix at 48 kHz, all signals cut at `bandwidth_hz`.
        """
        hz = np.arange(_SIZE // 2 + 1) * sample_rate / _SIZE
        known = hz <= max(bandwidth_hz - GUARD_HZ, 1000.0)
        powers = [np.abs(analyse(signal, _SIZE)).astype(np.float64) ** 2 for signal in (original, other)]
        result = {"log_mel": _log_mel(powers[0], powers[1], known)}
        difference = 10 * (np.log10(powers[0] + 1e-8) - np.log10(powers[1] + 1e-8))
        bands = {"lsd": (0, 1e9), "lsd_low": (0, 4000), "lsd_mid": (4000, 8000), "lsd_high": (8000, 16000)}
        for name, (low, high) in bands.items():
            inside = known & (hz >= low) & (hz < high)
            result[name] = float(np.sqrt((difference[..., inside] ** 2).mean(-1)).mean()) if inside.any() else 0.0
        result["si_sdr"] = _si_sdr(original, other)
        if self.perceptual:
            result |= _perceptual(*(mono_mix(s, sample_rate, bandwidth_hz) for s in (original, other)))
        return result


def _log_mel(original: NDArray[np.float64], other: NDArray[np.float64], known: NDArray[np.bool_]) -> float:
    bands = mel_bands(48, original.shape[-1]).astype(np.float64)
    inside = (bands * known).sum(1) > 0.5 * bands.sum(1)
    levels = [10 * np.log10((power * known) @ bands[inside].T + 1e-6) for power in (original, other)]
    return float(np.abs(levels[0] - levels[1]).mean())


def _si_sdr(original: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    reference, estimate = original.ravel().astype(np.float64), other.ravel().astype(np.float64)
    target = reference * (np.vdot(estimate, reference) / (np.vdot(reference, reference) + 1e-12))
    noise = estimate - target
    return float(10 * np.log10((np.vdot(target, target) + 1e-12) / (np.vdot(noise, noise) + 1e-12)))


_visqol: list[Callable[[NDArray[np.float64], NDArray[np.float64]], float]] = []


def _visqol_score(reference: NDArray[np.float64], degraded: NDArray[np.float64]) -> float:
    """Return the ViSQOL score in audio mode; the model is loaded once per process."""
    if not _visqol:
        from visqol import VisqolApi  # noqa: PLC0415 - an optional dependency

        api = VisqolApi()
        api.create(mode="audio")
        _visqol.append(lambda a, b: float(api.measure_from_arrays(a, b, _PERCEPTUAL_RATE).moslqo))
    return _visqol[0](reference, degraded)


def mono_mix(signal: NDArray[np.float32], sample_rate: int, bandwidth_hz: float) -> NDArray[np.float32]:
    """Return (channels, samples) as perceptual metrics hear it: mono at 48 kHz, with nothing above the bandwidth."""
    mono = signal.mean(0, keepdims=True)
    if bandwidth_hz < _WHOLE_BAND_HZ:
        spectrum = scipy.fft.rfft(mono)
        hz = scipy.fft.rfftfreq(mono.shape[1], 1 / sample_rate)
        fall = np.clip((bandwidth_hz - hz) / _SLOPE_HZ, 0, 1)
        mono = scipy.fft.irfft(spectrum * np.sin(np.pi / 2 * fall).astype(np.float32) ** 2, n=mono.shape[1])
    mixed: NDArray[np.float32] = np.concatenate(list(resample_stream([mono], sample_rate, _PERCEPTUAL_RATE)), axis=1)[0]
    return mixed


def _perceptual(original: NDArray[np.float32], other: NDArray[np.float32]) -> dict[str, float]:
    try:
        import visqol  # noqa: F401, PLC0415
        import zimtohrli  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError(
            f"{error.name} is not installed", hint="pip install 'mp3restore[train,eval]'"
        ) from error
    reference, degraded = (np.clip(m, -1, 1).astype(np.float64) for m in (original, other))
    return {
        "visqol": _visqol_score(reference, degraded),
        "zimtohrli": float(zimtohrli.mos_from_signals(original, other)),
    }
