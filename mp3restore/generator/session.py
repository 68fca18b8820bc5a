"""The generator of a model, run by ONNX Runtime on one chunk at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from math import prod
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from mp3restore.dsp.stft import HALF, OVERLAP, analyse_stretches, synthesise
from mp3restore.errors import ModelError
from mp3restore.generator.devices import Device, device_of, providers_for
from mp3restore.generator.evidence import evidence
from mp3restore.generator.excitation import CONTEXT, shape_noise
from mp3restore.generator.noise import NoiseSource
from mp3restore.generator.uncertainty import PLANES, unknown_row
from mp3restore.timings import Timings

if TYPE_CHECKING:
    from mp3restore.generator.model import Model

__all__ = ["GeneratorSession"]

_PLANES = 2


class _Buffers(threading.local):
    """Large arrays that a thread reuses for every chunk.

    New ones would take as long as the transforms that fill them, and the amount of memory that the system keeps for
    each thread would be unpredictable.
    """

    def __init__(self) -> None:
        self._buffers: dict[str, NDArray[np.float32]] = {}

    def get(self, name: str, *shape: int) -> NDArray[np.float32]:
        """Return the array `name` in the given shape, with arbitrary contents."""
        size = prod(shape)
        if name not in self._buffers or self._buffers[name].size < size:
            self._buffers[name] = np.empty(size, np.float32)
        return self._buffers[name][:size].reshape(shape)


class GeneratorSession:
    """The network of a model with the transforms around it. Safe to use from several threads.

    Parameters
    ----------
    model : Model
        The model to run.
    device : {"auto", "cpu", "cuda", "coreml", "dml"}
        Device to run it on.

    Attributes
    ----------
    device : str
        Device that it actually runs on.

    Raises
    ------
    ModelError
        If ONNX Runtime cannot load the network, or the network does not match the model's configuration.
    UsageError
        If the device is not available.
    """

    def __init__(self, model: Model, device: Device) -> None:
        self._config = model.config
        self._hop = model.config.fft_size // OVERLAP
        self._buffers = _Buffers()
        providers = providers_for(device)
        options = ort.SessionOptions()
        # One thread per chunk and several chunks at once: no barriers, and sums always in the same order.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # It would reserve whole blocks for each length of a chunk, on top of the pieces that the first run takes.
        options.enable_mem_pattern = False
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(model.onnx_path, options, providers=providers)
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            raise ModelError(f"ONNX Runtime cannot load the model: {error}", path=model.onnx_path) from error
        self.device = device_of(self._session.get_providers(), device)
        config = model.config
        heard = {"power": self._bins, "uncertainty": PLANES * config.bands, "z": config.latents}
        ports = (*self._session.get_inputs(), *self._session.get_outputs())
        if {port.name: port.shape[-1] for port in ports} != {**heard, "gains": self._gain_bins}:
            raise ModelError("the network does not match its configuration", path=model.onnx_path)

    @property
    def margin(self) -> int:
        """Samples that a chunk needs on either side: the halo, and half a frame; the context of the noise is nearer."""
        return (self._config.halo_frames + OVERLAP // 2) * self._hop

    @property
    def _bins(self) -> int:
        return self._config.fft_size // 2 + 1

    @property
    def _gain_bins(self) -> int:
        return self._hop + 1

    def frames(self, hops: int) -> int:
        """Return the number of frames that the network must see to make `hops` hop blocks.

        Frames are centred on multiples of the hop. Noise is filtered in frames half as long, with the same centres, so
        the two at the limits of a block make it.
        """
        return hops + 1 + 2 * self._config.halo_frames

    def first_row(self, first_hop: int) -> int:
        """Return the row of the uncertainty map for the first such frame."""
        return first_hop - self._config.halo_frames

    def fill(
        self,
        planes: NDArray[np.float32],
        uncertainty: NDArray[np.float32] | None,
        first_hop: int,
        noise: NoiseSource,
        timings: Timings,
        *,
        by_evidence: bool = True,
    ) -> NDArray[np.float32]:
        """Return what a chunk lacks in mid and side, or in mid alone where side is silent: noise, filtered.

        Parameters
        ----------
        planes : ndarray of float32
            Mid and side, shape (2, n + 2 * margin), where n is a multiple of the hop. Mid alone, shape (1, ...), gets
            what it gets with a silent side, by half of the transforms.
        uncertainty : ndarray of float32 or None
            A row of the map for every frame that the network sees; None if nothing is known.
        first_hop : int
            Hop block of the file at which the chunk begins.
        noise : NoiseSource
            The draws.
        timings : Timings
            Receives the seconds spent in each stage.
        by_evidence : bool
            Go as far as the evidence supports, where there is a map; otherwise all the way.

        Returns
        -------
        ndarray of float32
            What to add to the planes, shape (1 or 2, n).
        """
        config, size, halo = self._config, self._config.fft_size, self._config.halo_frames
        around = self.frames((planes.shape[1] - 2 * self.margin) // self._hop)
        kept = around - 2 * halo  # frames of the noise
        with timings.measure("stft"):
            power = self._power(planes, around)
            cut = (halo + 1) * self._hop - CONTEXT
            wave = noise.wave(first_hop - 1, kept + 1, self._hop, _PLANES)[: len(planes)]
            excitation = shape_noise(planes[:, cut : planes.shape[1] - cut], wave, size)
            z = noise.latents(config.latents)
        known = np.tile(unknown_row(config.bands), (around, 1)) if uncertainty is None else uncertainty
        with timings.measure("generator"):
            gains = self._gains(power, np.ascontiguousarray(known), z, kept)
            if by_evidence and uncertainty is not None and config.evidence:
                gains *= evidence(power, uncertainty, config.evidence, halo)

        filtered = timings.measure_items("stft", _filter(excitation, gains[: len(planes)]))
        samples = timings.measure_stage("inverse", partial(synthesise, size=HALF * self._hop, root=True), filtered)
        return np.concatenate(list(samples), axis=1)

    def _power(self, planes: NDArray[np.float32], around: int) -> NDArray[np.float32]:
        """Return the power that the network sees, (2, around, bins)."""
        power = self._buffers.get("power", _PLANES, around, self._bins)
        power[len(planes) :] = 0
        for piece, spectrum in analyse_stretches(planes, self._config.fft_size, hop=self._hop):
            np.abs(spectrum, out=power[: len(planes), piece])
            power[: len(planes), piece] *= power[: len(planes), piece]
        return power

    def _gains(
        self, power: NDArray[np.float32], uncertainty: NDArray[np.float32], z: NDArray[np.float32], kept: int
    ) -> NDArray[np.float32]:
        """Run the network; return the gain of every bin of the noise: (2 planes, kept, gain bins)."""
        binding = self._session.io_binding()
        for name, values in (("power", power), ("uncertainty", uncertainty), ("z", z)):
            binding.bind_cpu_input(name, values[None])
        gains = self._buffers.get("gains", _PLANES, kept, self._gain_bins)
        binding.bind_output("gains", "cpu", 0, np.float32, (1, *gains.shape), gains.ctypes.data)
        self._session.run_with_iobinding(binding)
        return gains


def _filter(excitation: NDArray[np.float32], gains: NDArray[np.float32]) -> Iterator[NDArray[np.complex64]]:
    """Multiply the STFT of an excitation (planes, n) by gains (planes, frames, bins), a stretch of frames at a time."""
    hop = gains.shape[-1] - 1
    for piece, spectrum in analyse_stretches(excitation, HALF * hop, hop=hop, root=True):
        yield np.multiply(spectrum, gains[:, piece], out=spectrum)
