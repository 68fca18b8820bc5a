"""The encoders and bitrates for training and evaluation."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CONDITIONS", "EVALUATION_CONDITIONS", "Condition"]


@dataclass(frozen=True, slots=True)
class Condition:
    """One way of compressing: the arguments of one encoder. `kbps` 0 stands for no compression at all."""

    name: str
    encoder: str  # "lame", "ffmpeg", "shine" or "none"
    arguments: tuple[str, ...]
    kbps: int
    mono: bool = False
    weight: float = 1.0


def _lame(name: str, kbps: int, *arguments: str, weight: float = 1.0) -> Condition:
    mono = "mono" in name
    return Condition(f"lame-{name}", "lame", (*arguments, *(("-m", "m") if mono else ())), kbps, mono, weight)


def _ffmpeg(kbps: int, *, mono: bool = False, weight: float = 1.0) -> Condition:
    name = f"ffmpeg-cbr{kbps}" + ("-mono" if mono else "")
    return Condition(name, "ffmpeg", ("-b:a", f"{kbps}k"), kbps, mono, weight)


def _shine(kbps: int, *, weight: float = 1.0) -> Condition:
    return Condition(f"shine-cbr{kbps}", "shine", ("-b:a", f"{kbps}k"), kbps, weight=weight)


# lame resamples by default at low bitrates (to MPEG-2 and 2.5 rates), ffmpeg never does. Shine has no psychoacoustic
# model and no joint stereo, and the options of "old" are those that encoders of the first years stood for. The weights
# put two thirds of the training on 16 to 64 kbit/s, where most is lost, and keep enough of the rest to learn to leave
# it alone.
CONDITIONS: tuple[Condition, ...] = (
    *(_lame(f"cbr{k}", k, "-b", str(k), weight=w) for k, w in ((16, 2), (24, 2), (32, 3), (48, 3), (64, 3))),
    *(
        _lame(f"cbr{k}", k, "-b", str(k), weight=w)
        for k, w in ((96, 2), (112, 0.7), (128, 1.5), (160, 0.7), (192, 0.3))
    ),
    *(_lame(f"cbr{k}-full", k, "-b", str(k), "--resample", "44.1", weight=1) for k in (32, 40, 56, 80)),
    *(_lame(f"cbr{k}-simple", k, "-b", str(k), "-m", "s", weight=0.5) for k in (48, 64, 96)),
    *(_lame(f"abr{k}", k, "--abr", str(k), weight=0.7) for k in (32, 48, 64, 112)),
    *(_lame(f"vbr{q}", 0, "-V", str(q), weight=w) for q, w in ((9, 0.7), (7, 0.7), (5, 0.7), (4, 0.4), (2, 0.4))),
    *(_lame(f"cbr{k}-old", k, "-b", str(k), "-m", "s", "-q", "9", "-k", weight=0.7) for k in (64, 96, 128)),
    *(_lame(f"cbr{k}-16k", k, "-b", str(k), "-f", "--noath", "--lowpass", "16", weight=0.5) for k in (96, 128)),
    *(_shine(k, weight=w) for k, w in ((64, 1), (96, 1), (128, 1), (160, 0.5))),
    *(_lame(f"cbr{k}-mono", k, "-b", str(k), weight=w) for k, w in ((16, 1.5), (24, 1), (32, 1.5), (48, 1), (64, 1))),
    *(_ffmpeg(k, weight=w) for k, w in ((32, 3), (48, 3), (64, 3), (96, 2), (128, 1.5))),
    *(_ffmpeg(k, mono=True, weight=w) for k, w in ((16, 1), (32, 1.5), (48, 1), (64, 1), (96, 0.5))),
    Condition("clean", "none", (), 0, weight=1.5),
)

EVALUATION_CONDITIONS: tuple[Condition, ...] = (
    *(_ffmpeg(k) for k in (32, 48, 64, 96, 128, 192)),
    *(_lame(f"cbr{k}", k, "-b", str(k)) for k in (16, 24, 32, 48, 64, 96, 128, 192)),
    *(_shine(k) for k in (64, 96, 128)),
    *(_lame(f"vbr{q}", 0, "-V", str(q)) for q in (7, 5, 2)),
    *(_ffmpeg(k, mono=True) for k in (16, 32, 64)),
    *(_lame(f"cbr{k}-mono", k, "-b", str(k)) for k in (16, 32, 64)),
    Condition("clean", "none", (), 0),
)
