#!/usr/bin/env bash
# Train on a Slurm cluster.
#   [GPUS=8] [GPUS_PER_NODE=8] [CPUS_PER_TASK=5] [SRUN_ARGS=...] \
#     tools/slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR [ARGUMENTS OF train.py]
set -euo pipefail
[ $# -ge 4 ] || { sed -n '2,4s/^# \?//p' "$0" >&2; exit 2; }
. "$(dirname "$(readlink -f "$0")")/srun.sh"
srun_tool "$1" "$2" train.py "$3" --work-dir "$4" "${@:5}"
