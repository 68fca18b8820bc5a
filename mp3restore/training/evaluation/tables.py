"""Tables, pages and model cards from evaluation results; no number in them is typed by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mp3restore.generator.model import load_model
from mp3restore.training.evaluation.diversity import REGIONS
from mp3restore.training.evaluation.levels import POOLS
from mp3restore.training.evaluation.levels import REGIONS as REGIONS_OF_LEVELS
from mp3restore.training.evaluation.metrics import METRICS
from mp3restore.training.export.lineage import training_so_far
from mp3restore.views.render import render

__all__ = [
    "character_table",
    "diversity_table",
    "markdown",
    "page",
    "score_tables",
    "spread_table",
    "table",
    "worst_table",
    "write_card",
]

Table = dict[str, Any]
"""``caption``, ``columns`` (their headings) and ``rows`` (their cells, all text)."""

_TITLES = {
    "log_mel": "log-mel dB", "lsd": "LSD dB", "lsd_low": "LSD < 4 kHz", "lsd_mid": "LSD 4-8 kHz",
    "lsd_high": "LSD 8-16 kHz", "si_sdr": "SI-SDR dB", "visqol": "ViSQOL", "zimtohrli": "Zimtohrli",
}  # fmt: skip

_CARD = """# {name} {version}

A generator for `mp3restore`: restores music from MP3s of low bitrates. Licence of the weights: Apache-2.0.

- **Network**: {parameters:.1f} million parameters, STFT of {fft_size}, receptive field {halo} frames on either side;
  one z for a whole file.
- **Evidence**: {evidence} weights that say how far to go in each band of each frame, fitted to pairs of all encoders
  (`generator/evidence.py`).
- **Data**: the training split of the project's corpus of freely licensed music (game music, renderings of MIDI files
  with free sound fonts, solo drums and a few vocals; CC0, CC-BY, CC-BY-SA and GPL sources), as real encodes by lame,
  ffmpeg and shine, 16 to 192 kbit/s, mono and stereo, and uncompressed; some of it with CC0 drum hits or voices over
  the music. No other data was used.
- **Training**: {steps} steps, {hours:.1f} process-hours on shared cores. {objective}
- **Parity**: ONNX Runtime differs from PyTorch on fixed vectors by at most {error:.1e} of the peak, in float32; large
  matrix products use eight bits, and their error is {precision:.0f} dB below the output.
- **SHA-256** of `model.onnx`: `{sha256}`

## Scores

On clips of {seconds:g} s from the {split} split, aligned in time and level. {legend}

{table}

{character}

{spread}

{diversity}

## Limits

- What it adds is plausible, not the lost original: at low bitrates SI-SDR falls, as it must for any restoration that
  fills in energy of unknown phase.
- Recordings that were coded before may get treble that they never had, and so may voices: the training data has little
  singing and little speech. The rows of voices say how they fare.
- {worst}
"""


_CARD_SYSTEMS = ("mp3", "paper-deterministic", "paper", "restored", "deterministic")
_LEGEND = """In brackets: the mean change against the MP3 of the same clips, positive if better, and the share of clips
that got better (for SI-SDR: that lost at most 0.5 dB). Lower is better for log-mel and LSD. Only SI-SDR judges
frequencies above the bandwidth of the original, which may be a Vorbis file."""
_DIVERSITY = """The distance between two draws relative to the distance of a draw from the original (1 is calibrated),
in bins that the MP3 kept, in its holes, and above its edge."""


_CHARACTER = """Above the edge of the MP3: error of the levels of bands of 2 kHz, as a median over bands and clips and
of the mean power (below zero is too dull); rise of the power within 5 ms at attacks; share of the power that is in
tones; stripes, which are what fine structures of different clips have in common (their correlation). Sibilants of
voices, 6 to 12 kHz: error of their level, median and mean absolute. Mel SNR is over the whole band, higher is better;
the kernel distance says how unlike music a set of clips is, 0 being the originals."""
_SPREAD = """Band levels, averaged over so many frames: two draws differ by so much of what one differs from the
original (1 is calibrated). Of draws that are calibrated the original is duller than all seven in an eighth of cases,
and brighter in an eighth. Then on how many clips the best of seven draws is nearer to the original than the plain run,
and by how much, in levels of 16 frames."""


def _cell(row: dict[str, Any], metric: str) -> str:
    if metric not in row:
        return "-"
    if row["system"] == "mp3":
        return f"{row[metric]:.2f}"
    return f"{row[metric]:.2f} ({row[metric + '_change']:+.2f}, {round(100 * row[metric + '_improved'])} %)"


def table(summary: list[dict[str, Any]]) -> Table:
    """Return a table with a row per condition and system and a column per metric."""
    metrics = [m for m in METRICS if any(m in row for row in summary)]
    rows = [[row["condition"], row["system"], str(row["clips"]), *(_cell(row, m) for m in metrics)] for row in summary]
    return {"caption": "Scores", "columns": ["encode", "system", "clips", *(_TITLES[m] for m in metrics)], "rows": rows}


def score_tables(summary: list[dict[str, Any]]) -> list[Table]:
    """Return the same as one table per condition."""
    tables = []
    for condition in dict.fromkeys(row["condition"] for row in summary):
        whole = table([row for row in summary if row["condition"] == condition])
        rows = [row[1:] for row in whole["rows"]]
        tables.append({"caption": condition, "columns": whole["columns"][1:], "rows": rows})
    return tables


def diversity_table(diversity: list[dict[str, Any]]) -> Table:
    """Return a table of how calibrated the draws are, by condition."""
    columns = ["encode", "clips", *REGIONS]
    rows = [
        [row["condition"], str(row["clips"]), *("-" if row[r] is None else f"{row[r]:.2f}" for r in REGIONS)]
        for row in diversity
    ]
    return {"caption": "Diversity", "columns": columns, "rows": rows}


def character_table(summary: list[dict[str, Any]], likeness: dict[str, dict[str, dict[str, Any]]]) -> Table:
    """Levels, attacks, tones and stripes above the edge, by condition and system."""
    columns = ["encode", "system", "clips", "level dB, median", "mean power", "attack dB (original)",
               "tonal share (original)", "stripes (originals)", "sibilants dB (off by)", "mel SNR dB",
               "kernel distance"]  # fmt: skip
    rows = []
    for row in summary:
        cells = [f"{row[name]:+.1f}" if name in row else "-" for name in ("level_median", "level_power")]
        for name, form in (("attack", ".1f"), ("tonal", ".2f")):
            cells.append(f"{row[name]:{form}} ({row[name + '_original']:{form}})" if name in row else "-")
        sets = likeness[row["condition"]]
        stripes = [sets[name]["stripes"] for name in (row["system"], "original")]
        cells.append("-" if None in stripes else f"{stripes[0]:.2f} ({stripes[1]:.2f})")
        cells.append("{:+.1f} ({:.1f})".format(*row["sibilants"]) if "sibilants" in row else "-")
        cells += [f"{row['mel_snr']:.1f}", f"{sets[row['system']]['kernel']:.1f}"]
        rows.append([row["condition"], row["system"], str(row["clips"]), *cells])
    return {"caption": "Above the edge", "columns": columns, "rows": rows}


def spread_table(spread: list[dict[str, Any]]) -> Table:
    """Spread over error of band levels by length of the average, and how often the original is out of all draws."""
    lengths = [f"{pool} frames" if pool else "clip" for pool in POOLS]
    rows = []
    for row in spread:
        for region in REGIONS_OF_LEVELS:
            ratios = ["-" if ratio is None else f"{ratio:.2f}" for ratio in row[region]]
            first, last = (round(100 * row["ranks_16"][k]) for k in (0, -1))
            more = ["", ""]
            if region == "above":
                wins, ahead = row["best_wins"], row["best_ahead"]
                more = [f"{first}, {last} %", "-" if wins is None else f"{round(100 * wins)} %, {ahead:+.1f}"]
            rows.append([row["condition"], str(row["clips"]), region, *ratios, *more])
    columns = ["encode", "clips", "bands", *lengths, "duller, brighter than all draws", "best draw nearer, by dB"]
    return {"caption": "Spread over error", "columns": columns, "rows": rows}


def worst_table(summary: list[dict[str, Any]], system: str = "restored") -> Table:
    """Return a table of the clips with the worst change by a system, by condition and metric."""
    rows = [
        [row["condition"], _TITLES[m], row[f"{m}_worst"]["clip"], f"{row[f'{m}_worst']['gain']:+.2f}"]
        for row in summary
        if row["system"] == system
        for m in METRICS
        if m in row
    ]
    return {"caption": f"Worst clips of {system}", "columns": ["encode", "metric", "clip", "change"], "rows": rows}


def markdown(content: Table) -> str:
    """Return a table in Markdown."""
    lines = [content["columns"], ["---"] * len(content["columns"]), *content["rows"]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(result: dict[str, Any]) -> str:
    """Return the result of `evaluate` as a self-contained web page."""
    groups = {f"By {name}": score_tables(summary) for name, summary in result["groups"].items()}
    return render(
        "evaluation.html", scripts=[], data=None, title=f"Evaluation of {result['model']} {result['version']}",
        result=result, sections={"By encode": score_tables(result["summary"]), **groups},
        character=character_table(result["character"], result["likeness"]), spread=spread_table(result["spread"]),
        about_character=_CHARACTER, about_spread=_SPREAD, diversity=diversity_table(result["diversity"]),
        worst=worst_table(result["summary"]),
        legend=_LEGEND, about_diversity=_DIVERSITY,
    )  # fmt: skip


def _worst(summary: list[dict[str, Any]]) -> str:
    rows = [r for r in summary if r["system"] == "restored"]
    row = min(rows, key=lambda r: r["log_mel_worst"]["gain"])
    worst = row["log_mel_worst"]
    change = f"{-worst['gain']:+.2f} dB against the MP3 (above zero is worse)"
    return f"The worst clip by log-mel: `{worst['clip']}` as {row['condition']}, {change}."


def write_card(json_path: Path, folder: Path, run: Path) -> None:
    """Write ``MODEL_CARD.md`` into a model folder that `export` made."""
    import onnx  # noqa: PLC0415 - slow to import, and needed only here

    result = json.loads(json_path.read_text(encoding="utf-8"))
    model = load_model(folder)
    exported = json.loads((run / "export.json").read_text(encoding="utf-8"))
    weights = onnx.load(model.onnx_path).graph.initializer
    steps, hours = training_so_far(run)
    text = _CARD.format(
        name=model.name, version=model.config.version, fft_size=model.config.fft_size, halo=model.config.halo_frames,
        parameters=sum(_size(w.dims) for w in weights) / 1e6, steps=steps, hours=hours,
        error=exported["largest_error"], precision=exported["precision_db"],
        evidence=len(model.config.evidence), objective=_objective(run), sha256=model.sha256,
        seconds=result["seconds"], split=result["split"],
        legend=_LEGEND, table=markdown(table([r for r in result["summary"] if r["system"] in _CARD_SYSTEMS])),
        character=f"{_CHARACTER}\n\n{markdown(character_table(result['character'], result['likeness']))}",
        spread=f"{_SPREAD}\n\n{markdown(spread_table(result['spread']))}" if result["spread"] else "",
        diversity=f"{_DIVERSITY}\n\n{markdown(diversity_table(result['diversity']))}" if result["diversity"] else "",
        worst=_worst(result["summary"]),
    )  # fmt: skip
    (folder / "MODEL_CARD.md").write_text(text, encoding="utf-8")


def _objective(run: Path) -> str:
    critic = json.loads((run / "config.json").read_text(encoding="utf-8"))["critic"]
    wanted = critic["adversarial"] or critic["features"]
    return f"Spectral energy distance{', and in the last run a critic' if wanted else ''}."


def _size(dims: list[int]) -> int:
    product = 1
    for d in dims:
        product *= d
    return product
