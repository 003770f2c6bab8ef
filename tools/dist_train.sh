#!/usr/bin/env bash
# Train on several GPUs (or CPU processes, where there is no GPU).
#   tools/dist_train.sh CONFIG GPUS [ARGUMENTS OF train.py]
# Several nodes: run it on each, with NNODES, NODE_RANK and MASTER_ADDR set.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,4s/^# \?//p' "$0" >&2; exit 2; }
. "$(dirname "$0")/torchrun.sh"
torchrun_tool train.py "$2" "$1" "${@:3}"
