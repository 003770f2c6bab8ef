# Sourced by dist_train.sh and dist_test.sh.

torchrun_tool() { # TOOL PROCESSES_PER_NODE ARGUMENT...
  local tools nodes
  tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
  export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} # by default, each would use every core
  export PYTHONPATH="$tools/..:${PYTHONPATH:-}"
  if [ "${NNODES:-1}" = 1 ] && [ -z "${PORT:-}" ]; then
    nodes=(--standalone) # chooses a free port for each job
  else
    nodes=(--nnodes "${NNODES:-1}" --node-rank "${NODE_RANK:-0}"
      --master-addr "${MASTER_ADDR:-127.0.0.1}" --master-port "${PORT:-29500}")
  fi
  # exec, so that a signal to the script reaches the launcher, which ends the processes.
  exec "${PYTHON:-python}" -m mmgala.cli.torchrun "${nodes[@]}" \
    --nproc-per-node "$2" "$tools/$1" "${@:3}" --launcher pytorch
}
