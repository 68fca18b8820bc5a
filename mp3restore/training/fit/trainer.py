"""One step of training: two draws, their distance from the original, and the critic's verdict on them."""

from __future__ import annotations

import copy
import math
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mp3restore.dsp.stft import OVERLAP
from mp3restore.errors import UsageError
from mp3restore.generator.excitation import CONTEXT
from mp3restore.training.data.segments import Batch
from mp3restore.training.export.weights import read_weights
from mp3restore.training.fit.descent import check_finite, descend, follow, write_checkpoint
from mp3restore.training.networks import similarity
from mp3restore.training.networks.attacks import attack_score
from mp3restore.training.networks.critic import Critic, CriticConfig, critic_loss, generator_losses
from mp3restore.training.networks.frontend import Frontend, to_parts
from mp3restore.training.networks.generator import Generator, GeneratorConfig, power_of
from mp3restore.training.networks.known import BLOCK, Known
from mp3restore.training.networks.objective import (
    RESOLUTIONS,
    Distance,
    band_weights,
    distortion_db,
    magnitudes,
    share_kept,
    spectral_distance,
    waveform_distance,
)
from mp3restore.training.networks.pooled import pooled_score

__all__ = ["FitConfig", "Trainer"]

# Frames at either end of a segment, whose context is cut off, are not judged.
_MARGIN_FRAMES = 12


@dataclass(frozen=True, slots=True)
class FitConfig:
    """Everything that decides a training run, saved beside its checkpoints.

    `map_dropout` is the share of segments whose uncertainty map is withheld. A run that is not `stochastic` has neither
    z nor noise, and no reward for diversity.
    """

    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    distance: Distance = field(default_factory=Distance)
    critic: CriticConfig = field(default_factory=CriticConfig)
    stochastic: bool = True
    map_dropout: float = 0.1
    steps: int = 20_000
    batch: int = 12
    frames: int = 96
    learning_rate: float = 8e-4
    warm_up: int = 200
    ema_decay: float = 0.998
    seed: int = 0
    checkpoint_minutes: float = 4.0
    validation_minutes: float = 20.0


@dataclass(frozen=True, slots=True)
class _Segment:
    """A batch as the networks see it, and the signals to compare the draws with."""

    spectrum: Tensor
    envelope: Tensor
    target: Tensor
    """Original planes (batch, 2, samples) of the judged stretch; likewise `degraded`."""
    degraded: Tensor
    placed: Tensor
    """Spectrum of the original in the judged frames, (batch, 2 planes, 2 parts, frames, bins)."""
    known: Known


class Trainer:
    """State of a run: generator, its moving average, critic if there is one, optimisers and step."""

    def __init__(self, config: FitConfig, device: torch.device) -> None:
        torch.manual_seed(config.seed)
        self.config = config
        self.device = device
        self.generator = Generator(config.generator).to(device)
        self.average = copy.deepcopy(self.generator).requires_grad_(requires_grad=False)
        decayed = [p for p in self.generator.parameters() if p.ndim > 1]
        plain = [p for p in self.generator.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.8, 0.98))
        self.frontend = Frontend(config.generator.fft_size)
        self.step = 0
        self.critic: Critic | None = None
        if config.critic.wanted:
            self.critic = Critic(config.critic).to(device)
            rate = config.critic.learning_rate
            self.critic_optimiser = torch.optim.AdamW(self.critic.parameters(), lr=rate, betas=(0.5, 0.9))

    def learning_rate(self) -> float:
        """Return the learning rate: a linear warm-up, then half a cosine down to a fiftieth."""
        c = self.config
        progress = min(1.0, self.step / c.steps)
        return c.learning_rate * min(1.0, (self.step + 1) / c.warm_up) * (0.51 + 0.49 * math.cos(math.pi * progress))

    def update(self, batch: Batch, rng: np.random.Generator) -> dict[str, float]:
        """Take one optimiser step of generator and critic, and return the losses; raise if one is not finite."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate()
        segment = self._segment(batch)
        draws = self._draws(segment, batch)
        total, parts = self._energy(segment, batch, draws, rng)
        if self.critic is not None:
            judged, more = self._judge(self.critic, segment, draws[0], rng)
            total, parts = total + judged, parts | more
        values = {"loss": total, **parts}
        numbers = {name: float(value.detach()) for name, value in values.items()}
        check_finite(numbers, self.step)
        descend(self.generator, self.optimiser, total)
        self.step += 1
        follow(self.average, self.generator, step=self.step, decay=self.config.ema_decay)
        return numbers

    @torch.no_grad()
    def _segment(self, batch: Batch) -> _Segment:
        front = self.frontend
        original, degraded = (s[..., CONTEXT:-CONTEXT] for s in (batch.original, batch.degraded))
        trim = _MARGIN_FRAMES * front.hop
        placed = to_parts(front.analyse(original))[..., _MARGIN_FRAMES:-_MARGIN_FRAMES, :]
        return _Segment(
            spectrum=to_parts(front.analyse(degraded)).contiguous(),
            envelope=front.envelope(batch.degraded),
            target=original[..., trim:-trim],
            degraded=degraded[..., trim:-trim],
            placed=placed,
            known=Known(batch.sample_rate, batch.bandwidth_hz, batch.dominated[:, (CONTEXT + trim) // BLOCK :]),
        )

    def _draws(self, segment: _Segment, batch: Batch) -> list[Tensor]:
        """Return spectra of two draws, (batch, 2 planes, 2 parts, frames, bins); of one if the run is deterministic."""
        generator, stochastic = self.generator, self.config.stochastic
        with torch.autocast(self.device.type, torch.bfloat16):
            encoded = generator.encode(power_of(segment.spectrum), batch.uncertainty)
        draws = []
        shape = batch.degraded[..., CONTEXT:-CONTEXT].shape
        for _ in range(2 if stochastic else 1):
            noise = torch.rand(shape, device=self.device).sub_(0.5).mul_(12**0.5 if stochastic else 0.0)
            z = torch.randn(len(noise), self.config.generator.latents, device=self.device)
            with torch.autocast(self.device.type, torch.bfloat16):
                gains = generator.decode(encoded, z if stochastic else torch.zeros_like(z))
            fill = self.frontend.filter(self.frontend.noise(noise, segment.envelope), gains.float())
            draws.append(segment.spectrum + to_parts(self.frontend.analyse(fill)))
        return draws

    def _energy(
        self, segment: _Segment, batch: Batch, draws: list[Tensor], rng: np.random.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the energy distance at one random resolution, on one random plane (L, R, M or S) of each item."""
        distance = self.config.distance
        plane = _random_planes(rng, batch.original)
        of_spectrum = plane[..., None, None]
        resolution = int(rng.choice(RESOLUTIONS))
        target = (segment.target * plane).sum(1)
        level = target.square().mean(-1, keepdim=True).sqrt() + 1e-4
        wanted = magnitudes(target / level, resolution)
        weights = band_weights(segment.known, resolution, resolution // 2, wanted.shape[1])
        degraded = (segment.degraded * plane).sum(1)
        heard, judged, spectra = [], [], []
        for draw in draws:
            chosen = (draw * of_spectrum).sum(1)
            spectra.append(chosen[:, :, _MARGIN_FRAMES:-_MARGIN_FRAMES])
            heard.append(self._samples(chosen))
            judged.append(magnitudes(heard[-1] / level, resolution))
        to_target = torch.stack([spectral_distance(g, wanted, weights, distance) for g in judged]).mean(0)
        given = magnitudes(degraded / level, resolution)
        likely = torch.stack([wanted, *judged]).detach().square().mean(0)
        lost = weights * (1 - share_kept(given.square(), likely))
        apart = spectral_distance(judged[0], judged[-1], lost, distance)
        harm = (to_target - spectral_distance(given, wanted, weights, distance)).relu()
        placed = (segment.placed * of_spectrum).sum(1)
        kept = (segment.spectrum * of_spectrum).sum(1)[:, :, _MARGIN_FRAMES:-_MARGIN_FRAMES]
        front = self.frontend
        native = band_weights(segment.known, self.config.generator.fft_size, front.hop, placed.shape[2])
        native = native * share_kept(kept.square().sum(1), placed.square().sum(1))
        off = torch.stack([waveform_distance(s, placed, level, native) for s in spectra]).mean(0)
        distorted = torch.stack([distortion_db(s, placed) for s in spectra]).mean(0)
        energy = distance.energy * (2 * to_target - distance.diversity * apart) + distance.harm * harm
        unlike, worse = _unlikeness(segment.known, target, degraded, heard)
        looks = distance.similarity * (unlike + distance.harm * worse)
        signals = (target / level, heard[0] / level, heard[-1] / level)
        pooled, levels = pooled_score(*signals, segment.known)
        attacks, flatter = attack_score(*signals, segment.known)
        looks = looks + distance.pooled * pooled + distance.attacks * attacks
        total = (energy + looks + distance.waveform * off + distance.distortion * distorted).mean()
        parts = levels | {
            "pooled": pooled, "attacks": attacks, "flatter": flatter, "distance": to_target, "spread": apart,
            "harm": harm, "unlike": unlike, "worse": worse, "off": off, "distortion": distorted,
        }  # fmt: skip
        return total, {name: value.mean() for name, value in parts.items()}

    def _judge(
        self, critic: Critic, segment: _Segment, draw: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Train the critic for one step at a random resolution; return its terms in the loss of the generator."""
        config = self.config.critic
        size = int(rng.choice(config.sizes))
        level = segment.target.square().mean((-2, -1), keepdim=True).sqrt() + 1e-4
        # A third of the stretch, wherever, takes a third of the time.
        blocks = segment.target.shape[-1] // BLOCK
        first, length = int(rng.integers(blocks - blocks // 3 + 1)) * BLOCK, blocks // 3 * BLOCK
        restored, original, degraded = (
            _left_right(planes[..., first : first + length] / level)
            for planes in (self._samples(draw), segment.target, segment.degraded)
        )
        heard = replace(segment.known, dominated=segment.known.dominated[:, first // BLOCK :])
        known = heard.bins(size, size // 2, (length - size) // (size // 2) + 1)
        with torch.autocast(self.device.type, torch.bfloat16):
            verdicts = [critic(s, degraded, size, known) for s in (original, restored.detach())]
            wrong = critic_loss(*verdicts)
        descend(critic, self.critic_optimiser, wrong)
        with torch.autocast(self.device.type, torch.bfloat16):
            with torch.no_grad():
                expected = critic(original, degraded, size, known)
            # The critic accumulates gradients here, which are discarded before its next step.
            adversarial, features = generator_losses(expected, critic(restored, degraded, size, known))
        total = config.adversarial * adversarial.float() + config.features * features.float()
        return total, {"critic": wrong, "adversarial": adversarial, "features": features}

    def _samples(self, spectrum: Tensor) -> Tensor:
        """Convert spectra (..., 2 parts, frames, bins) of all frames to samples of the judged stretch."""
        trim = (_MARGIN_FRAMES - OVERLAP + 1) * self.frontend.hop
        samples = self.frontend.synthesise(torch.complex(spectrum[..., 0, :, :], spectrum[..., 1, :, :]))
        return samples[..., trim:-trim]

    def save(self, path: Path) -> None:
        """Write everything needed to resume, under a temporary name first."""
        state = {
            "generator": self.generator.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "config": asdict(self.config),
        }
        if self.critic is not None:
            state |= {"critic": self.critic.state_dict(), "critic_optimiser": self.critic_optimiser.state_dict()}
        write_checkpoint(path, state)

    def begin_with(self, path: Path) -> None:
        """Load the averaged weights of another run's checkpoint, or those of a model folder."""
        if path.is_dir():
            weights = read_weights(path, self.config.generator)
        elif path.is_file():
            weights = torch.load(path, map_location=self.device, weights_only=True)["average"]
        else:
            raise UsageError("no such checkpoint or model folder", path=path)
        self.generator.load_state_dict(weights)
        self.average.load_state_dict(weights)

    def load(self, path: Path) -> None:
        """Resume from a checkpoint."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.generator.load_state_dict(state["generator"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]
        if self.critic is not None:
            self.critic.load_state_dict(state["critic"])
            self.critic_optimiser.load_state_dict(state["critic_optimiser"])


def _left_right(planes: Tensor) -> Tensor:
    """Convert mid and side (batch, 2, samples) to left and right."""
    return torch.stack([planes[:, 0] + planes[:, 1], planes[:, 0] - planes[:, 1]], dim=1)


def _random_planes(rng: np.random.Generator, planes: Tensor) -> Tensor:
    """Return weights of mid and side (batch, 2, 1) that select left, right, mid or side; mid if there is no side."""
    choices = np.array([[1, 1], [1, -1], [1, 0], [0, 1]], np.float32)
    drawn = torch.from_numpy(choices[rng.choice(4, size=len(planes), p=(0.35, 0.35, 0.15, 0.15))]).to(planes.device)
    power = planes.square().mean(-1)
    mono = power[:, 1] < 1e-5 * power[:, 0]
    drawn[mono] = drawn.new_tensor([1.0, 0.0])
    return drawn.unsqueeze(-1)


def _unlikeness(whole: Known, target: Tensor, degraded: Tensor, draws: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Return how dissimilar the spectrograms of draws are to the original's, and by how much more than the MP3's is."""
    original, given, *drawn = (magnitudes(s, similarity.SIZE, overlap=4) for s in (target, degraded, *draws))
    known = whole.bins(similarity.SIZE, similarity.SIZE // 4, original.shape[1])
    before = similarity.dissimilarity(given, original, known)
    unlike = torch.stack([similarity.dissimilarity(picture, original, known) for picture in drawn])
    return unlike.mean(0), (unlike - before).relu().mean(0)
