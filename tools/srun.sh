# Sourced by slurm_train.sh and slurm_test.sh. GPUS is the number of processes, one per
# GPU. GPUS_PER_NODE=0 starts PROCESSES_PER_NODE on CPUs, without any GPU.

srun_tool() { # PARTITION JOB_NAME TOOL ARGUMENT...
  local tools gres per_node=${GPUS_PER_NODE:-8}
  tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
  gres=(--gres "gpu:$per_node")
  if [ "$per_node" = 0 ]; then
    gres=()
    per_node=${PROCESSES_PER_NODE:-1}
  fi
  # SRUN_ARGS is a list of options: split into words, but `*` is no pattern.
  local srun_args
  read -r -a srun_args <<<"${SRUN_ARGS:-}"
  export PYTHONPATH="$tools/..:${PYTHONPATH:-}"
  # exec, so that a signal to the script reaches srun, which ends the tasks.
  exec srun --partition "$1" --job-name "$2" \
    "${gres[@]}" --ntasks "${GPUS:-8}" --ntasks-per-node "$per_node" \
    --cpus-per-task "${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 "${srun_args[@]}" \
    "${PYTHON:-python}" -u "$tools/$3" "${@:4}" --launcher slurm
}
