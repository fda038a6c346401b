#!/usr/bin/env bash
# tools/get_mnist against a local server that serves right, truncated, corrupt, refused and cut
# files. The files are small random ones: a copy of the script gets their checksums.
# Exit code 77 (skipped) where python3, for the server, or a download program is missing.
# shellcheck disable=SC2317  # the checks are called through expect
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[[ $(type -P python3) && $(type -P curl wget) ]] || exit 77
work=$(mktemp -d)
trap 'kill "${server:-}" 2> /dev/null || true; rm -rf "$work"' EXIT

names=({train,t10k}-{images-idx3,labels-idx1}-ubyte)
mkdir "$work/served" "$work/tools"
script=$work/tools/get_mnist
cp "$here/../../tools/get_mnist" "$script"
for name in "${names[@]}"; do
  head -c 300000 /dev/urandom > "$work/$name"
  gzip -c "$work/$name" > "$work/served/$name.gz"
  checksum=$(sha256sum < "$work/$name")
  sed -i "s/^[0-9a-f]\{64\} $name/${checksum%% *} $name/" "$script"
done

python3 "$here/bad_server.py" "$work/served" > "$work/port" &
server=$!
until [[ -s $work/port ]]; do sleep 0.05; done
server_at=http://127.0.0.1:$(cat "$work/port")

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

# get FOLDER MIRROR...: sets $status.
get() {
  local mirrors=("${@:2}")
  status=0
  STRATA_MNIST_MIRRORS="${mirrors[*]/#/$server_at/}" "$script" "$1" > "$work/log" 2>&1 || status=$?
}
whole() {  # all four are there and right, and nothing else
  local name
  [[ $(ls "$1") == "$(ls "$work/served")" ]] || return 1
  for name in "${names[@]}"; do
    gzip -dc "$1/$name.gz" | cmp -s - "$work/$name" || return 1
  done
}
ends() { [[ $status == "$1" ]]; }
says() { grep -q -- "$1" "$work/log"; }
same() { cmp -s "$1" "$2"; }

get "$work/a" right
expect "a good mirror gives the four files" whole "$work/a"
expect "... and exit code 0" ends 0
get "$work/a" refused refused
expect "files that are right are not downloaded again" ends 0

for kind in refused truncated corrupt empty page; do
  get "$work/$kind" "$kind" right
  expect "$kind: the other mirror helps" whole "$work/$kind"
  get "$work/$kind-twice" "$kind" "$kind"
  expect "$kind on both: exit code 3" ends 3
  expect "$kind on both: one line says what to do" says "${names[0]}.gz could not be had from"
  expect "$kind on both: nothing takes the file's name" test ! -e "$work/$kind-twice/${names[0]}.gz"
done

get "$work/cut" cut
expect "a cut connection: exit code 3" ends 3
expect "... and the part is kept" test -s "$work/cut/${names[0]}.gz.part"
get "$work/cut" rest-only
expect "the next run asks for the rest only" whole "$work/cut"

mkdir "$work/stale"
head -c 999999 /dev/zero > "$work/stale/${names[0]}.gz.part"
get "$work/stale" right right
expect "a part longer than the file is thrown away" whole "$work/stale"

mkdir "$work/own"
echo "my own data" > "$work/own/${names[0]}"
get "$work/own" refused refused
expect "no download: a wrong file stays" grep -q "own data" "$work/own/${names[0]}"
get "$work/own" right
expect "a wrong file is kept under another name" grep -q "own data" "$work/own/${names[0]}.wrong"
expect "... and the right one is there" same "$work/served/${names[0]}.gz" "$work/own/${names[0]}.gz"

mkdir "$work/raw"
cp "${names[@]/#/$work/}" "$work/raw/"
get "$work/raw" refused
expect "unpacked files are as good" ends 0

get /proc/nowhere right
expect "a folder that cannot be written: exit code 3" ends 3
status=0
"$script" --no-such-option > "$work/log" 2>&1 || status=$?
expect "an unknown option: exit code 2" ends 2

exit $((failures > 0))
