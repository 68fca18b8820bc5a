"""Restore whole files with the networks of the paper."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mp3restore.dsp.stft import OVERLAP
from mp3restore.errors import InputError
from mp3restore.training.networks.frontend import Frontend
from mp3restore.training.paper.networks import HALO_FRAMES, PaperConfig, PaperGenerator, compress, expand

__all__ = ["PaperRestorer"]

_CHUNK_FRAMES = 512


class PaperRestorer:
    """A trained generator of the paper, ready to restore whole files.

    Parameters
    ----------
    checkpoint : Path
        A checkpoint from `PaperTrainer`. Its averaged weights are used.

    Raises
    ------
    InputError
        If it is not a checkpoint of the paper's networks.
    """

    def __init__(self, checkpoint: Path) -> None:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        if "width" not in state["config"]:
            raise InputError("is not a checkpoint of the paper's networks", path=checkpoint)
        self.config = PaperConfig(**state["config"])
        self.generator = PaperGenerator(self.config).requires_grad_(requires_grad=False)
        self.generator.load_state_dict(state["average"])
        self.frontend = Frontend(self.config.fft_size)

    def restore(self, samples: NDArray[np.float32], *, seed: int = 0) -> NDArray[np.float32]:
        """Restore samples (channels, n) channel by channel, all with the same z."""
        return np.stack([self.restore_mono(channel, seed=seed) for channel in samples])

    @torch.no_grad()
    def restore_mono(self, samples: NDArray[np.float32], *, seed: int = 0) -> NDArray[np.float32]:
        """Restore samples (n,) with one z for the whole file; the result is as long, and does not depend on chunks."""
        hop = self.frontend.hop
        z = torch.randn(1, self.config.latents, generator=torch.Generator().manual_seed(seed))
        before = (OVERLAP - 1) * hop
        padded = np.pad(samples, (before, before + -len(samples) % hop))
        spectrum = compress(self.frontend.analyse(torch.from_numpy(padded)))
        frames = spectrum.shape[1]
        parts = []
        for start in range(0, frames, _CHUNK_FRAMES):
            low, stop = max(0, start - HALO_FRAMES), min(start + _CHUNK_FRAMES, frames)
            window = spectrum[None, :, low : min(stop + HALO_FRAMES, frames)]
            parts.append(self.generator(window, z)[0, :, start - low : stop - low])
        restored = self.frontend.synthesise(expand(torch.cat(parts, dim=1)))
        return np.asarray(restored[: len(samples)].numpy(), dtype=np.float32)
