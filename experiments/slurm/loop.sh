#!/usr/bin/env bash
# The loop as SLURM jobs, each waiting for the one before: RUN=runs/big TASKS=arc-agi-1/training SHARDS=8 ITERATIONS=4
#   bash experiments/slurm/loop.sh
set -euo pipefail
cd "$(dirname "$0")"
export RUN TASKS SHARDS ITERATION ADAPTER="" FROM=""
after=()
for ITERATION in $(seq 0 "${ITERATIONS:?}"); do
    job=$(sbatch --parsable --export=ALL "${after[@]}" --array="1-$SHARDS" search.sbatch)
    [ "$ITERATION" = "$ITERATIONS" ] && break
    job=$(sbatch --parsable --export=ALL --dependency="afterok:$job" learn.sbatch)
    after=(--dependency="afterok:$job") ADAPTER=$RUN/iteration-$ITERATION/adapter
    [ -n "${CONTINUED:-}" ] && FROM=$ADAPTER
done
echo "the last search is job $job; then: soar merge $RUN $RUN/shards/*-of-$SHARDS"
