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
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from mp3restore.devices import Device
from mp3restore.edges import MapRows, Passage, with_edges, without_edges
from mp3restore.errors import UsageError
from mp3restore.generator import GeneratorSession
from mp3restore.noise import NoiseSource
from mp3restore.stft import OVERLAP
from mp3restore.timings import Timings

if TYPE_CHECKING:
    from mp3restore.models import Model

__all__ = ["DEFAULT_CHUNK_FRAMES", "SAMPLE_RATES", "Restorer"]

# 4.5 s at 44.1 kHz: longer chunks waste less on halos, shorter ones need less memory.
DEFAULT_CHUNK_FRAMES = 384
SAMPLE_RATES = (44100, 48000)
_PLANES = 2
_EDGE_HOPS = 8  # twice the length of a frame
_MOST_THREADS = 4


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Samples with margins on both sides, rows of the map for all its frames, first hop, samples to keep, polarity."""

    samples: NDArray[np.float32]
    uncertainty: NDArray[np.float32] | None
    first_hop: int
    length: int
    polarity: float


class _Polarity:
    """Which way up a file is: the sign of its first sample that is not zero, as soon as that has passed; 1 before."""

    def __init__(self) -> None:
        self.sign = 1.0
        self._known = False

    def watch(self, passages: Iterable[Passage]) -> Iterator[Passage]:
        """Pass passages on."""
        for passage in passages:
            if not self._known and passage.samples.any():
                in_time = passage.samples.T.ravel()
                self._known, self.sign = True, float(np.sign(in_time[np.argmax(in_time != 0)]))
            yield passage


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
        self._generator = GeneratorSession(model, device)
        self.device = self._generator.device

    def stream(
        self,
        blocks: Iterable[NDArray[np.float32] | Passage],
        *,
        sample_rate: int,
        seed: int = 0,
        variant: int = 1,
        variety: float | None = None,
        deterministic: bool = False,
        timings: Timings | None = None,
    ) -> Iterator[NDArray[np.float32]]:
        """Restore blocks of shape (channels, n) of finite samples, full scale 1.0, or passages of a file.

        `sample_rate` in Hz must be one that the generator learnt (`SAMPLE_RATES`).

        The yielded blocks have together exactly the length of the input and no delay. Two channels are restored
        together as mid and side; any other number, each channel by itself.

        `variety` multiplies z; by default the model says by how much (`ModelConfig.variety_of`). `deterministic` draws
        nothing: z and the noise are zero.

        Raises
        ------
        UsageError
            If the rate is another.
        """
        if sample_rate not in SAMPLE_RATES:
            raise UsageError(f"the generator works at {SAMPLE_RATES[0]} and {SAMPLE_RATES[1]} Hz, not {sample_rate}")
        passages = (block if isinstance(block, Passage) else Passage(block) for block in blocks)
        edge = _EDGE_HOPS * self.hop
        polarity = _Polarity()
        chunks = self._chunks(with_edges(polarity.watch(passages), edge), -_EDGE_HOPS, polarity)
        if variety is None:
            variety = self.model.config.variety_of(variant)
        noise = None if deterministic else NoiseSource(seed, variant, variety=variety)
        return without_edges(self._restored(chunks, noise, timings), edge)

    def _restored(
        self, chunks: Iterable[_Chunk], noise: NoiseSource | None, timings: Timings | None
    ) -> Iterator[NDArray[np.float32]]:
        jobs: deque[tuple[Future[tuple[NDArray[np.float32], Timings]], int]] = deque()
        with ThreadPoolExecutor(self.threads) as pool:
            try:
                for chunk in chunks:
                    job = pool.submit(self._restore_chunk, chunk, noise)
                    jobs.append((job, chunk.length))
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

    def _chunks(self, passages: Iterable[Passage], first_hop: int, polarity: _Polarity) -> Iterator[_Chunk]:
        """Cut what begins at hop block `first_hop`; silence surrounds it."""
        size, margin = self.chunk_frames * self.hop, self._generator.margin
        samples: NDArray[np.float32] | None = None
        rows: MapRows | None = None
        for passage in passages:
            if samples is None:
                samples = np.zeros((passage.samples.shape[0], margin), np.float32)
            samples = np.concatenate([samples, passage.samples], axis=1)
            if passage.uncertainty is not None:
                rows = rows or MapRows(self._generator.first_row(first_hop), passage.uncertainty.shape[1])
                rows.push(passage.uncertainty)
            frames = self._generator.frames(self.chunk_frames)
            while samples.shape[1] >= size + 2 * margin and (rows is None or rows.count >= frames):
                known = None if rows is None else rows.take(frames, self.chunk_frames)
                yield _Chunk(samples[:, : size + 2 * margin], known, first_hop, size, polarity.sign)
                samples = samples[:, size:]
                first_hop += self.chunk_frames
        left = 0 if samples is None else samples.shape[1] - margin
        while samples is not None and left > 0:
            length = min(size, left)
            hops = -(-length // self.hop)
            padding = max(0, hops * self.hop + 2 * margin - samples.shape[1])
            padded = np.pad(samples, ((0, 0), (0, padding)))[:, : hops * self.hop + 2 * margin]
            known = None if rows is None else rows.take(self._generator.frames(hops), hops)
            yield _Chunk(padded, known, first_hop, length, polarity.sign)
            samples = samples[:, length:]
            first_hop += hops
            left -= length

    def _restore_chunk(self, chunk: _Chunk, noise: NoiseSource | None) -> tuple[NDArray[np.float32], Timings]:
        """Restore a chunk; `noise` draws for the first group of channels of a file that begins upwards."""
        timings = Timings()
        samples = chunk.samples

        def restore(planes: NDArray[np.float32], group: int = 0) -> NDArray[np.float32]:
            drawn = None if noise is None else replace(noise, group=group, sign=chunk.polarity)
            return self._generator.restore(planes, chunk.uncertainty, chunk.first_hop, drawn, timings)

        if samples.shape[0] == _PLANES:
            left, right = samples
            mid, side = restore(np.stack([(left + right) * np.float32(0.5), (left - right) * np.float32(0.5)]))
            restored = np.stack([mid + side, mid - side])
            self._silence(samples, restored)
        else:
            silence = np.zeros_like(samples[0])
            restored = np.stack([restore(np.stack([channel, silence]), k)[0] for k, channel in enumerate(samples)])
        return restored, timings

    def _silence(self, samples: NDArray[np.float32], restored: NDArray[np.float32]) -> None:
        """Keep a channel silent, in place, where its input is digitally silent as far as a frame reaches.

        Mid and side do not know that only one of the channels has something to restore.
        """
        peaks = np.abs(samples).reshape(samples.shape[0], -1, self.hop).max(axis=-1)
        reach = OVERLAP - 1
        first = self._generator.margin // self.hop - reach
        hops = restored.shape[1] // self.hop
        around = sliding_window_view(peaks, 2 * reach + 1, axis=1)[:, first : first + hops].max(axis=-1)
        restored.reshape(restored.shape[0], hops, self.hop)[around == 0] = 0
