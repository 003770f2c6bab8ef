#!/usr/bin/env bash
# Test on several GPUs, or in several CPU processes if there is no GPU.
#   tools/dist_test.sh CONFIG CHECKPOINT GPUS [ARGUMENTS OF test.py]
# For several nodes, set NNODES, NODE_RANK and MASTER_ADDR and run it on each.
set -euo pipefail
[ $# -ge 3 ] || { sed -n '2,4s/^# \?//p' "$0" >&2; exit 2; }
. "$(dirname "$(readlink -f "$0")")/torchrun.sh"
torchrun_tool test.py "$3" "$1" "$2" "${@:4}"
