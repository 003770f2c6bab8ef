#!/usr/bin/env bash
# Test on a Slurm cluster.
#   [GPUS=8] [GPUS_PER_NODE=8] [CPUS_PER_TASK=5] [SRUN_ARGS=...] \
#     tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [ARGUMENTS OF test.py]
set -euo pipefail
[ $# -ge 4 ] || { sed -n '2,4s/^# \?//p' "$0" >&2; exit 2; }
. "$(dirname "$(readlink -f "$0")")/srun.sh"
srun_tool "$1" "$2" test.py "$3" "$4" "${@:5}"
