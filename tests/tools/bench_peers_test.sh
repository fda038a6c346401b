#!/usr/bin/env bash
# tools/bench_peers with contenders that fake_peer.py plays, and its tables from a recorded report.
# Exit code 77 (skipped) where python3 is missing.
# shellcheck disable=SC2317  # the checks are called through expect
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[[ $(type -P python3) ]] || exit 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
peers=$here/../../tools/bench_peers

failures=0
expect() {  # expect WHAT COMMAND...
  if "${@:2}"; then
    echo "ok: $1"
  else
    echo "FAILED: $1"
    sed 's/^/    /' "$work/log"
    failures=$((failures + 1))
  fi
}
try() {  # try COMMAND...: sets $status
  status=0
  "$@" > "$work/log" 2>&1 < /dev/null || status=$?
}
ends() { [[ $status == "$1" ]]; }
says() { grep -qF -- "$1" "$work/log"; }
says_not() { ! says "$1"; }
same() { cmp -s "$1" "$2"; }

mkdir "$work/build"
ln -s "$here/fake_peer.py" "$work/build/bench"
ln -s "$here/fake_peer.py" "$work/build/train_mnist"
race() {
  try "$peers" --build-dir "$work/build" --torch-python "$here/fake_peer.py" --jax-python /nowhere/python3 \
    --batch-sizes 16,8 --rounds 2 --json "$work/report.json" --markdown "$work/report.md" "$@"
}

race
expect "a race: exit code 0" ends 0
expect "a table for each precision" says "### TF32 products: µs a training step"
expect "... and for bfloat16" says "### bfloat16 activations"
expect "the fastest is marked, with how far the best peer is behind" \
  says "| strata-auto-tf32 | **80.0 (80.0–80.0), 4.00x** | **160.0 (160.0–160.0), 4.00x** |"
expect "peers have no ratio" says "| torch-eager-fp32 | 320.0 (320.0–320.0) | 640.0 (640.0–640.0) |"
expect "a batch size that failed is left out" says "| torch-compile-fp32 | 320.0 (320.0–320.0) | – |"
expect "... with its reason" says "- torch-compile-fp32, lenet, batch 16: cannot compile"
expect "who died keeps what was measured" says "| strata-library-fp32 | 80.0 (80.0–80.0), 4.00x | – |"
expect "... with the last words" says "- strata-library-fp32: ended with exit code 3: a last word"
expect "a framework that is not here is left out" says "- jax-scan-fp32: no Python here has jax"
expect "memory" says "| torch-graph-tf32 | 8.0 | 16.0 |"
expect "versions" says "torch 1.2.3"

cp "$work/report.md" "$work/first.md"
try "$peers" --from "$work/report.json" --markdown "$work/again.md"
expect "a recorded report gives the same tables" same "$work/first.md" "$work/again.md"

race --contenders own-fp32,graph-fp32 --quick
expect "only those asked for" says "| torch-graph-fp32 |"
expect "... and nobody else" says_not "tf32"
race --contenders jax
expect "nobody here: exit code 4" ends 4
race --batch-sizes 8,x
expect "a batch size that is none: exit code 2" ends 2
race --models lenet,resnet
expect "a model that is none: exit code 2" ends 2
race --dense
expect "OpenBLAS on a GPU: exit code 2" ends 2
race --rounds -1
expect "a number of rounds that is none: exit code 2" ends 2

race --device cpu --threads 2 --batch-sizes 8 --contenders strata-own,eager-,eager_nhwc-fp32,openblas --epoch \
  --data "$work" --openblas /nowhere/libopenblas.so --dense
expect "on the CPU: exit code 0" ends 0
expect "... with the machine and everyone's threads" says "a made-up CPU, 2 threads each"
expect "... a column for each model" says "| | lenet 8 | mlp 8 |"
expect "... torch at its best, and in which layout" \
  says "| times as fast as PyTorch at its best | 4.00 (torch-eager-fp32) |"
expect "... against one thread" says "| times as fast as with one thread | 3.00 | 3.00 |"
expect "... the library rung where there is one" says "| times as fast as the library rung | – | – |"
expect "... the rate" says "| GFLOP/s | 50.0 | 25.0 |"
expect "... and its share of the peak of as many threads" says "| share of the measured peak, % | 25 | 12 |"
expect "whole processes, with what they keep in memory" \
  says "| | start to exit, s | training, s | CPU time, s | peak resident, MB | test accuracy, % |"
expect "... Strata's to its target" grep -Eq \
  '^\| train_mnist --target-accuracy 99 \| [0-9.]+ \(.*\) \| 3\.500 \| [0-9.]+ \| [1-9][0-9.]* \| 99\.25–99\.25 \|$' "$work/log"
expect "... the script as many epochs and as large batches" says "| 16.000 |"
expect "... and why one is not there" says "- PyTorch, plain script, channels last: a layout that is too much"
expect "products without OpenBLAS" says "| 4096 to 4096 | 8 | gradient of the weight | **268,435.5** | – |"
expect "... and why without" says "- openblas-Zen-fp32: no OpenBLAS at /nowhere/libopenblas.so"
try "$peers" --from "$work/report.json" --markdown "$work/again.md"
expect "... and again from the record" same "$work/report.md" "$work/again.md"

race --device cpu --threads 1 --batch-sizes 8 --no-steps --dense --contenders strata-own,openblas --width 16
if says "openblas-Zen-fp32: no OpenBLAS"; then
  echo "not tried: OpenBLAS is not here"
else
  expect "products beside OpenBLAS" grep -Eq '^\| 16 to 16 \| 8 \| forward \| .* \| [0-9.]+ \|$' "$work/log"
  expect "... each set of kernels by its name" says "openblas-Haswell-fp32's kernels Haswell"
  try python3 -B - "$here/../../tools/peers" << 'EOF'
"""OpenBLAS's products of matrices that all begin with the same numbers, against plain sums."""
import ctypes
import sys

sys.path.insert(0, sys.argv[1])
import openblas_peer as peer  # noqa: E402

N, I, O = 5, 7, 3
some = peer.Matrix.some
sums = {"forward": (N, O, lambda n, o: sum(some[n * I + i] * some[o * I + i] for i in range(I))),
        "grad_input": (N, I, lambda n, i: sum(some[n * O + o] * some[o * I + i] for o in range(O))),
        "grad_weight": (O, I, lambda o, i: sum(some[n * O + o] * some[n * I + i] for n in range(N)))}
library = peer.load("libopenblas.so.0")
for name, (rows, columns, sum_at) in sums.items():
    product = peer.Product(library, N, I, O, name)
    product.run(1)
    result = ctypes.cast(product.result.address, ctypes.POINTER(ctypes.c_float))
    for row in range(rows):
        for column in range(columns):
            got, expected = result[row * columns + column], sum_at(row, column)
            assert abs(got - expected) < 1e-6, f"{name} [{row}][{column}]: {got}, not {expected}"
EOF
  expect "OpenBLAS's products are those of the formulas" ends 0
fi
expect "no bytecode is left in the project" test ! -e "$here/../../tools/peers/__pycache__"

exit $((failures > 0))
