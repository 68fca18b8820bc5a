"""Streaming restoration: a file is cut into chunks that are restored independently of each other.

The result of a chunk is a pure function of the samples around it and of (seed, variant, position): the generator reads
the chunk with a halo of at least its receptive field on both sides, and the output for the halo is thrown away. So the
result does not depend on the length of the chunks, nor on the order or the threads in which they are restored.
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

from mp3restore.dsp.stft import OVERLAP
from mp3restore.errors import UsageError
from mp3restore.generator.chunks import MapRows, Passage, with_edges, without_edges
from mp3restore.generator.devices import Device
from mp3restore.generator.noise import CERTAIN, NoiseSource
from mp3restore.generator.session import GeneratorSession
from mp3restore.timings import Timings

if TYPE_CHECKING:
    from mp3restore.generator.model import Model

__all__ = ["DEFAULT_CHUNK_FRAMES", "SAMPLE_RATES", "Restorer"]

# 4.5 s at 44.1 kHz: longer chunks waste less on halos, shorter ones need less memory.
DEFAULT_CHUNK_FRAMES = 384
SAMPLE_RATES = (44100, 48000)
_PLANES = 2
_EDGE_HOPS = 8  # twice the length of a frame
_MOST_THREADS = 4


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Samples with margins on both sides, rows of the map for all frames, first hop, samples to keep, and polarity."""

    samples: NDArray[np.float32]
    uncertainty: NDArray[np.float32] | None
    first_hop: int
    length: int
    polarity: float


@dataclass(frozen=True, slots=True)
class _Draw:
    """One restoration of a file: its noise, and whether to go only as far as the evidence supports."""

    noise: NoiseSource
    by_evidence: bool


class _Polarity:
    """The polarity of a file: the sign of its first sample that is not zero, once that has passed; 1 before."""

    def __init__(self) -> None:
        self.sign = 1.0
        self._known = False

    def tap(self, passages: Iterable[Passage]) -> Iterator[Passage]:
        """Pass passages on, and note the polarity."""
        for passage in passages:
            if not self._known and passage.samples.any():
                in_time = passage.samples.T.ravel()
                self._known, self.sign = True, float(np.sign(in_time[np.argmax(in_time != 0)]))
            yield passage


class Restorer:
    """A loaded model, ready to restore any number of files. Safe to use from several threads.

    Parameters
    ----------
    model : Model
        The model to run.
    threads : int, optional
        Number of chunks restored at the same time, 60 MB each; by default the number of cores, at most 4. The result
        does not depend on it.
    chunk_frames : int
        Length of a chunk in hops. The result depends on it only by rounding (1e-5).
    device : {"auto", "cpu", "cuda", "coreml", "dml"}
        Device to run the generator on; "auto" uses a GPU if there is one.

    Attributes
    ----------
    device : str
        Device that the generator actually runs on.

    Raises
    ------
    ModelError
        If ONNX Runtime cannot load the network.
    UsageError
        If the device is not available.

    Examples
    --------
    >>> import numpy as np
    >>> from mp3restore.generator.model import load_model
    >>> restorer = Restorer(load_model(), threads=1)
    >>> blocks = [np.zeros((2, 30_000), np.float32), np.zeros((2, 14_100), np.float32)]
    >>> restored = list(restorer.stream(blocks, sample_rate=44100, seed=1))
    >>> sum(block.shape[1] for block in restored)
    44100
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
        by_evidence: bool = True,
        timings: Timings | None = None,
    ) -> Iterator[NDArray[np.float32]]:
        """Restore the blocks of a file, with bounded memory.

        Two channels are restored together as mid and side; with any other number, each channel is restored by itself.

        Parameters
        ----------
        blocks : iterable of ndarray of float32, or of Passage
            Finite samples of shape (channels, n), full scale 1.0, or passages that also have rows of the map.
        sample_rate : int
            Rate of the samples in Hz, one of `SAMPLE_RATES`, which the generator has learnt.
        seed, variant : int
            Seed and variant of the draw.
        variety : float, optional
            Factor of z; by default the one of the model for this variant.
        deterministic : bool
            Draw nothing: z is zero, and the noise comes from a key that no draw has.
        by_evidence : bool
            Go as far as the evidence supports, frame by frame and band by band, where the passages have a map;
            otherwise all the way.
        timings : Timings, optional
            Receives the seconds spent in each stage.

        Returns
        -------
        iterator of ndarray of float32
            Restored blocks, shape (channels, m). Together they are exactly as long as the input, without delay.

        Raises
        ------
        UsageError
            If the rate is not one of `SAMPLE_RATES`.
        """
        if sample_rate not in SAMPLE_RATES:
            raise UsageError(f"the generator works at {SAMPLE_RATES[0]} and {SAMPLE_RATES[1]} Hz, not {sample_rate}")
        passages = (block if isinstance(block, Passage) else Passage(block) for block in blocks)
        edge = _EDGE_HOPS * self.hop
        polarity = _Polarity()
        chunks = self._chunks(with_edges(polarity.tap(passages), edge), -_EDGE_HOPS, polarity)
        if variety is None:
            variety = self.model.config.variety_of(variant)
        noise = NoiseSource(*CERTAIN) if deterministic else NoiseSource(seed, variant, variety=variety)
        return without_edges(self._restored(chunks, _Draw(noise, by_evidence), timings), edge)

    def _restored(
        self, chunks: Iterable[_Chunk], draw: _Draw, timings: Timings | None
    ) -> Iterator[NDArray[np.float32]]:
        jobs: deque[tuple[Future[tuple[NDArray[np.float32], Timings]], int]] = deque()
        with ThreadPoolExecutor(self.threads) as pool:
            try:
                for chunk in chunks:
                    job = pool.submit(self._restore_chunk, chunk, draw)
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
            timings.add(spent)
        return samples[:, :length]

    def _chunks(self, passages: Iterable[Passage], first_hop: int, polarity: _Polarity) -> Iterator[_Chunk]:
        """Cut a signal that begins at hop block `first_hop`, and has silence around it, into chunks."""
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

    def _restore_chunk(self, chunk: _Chunk, draw: _Draw) -> tuple[NDArray[np.float32], Timings]:
        """Restore a chunk; `draw.noise` is for the first group of channels of a file that begins upwards."""
        timings = Timings()
        samples = chunk.samples

        def fill(planes: NDArray[np.float32], group: int = 0) -> NDArray[np.float32]:
            drawn = replace(draw.noise, group=group, sign=chunk.polarity)
            return self._generator.fill(
                planes, chunk.uncertainty, chunk.first_hop, drawn, timings, by_evidence=draw.by_evidence
            )

        if samples.shape[0] == _PLANES:
            left, right = samples
            mid, side = (left + right) * np.float32(0.5), (left - right) * np.float32(0.5)
            if side.any():
                mid, side = fill(np.stack([mid, side]))
                added = np.stack([mid + side, mid - side])
            else:
                added = np.repeat(fill(mid[None]), _PLANES, axis=0)
            self._silence(samples, added)
        else:
            added = np.concatenate([fill(channel[None], k) for k, channel in enumerate(samples)])
        added += samples[:, self._generator.margin : -self._generator.margin]
        return added, timings

    def _silence(self, samples: NDArray[np.float32], added: NDArray[np.float32]) -> None:
        """Add nothing to a channel, in place, where its input is digital silence as far as a frame reaches.

        Mid and side cannot tell that only one of the channels has something to restore.
        """
        peaks = np.abs(samples).reshape(samples.shape[0], -1, self.hop).max(axis=-1)
        reach = OVERLAP // 2
        first = self._generator.margin // self.hop - reach
        hops = added.shape[1] // self.hop
        around = sliding_window_view(peaks, 2 * reach + 1, axis=1)[:, first : first + hops].max(axis=-1)
        added.reshape(added.shape[0], hops, self.hop)[around == 0] = 0
