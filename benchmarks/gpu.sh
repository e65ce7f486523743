#!/bin/sh
# Check and measure the extraction on a CUDA GPU, from the repository's files alone and without network:
#
#     benchmarks/gpu.sh check              # is it right? about 3 minutes
#     benchmarks/gpu.sh measure            # how fast is it? about 4 minutes
#     benchmarks/gpu.sh check --dry-run    # every step on the CPU with a tiny model, in seconds
#
# Uses $PYTHON (default: python3), which needs torch and transformers; the script says what else is missing.
# Writes benchmarks/gpu.md. Changes no setting of the GPU.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
export PYTHONPATH="$root:$root/tests/support${PYTHONPATH:+:$PYTHONPATH}"
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=true PYTHONUNBUFFERED=1
export CUBLAS_WORKSPACE_CONFIG=:4096:8 # fine-tuning is deterministic; cuBLAS reads this once, at its first product
exec "${PYTHON:-python3}" "$root/benchmarks/gpu.py" "$@"
