#!/usr/bin/env bash
# The page that train_mnist --xray writes of a real step, in a browser without a window.
#
# TRAIN_MNIST names the program; CTest sets it. Exit code 77 (skipped) where Chromium or python3 is
# missing.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"${TRAIN_MNIST:?}" --device cpu --data digits --batch-size 16 --xray "$work/page.html" > "$work/tree"
grep -q '^x-ray of a training step of lenet, batches of 16,' "$work/tree"
"$here/xray_page_test.sh" "$work/page.html"
