"""Streaming restoration: a file is cut into chunks that know nothing of each other.

A chunk of hop blocks is a pure function of the samples around it and of (seed, variant, position): it reads the chunk
with a halo of at least the generator's receptive field on both sides and throws the halo's output away. So the result
depends neither on the length of the chunks nor on the order or the threads in which they are made.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime as ort
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from mp3restore.devices import Device, device_of, providers_for
from mp3restore.errors import ModelError, UsageError
from mp3restore.excitation import CONTEXT, EXCITATIONS, excite
from mp3restore.noise import NoiseSource
from mp3restore.stft import OVERLAP, analyse, synthesise
from mp3restore.timings import Timings

if TYPE_CHECKING:
    from mp3restore.models import Model

__all__ = ["DEFAULT_CHUNK_FRAMES", "SAMPLE_RATES", "Restorer"]

# 3 s at 44.1 kHz: longer chunks waste less on halos, shorter ones need less memory.
DEFAULT_CHUNK_FRAMES = 256
SAMPLE_RATES = (44100, 48000)
_PLANES = 2
_MOST_THREADS = 4


class Restorer:
    """A loaded model, ready to restore any number of files. Safe to use from several threads.

    Parameters
    ----------
    model
        The model to run.
    threads
        Chunks restored at the same time, 60 MB each; all cores by default, at most 4. The result does not depend on it.
    chunk_frames
        Length of a chunk in hops. The result does not depend on it beyond rounding (1e-5).

    device
        What the generator runs on; "auto" takes a GPU if there is one. The attribute `device` says what it has got.

    Raises
    ------
    ModelError
        If ONNX Runtime cannot load the network.
    UsageError
        If the device cannot be had.
    """

    def __init__(
        self,
        model: Model,
        *,
        threads: int | None = None,
        chunk_frames: int = DEFAULT_CHUNK_FRAMES,
        device: Device = "auto",
    ) -> None:
        self.model = model
        self.threads = threads or min(os.cpu_count() or 1, _MOST_THREADS)
        self.chunk_frames = chunk_frames
        self.hop = model.config.fft_size // OVERLAP
        providers = providers_for(device)
        options = ort.SessionOptions()
        # One thread per chunk and several chunks at once: no barriers, and sums always in the same order.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(model.onnx_path, options, providers=providers)
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            raise ModelError(f"ONNX Runtime cannot load the model: {error}", path=model.onnx_path) from error
        self.device = device_of(self._session.get_providers(), device)
        found = {i.name: i.shape[-1] for i in self._session.get_inputs()}
        bins, latents = model.config.fft_size // 2 + 1, model.config.frame_latents + model.config.file_latents
        if found != {"spectrum": bins, "z": latents, **dict.fromkeys(EXCITATIONS, bins)}:
            raise ModelError("the network's inputs are not those of its configuration", path=model.onnx_path)

    def stream(
        self,
        blocks: Iterable[NDArray[np.float32]],
        *,
        sample_rate: int,
        seed: int = 0,
        variant: int = 1,
        deterministic: bool = False,
        timings: Timings | None = None,
    ) -> Iterator[NDArray[np.float32]]:
        """Restore blocks of shape (channels, n) of finite samples, full scale 1.0.

        `sample_rate` in Hz must be one that the generator learnt (`SAMPLE_RATES`).

        The yielded blocks have together exactly the length of the input and no delay. Two channels are restored
        together as mid and side; any other number, each channel by itself.

        `deterministic` draws nothing: z and the noise are zero.

        Raises
        ------
        UsageError
            If the rate is another.
        """
        if sample_rate not in SAMPLE_RATES:
            raise UsageError(f"the generator works at {SAMPLE_RATES[0]} and {SAMPLE_RATES[1]} Hz, not {sample_rate}")
        jobs: deque[tuple[Future[tuple[NDArray[np.float32], Timings]], int]] = deque()
        with ThreadPoolExecutor(self.threads) as pool:
            try:
                for padded, first_hop, length in self._chunks(blocks):
                    job = pool.submit(self._restore_chunk, padded, first_hop, seed, variant, deterministic)
                    jobs.append((job, length))
                    if len(jobs) > self.threads:
                        yield self._finish(*jobs.popleft(), timings)
                while jobs:
                    yield self._finish(*jobs.popleft(), timings)
            finally:
                for job, _ in jobs:
                    job.cancel()

    @staticmethod
    def _finish(
        job: Future[tuple[NDArray[np.float32], Timings]], length: int, timings: Timings | None
    ) -> NDArray[np.float32]:
        samples, spent = job.result()
        if timings is not None:
            for name, seconds in spent.seconds.items():
                timings.seconds[name] = timings.seconds.get(name, 0.0) + seconds
        return samples[:, :length]

    @property
    def _margin(self) -> int:
        """Samples that a chunk needs on either side: halo, the frames over its edge, context of the excitations."""
        return (self.model.config.halo_frames + OVERLAP - 1) * self.hop + CONTEXT

    def _chunks(self, blocks: Iterable[NDArray[np.float32]]) -> Iterator[tuple[NDArray[np.float32], int, int]]:
        """(samples with margins on both sides, first hop, number of samples to keep); silence surrounds the file."""
        size = self.chunk_frames * self.hop
        margin = self._margin
        buffer: NDArray[np.float32] | None = None
        first_hop = 0
        for block in blocks:
            if buffer is None:
                buffer = np.zeros((block.shape[0], margin), np.float32)
            buffer = np.concatenate([buffer, block], axis=1)
            while buffer.shape[1] >= size + 2 * margin:
                yield buffer[:, : size + 2 * margin], first_hop, size
                buffer = buffer[:, size:]
                first_hop += self.chunk_frames
        left = 0 if buffer is None else buffer.shape[1] - margin
        while buffer is not None and left > 0:
            length = min(size, left)
            hops = -(-length // self.hop)
            padding = max(0, hops * self.hop + 2 * margin - buffer.shape[1])
            padded = np.pad(buffer, ((0, 0), (0, padding)))[:, : hops * self.hop + 2 * margin]
            yield padded, first_hop, length
            buffer = buffer[:, length:]
            first_hop += hops
            left -= length

    def _restore_chunk(
        self, samples: NDArray[np.float32], first_hop: int, seed: int, variant: int, deterministic: bool
    ) -> tuple[NDArray[np.float32], Timings]:
        timings = Timings()
        if samples.shape[0] == _PLANES:
            left, right = samples
            planes = np.stack([(left + right) * np.float32(0.5), (left - right) * np.float32(0.5)])
            noise = None if deterministic else NoiseSource(seed, variant)
            mid, side = self._restore_planes(planes, first_hop, noise, timings)
            restored = np.stack([mid + side, mid - side])
            self._silence(samples, restored)
            return restored, timings
        restored = np.empty((samples.shape[0], samples.shape[1] - 2 * self._margin), np.float32)
        for k, channel in enumerate(samples):
            planes = np.stack([channel, np.zeros_like(channel)])
            noise = None if deterministic else NoiseSource(seed, variant, group=k)
            restored[k] = self._restore_planes(planes, first_hop, noise, timings)[0]
        return restored, timings

    def _silence(self, samples: NDArray[np.float32], restored: NDArray[np.float32]) -> None:
        """Keep a channel silent, in place, where its input is digitally silent as far as a frame reaches.

        Mid and side do not know that only one of the channels has something to restore.
        """
        peaks = np.abs(samples).reshape(samples.shape[0], -1, self.hop).max(axis=-1)
        reach = OVERLAP - 1
        first = self._margin // self.hop - reach
        hops = restored.shape[1] // self.hop
        around = sliding_window_view(peaks, 2 * reach + 1, axis=1)[:, first : first + hops].max(axis=-1)
        restored.reshape(restored.shape[0], hops, self.hop)[around == 0] = 0

    def _restore_planes(
        self, planes: NDArray[np.float32], first_hop: int, noise: NoiseSource | None, timings: Timings
    ) -> NDArray[np.float32]:
        """Mid and side (2, n + 2 * margin) to restored mid and side (2, n)."""
        config = self.model.config
        before = config.halo_frames + OVERLAP - 1  # hops before the chunk that the frames cover
        with timings.measure("stft"):
            inner = planes[:, CONTEXT:-CONTEXT]
            hops = inner.shape[1] // self.hop
            wave = None if noise is None else noise.wave(first_hop - before, hops, self.hop, _PLANES)
            spectrum = _parts(analyse(inner, config.fft_size))
            z = self._latents(first_hop - config.halo_frames, spectrum.shape[2], noise)
            inputs = {"spectrum": spectrum[None], "z": z[None]}
            for name, excitation in zip(EXCITATIONS, excite(planes, wave, config.fft_size), strict=True):
                inputs[name] = _parts(excitation)[None]
        with timings.measure("generator"):
            (restored,) = self._session.run(["restored"], inputs)
        with timings.measure("inverse"):
            kept = restored[0][:, :, config.halo_frames : restored.shape[3] - config.halo_frames]
            complex_spectrum = np.empty((_PLANES, *kept.shape[2:]), np.complex64)
            complex_spectrum.real, complex_spectrum.imag = kept[:, 0], kept[:, 1]
            return synthesise(complex_spectrum, config.fft_size)

    def _latents(self, first_frame: int, frames: int, noise: NoiseSource | None) -> NDArray[np.float32]:
        """z of all frames: (frames, frame_latents + file_latents)."""
        config = self.model.config
        z = np.zeros((frames, config.frame_latents + config.file_latents), np.float32)
        if noise is not None:
            z[:, : config.frame_latents] = noise.frame_latents(first_frame, frames, config.frame_latents)
            z[:, config.frame_latents :] = noise.file_latents(config.file_latents)
        return z


def _parts(spectrum: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Complex (planes, frames, bins) to real (planes, 2 parts, frames, bins), the layout of the network."""
    planes, frames, bins = spectrum.shape
    parts = np.empty((planes, 2, frames, bins), np.float32)
    parts[:, 0], parts[:, 1] = spectrum.real, spectrum.imag
    return parts
