#!/usr/bin/env bash
# Test on several GPUs (or CPU processes, where there is no GPU).
#   tools/dist_test.sh CONFIG CHECKPOINT GPUS [ARGUMENTS OF test.py]
# Several nodes: run it on each, with NNODES, NODE_RANK and MASTER_ADDR set.
set -euo pipefail
[ $# -ge 3 ] || { sed -n '2,4s/^# \?//p' "$0" >&2; exit 2; }
. "$(dirname "$0")/torchrun.sh"
torchrun_tool test.py "$3" "$1" "$2" "${@:4}"
