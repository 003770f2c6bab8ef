#!/usr/bin/env bash
# Train on several GPUs, or in several CPU processes if there is no GPU.
#   tools/dist_train.sh CONFIG GPUS [ARGUMENTS OF train.py]
# For several nodes, set NNODES, NODE_RANK and MASTER_ADDR and run it on each.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,4s/^# \?//p' "$0" >&2; exit 2; }
. "$(dirname "$(readlink -f "$0")")/torchrun.sh"
torchrun_tool train.py "$2" "$1" "${@:3}"
