#!/bin/sh
# Trains on a machine without a network, with a GPU if there is one: unpacks what was carried there, makes the pairs on
# all cores, trains on from the shipped weights, and leaves a model folder, curves and pictures.
#
# Usage: offline.sh CARRIED OUT MINUTES [CONFIG]
#
# CARRIED has  wheels/        mp3restore's wheel and those it needs (pip download 'mp3restore[train]'); those that the
#                             machine's Python has already, such as PyTorch for its GPU, can be left out
#              bin/           lame and ffmpeg, statically linked, where the machine has none
#              music/         recordings, with or without a manifest.tsv
#              hits/          drum hits with a hits.tsv, if there are any
#              model/         folder with weights.safetensors to begin with
# OUT      gets run/ (checkpoint.pt, log.csv, curves.png, clips.png) and model/
# CONFIG   a JSON file like a run's config.json, in part; by default large batches for a GPU
set -eu

carried=$(cd "$1" && pwd) out=$2 minutes=$3
config=${4:-$(dirname "$0")/gpu.json}
work=${TMPDIR:-/tmp}/mp3restore-train
mkdir -p "$work" "$out"

[ -x "$work/python/bin/python" ] || python3 -m venv --system-site-packages "$work/python"
"$work/python/bin/pip" install --quiet --no-index --find-links "$carried/wheels" 'mp3restore[train]'
PATH=$work/python/bin:$carried/bin:$PATH
export PATH OMP_NUM_THREADS=1

set -- "$carried/music" "$work/data" --excerpts 3 --encodes 4
[ ! -d "$carried/hits" ] || set -- "$@" --hits "$carried/hits"
! grep -qs voice "$carried/music/manifest.tsv" || set -- "$@" --voices
mp3restore-train prepare "$@"
mp3restore-train fit "$work/data" "$out/run" --from "$carried/model" --config "$config" --minutes "$minutes"
mp3restore-train export "$out/run/checkpoint.pt" "$out/model" --name ember --version 0 --variety 0.3
mp3restore-train evidence "$work/data" "$out/model"
mp3restore-train pictures "$work/data" "$out/run" || echo "no pictures: no validation clips among the music"
