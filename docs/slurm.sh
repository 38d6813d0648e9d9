#!/bin/bash
# isoglot on two nodes of eight GPUs: the data line on Ray, the training by accelerate.
#
#     sbatch docs/slurm.sh lidr-llama3-8b runs/llama3 [key=value ...]
#
# The nodes share the file system, with the same environment (`pip install 'isoglot[all,ray]'`) under the same
# path. The same command resumes. For another size change --nodes and --gpus-per-node alone.
#SBATCH --job-name=isoglot
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=64
#SBATCH --exclusive
#SBATCH --time=24:00:00
set -euo pipefail

recipe=$1 out=$2
shift 2
nodes=($(scontrol show hostnames "$SLURM_JOB_NODELIST"))
head=${nodes[0]}
ip=$(srun --nodes=1 --ntasks=1 -w "$head" hostname -I | awk '{print $1}')
port=6379
export RAY_USAGE_STATS_ENABLED=0

# Ray: a head, then the other nodes; each step stays until the job ends.
srun --overlap --nodes=1 --ntasks=1 -w "$head" \
    ray start --head --node-ip-address="$ip" --port=$port --block &
sleep 20
for node in "${nodes[@]:1}"; do
    srun --overlap --nodes=1 --ntasks=1 -w "$node" ray start --address="$ip:$port" --block &
done
sleep 20

gpus=$((SLURM_NNODES * SLURM_GPUS_PER_NODE))
launch="launch={num_processes: $gpus, num_machines: $SLURM_NNODES, main_process_ip: $ip, config: fsdp2}"

# The run prints, for each training, the command of the other machines: this loop starts it there.
log=$out.stderr
mkdir -p "$(dirname "$out")"
touch "$log"
tail -n 0 -F "$log" | while read -r line; do
    rank=$(sed -n 's/^isoglot: on machine \([0-9]*\), in .*/\1/p' <<<"$line")
    [ -z "$rank" ] && continue
    command=${line#*: on machine *, in *: }
    srun --overlap --nodes=1 --ntasks=1 -w "${nodes[$rank]}" --chdir "$PWD" bash -c "$command" &
done &

srun --overlap --nodes=1 --ntasks=1 -w "$head" --gpus-per-node="$SLURM_GPUS_PER_NODE" \
    isoglot run "$recipe" --out "$out" "execute={kind: ray, address: '$ip:$port'}" "$launch" "$@" \
    2> >(tee -a "$log" >&2)
kill $(jobs -p) 2>/dev/null || true
