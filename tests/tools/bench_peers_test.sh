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
expect "... with its reason" says "- torch-compile-fp32, batch 16: cannot compile"
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
race --rounds -1
expect "a number of rounds that is none: exit code 2" ends 2
expect "no bytecode is left in the project" test ! -e "$here/../../tools/peers/__pycache__"

exit $((failures > 0))
