#!/usr/bin/env bash
# An 8B model of random weights on one accelerator of 80 GB or more, in ten minutes at most.
#
#     VLLM=~/vllm bench/device.sh [OUT]              # on the accelerator
#     SIZE=tiny VLLM=~/vllm bench/device.sh [OUT]    # a rehearsal of every step on the CPU
#
# Nothing is fetched: weights and tokenizer are made from the configuration of Llama 3 8B. VLLM is
# the environment that holds bin/vllm; without one the steps that need it are left out. Each step
# has its own limit, fails alone, and prints one line that begins with its name; logs are in OUT.
set -uo pipefail
cd "$(dirname "$0")/.."
SIZE=${SIZE:-8b} OUT=${1:-runs/device} PYTHON=${PYTHON:-python} VLLM=${VLLM:-} PATIENCE=1
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false PYTHONPATH="$PWD/src:$PWD/bench${PYTHONPATH:+:$PYTHONPATH}"
if [ "$SIZE" = tiny ]; then # vLLM on a few cores, without compiling
    PATIENCE=8
    export VLLM_CPU_KVCACHE_SPACE=1 VLLM_CPU_OMP_THREADS_BIND=nobind TORCHDYNAMO_DISABLE=1
fi
rm -rf "$OUT" && mkdir -p "$OUT"
begun=$SECONDS

step() { # NAME LIMIT_S ARGUMENTS...: run a step of device.py, and print its line or its failure
    local name=$1 limit=$2
    shift 2
    timeout --signal=INT --kill-after=20 "$((limit * PATIENCE))" "$PYTHON" bench/device.py "$name" "$OUT" \
        --size "$SIZE" ${VLLM:+--vllm "$VLLM"} "$@" > "$OUT/$name.out" 2> "$OUT/$name.log"
    local code=$?
    grep "^$name: " "$OUT/$name.out"
    [ "$code" = 0 ] || echo "$name: failed ($code): $(grep -v '^$' "$OUT/$name.log" | tail -1)"
}

step model 90
[ -e "$OUT/model/tokenizer.json" ] || exit 1
if [ -n "$VLLM" ]; then
    step generate 110
    step vllm 90
else
    echo "generate, vllm: left out, VLLM names no environment"
fi
step dpo 130
step trl 80
step rounds 100
echo "device: all in $((SECONDS - begun)) s"
