"""Tables and model cards from evaluation results; nothing in them is typed by hand."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from mp3restore.models import load_model
from mp3restore.training.metrics import METRICS

__all__ = ["table", "write_card"]

_TITLES = {
    "log_mel": "log-mel dB", "lsd": "LSD dB", "lsd_low": "LSD < 4 kHz", "lsd_mid": "LSD 4-8 kHz",
    "lsd_high": "LSD 8-16 kHz", "si_sdr": "SI-SDR dB", "visqol": "ViSQOL", "zimtohrli": "Zimtohrli",
}  # fmt: skip

_CARD = """# {name} {version}

A generator for `mp3restore`: restores music from MP3 at low bitrates. Licence of the weights: Apache-2.0.

- **Network**: {parameters:.1f} million parameters, STFT of {fft_size}, receptive field {halo} frames on either side.
- **Data**: the training split of the project's corpus of freely licensed music (game music, renderings of MIDI files
  with free sound fonts, solo drums and a few vocals; CC0, CC-BY, CC-BY-SA and GPL sources), as real encodes by lame and
  ffmpeg, 16 to 192 kbit/s, mono and stereo, and uncompressed. Nothing was taken from outside it.
- **Training**: {steps} steps, {hours:.1f} process-hours on shared cores, spectral energy distance.
- **Parity**: largest difference of ONNX Runtime to PyTorch on fixed vectors {error:.1e} of the peak.
- **SHA-256** of `model.onnx`: `{sha256}`

## Scores

On {clips} clips of {seconds:g} s of the {split} split, aligned in time and level; in brackets the share of clips better
than the unprocessed MP3. Lower is better for log-mel and LSD. Nothing above the bandwidth of the original is judged.

{table}

## Limits

- What it adds is plausible, not what was there: at low bitrates SI-SDR falls, as it must for any restoration that
  fills in energy whose phase nobody knows.
- Trained on little singing and little speech; cymbals and dense rock fare better than solo voices.
- {worst}
"""


def _cell(row: dict[str, Any], metric: str) -> str:
    if row["system"] == "mp3":
        return f"{row[metric]:.2f}"
    return f"{row[metric]:.2f} ({round(100 * row[metric + '_improved'])} %)"


def table(summary: list[dict[str, Any]]) -> str:
    """Markdown table: a row per condition and system, a column per metric."""
    metrics = [m for m in METRICS if m in summary[0]]
    lines = ["| encode | clips | system | " + " | ".join(_TITLES[m] for m in metrics) + " |"]
    lines.append("|---" * (3 + len(metrics)) + "|")
    for row in summary:
        cells = [row["condition"], str(row["clips"]), row["system"], *(_cell(row, m) for m in metrics)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _worst(summary: list[dict[str, Any]]) -> str:
    rows = [r for r in summary if r["system"] == "restored"]
    row = min(rows, key=lambda r: r["log_mel_worst"]["gain"])
    worst = row["log_mel_worst"]
    change = f"{-worst['gain']:+.2f} dB against the MP3 (above zero is worse)"
    return f"The worst clip by log-mel: `{worst['clip']}` as {row['condition']}, {change}."


def _training_facts(run: Path) -> tuple[int, float]:
    """Steps, and process-hours over all times the run was started: the clock of the log starts anew each time."""
    with (run / "log.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    seconds = 0.0
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        if following is None or float(following["seconds"]) < float(row["seconds"]):
            seconds += float(row["seconds"]) * int(row["processes"])
    return int(rows[-1]["step"]), seconds / 3600


def write_card(json_path: Path, folder: Path, run: Path) -> None:
    """Write ``MODEL_CARD.md`` into a model folder that `export` made."""
    import onnx  # noqa: PLC0415 - slow, and only this function needs it

    result = json.loads(json_path.read_text(encoding="utf-8"))
    model = load_model(folder)
    exported = json.loads((run / "export.json").read_text(encoding="utf-8"))
    weights = onnx.load(model.onnx_path).graph.initializer
    _, hours = _training_facts(run)
    text = _CARD.format(
        name=model.name, version=model.config.version, fft_size=model.config.fft_size, halo=model.config.halo_frames,
        parameters=sum(_size(w.dims) for w in weights) / 1e6, steps=exported["step"], hours=hours,
        error=exported["largest_error"], sha256=model.sha256, clips=result["clips"], seconds=result["seconds"],
        split=result["split"], table=table(result["summary"]), worst=_worst(result["summary"]),
    )  # fmt: skip
    (folder / "MODEL_CARD.md").write_text(text, encoding="utf-8")


def _size(dims: list[int]) -> int:
    product = 1
    for d in dims:
        product *= d
    return product
