#!/usr/bin/env bash
# tools/train and tools/test on machines that lack something, played by stand-ins for apt-get and
# cmake and by overridden checks. What they install and build for real is tried by .ci/run.
# shellcheck disable=SC2016,SC2317  # the checks are called through expect, code through with_library
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$here/../../tools" "$work/tools"
tools=$work/tools

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
says() { grep -q -- "$1" "$work/log"; }
says_not() { ! says "$1"; }

# with_library CODE: runs it with the scripts' functions, as on a machine with a GPU and no toolkit.
with_library() {
  try bash -euo pipefail -c "source '$tools/lib/prepare.sh'
    has_gpu() { true; }
    find_nvcc() { false; }
    install_wheel_toolkit() { echo wheels; }
    $1"
}

for script in train test get_mnist; do
  try "$tools/$script" --help
  expect "$script --help: exit code 0" ends 0
  expect "$script --help: says how to use it" says "Usage: tools/$script"
done
try "$tools/test" --build-dir
expect "an option without its value: exit code 2" ends 2
try "$tools/test" --cuda --sanitize
expect "sanitizers for GPU code: exit code 2" ends 2
for words in "--sanitize:address build-asan" "--sanitize address:address build-asan" \
  "--sanitize thread:thread build-tsan" "--sanitize -R thread:address build-asan"; do
  # shellcheck disable=SC2086  # the options are words
  with_library "parse_options ${words%:*}; echo \"is \$sanitize \${build_dir##*/}\""
  expect "${words%:*}: ${words#*:}" says "^is ${words#*:}\$"
done

# A machine with the shell's own tools only, whose apt-get reaches nothing.
mkdir "$work/bin"
for name in bash cat dirname basename env find grep mkdir realpath rm sed sort tail; do
  ln -s "$(type -P "$name")" "$work/bin/$name"
done
printf '#!/bin/sh\necho "apt-get $*" >> "%s/apt"\nexit 100\n' "$work" > "$work/bin/apt-get"
chmod +x "$work/bin/apt-get"
try env -u CC -u CXX PATH="$work/bin" "$tools/test"
expect "nothing can be installed: exit code 4" ends 4
expect "... names what is missing" says "Missing here: g++ cmake ninja-build libfmt-dev"
expect "... and the command for an administrator" says "sudo apt-get update && sudo apt-get install"

with_library 'choose_cuda auto ""; echo "cuda=$cuda"'
expect "a GPU, no toolkit, no terminal: CPU only" says "cuda=OFF"
expect "... says so, and what to run" says "--cuda"
expect "... and downloads nothing" says_not "^wheels"
with_library 'choose_cuda auto yes; echo "cuda=$cuda"'
expect "a GPU, no toolkit, --yes: gets the toolkit" says "^wheels"
expect "... and builds for the GPU" says "cuda=ON"
with_library 'choose_cuda off yes; echo "cuda=$cuda"'
expect "--cpu: neither asks nor downloads" says_not "wheels"
with_library 'has_gpu() { false; }; choose_cuda on ""; echo "cuda=$cuda"'
expect "--cuda without a GPU: gets the toolkit" says "^wheels"

fake_cmake="cmake() { echo \"cmake \$*\"; mkdir -p '$work/b'; touch '$work/b/build.ninja'; }
  cuda=OFF nvcc='' build_dir='$work/b'"
with_library "$fake_cmake; configure; echo second; configure"
expect "a build folder is configured" says "^cmake --fresh.*Release.*STRATA_CUDA=OFF"
expect "... once" test "$(grep -c ^cmake "$work/log")" = 1
with_library "$fake_cmake; configure; cuda=ON; configure"
expect "... and anew when what was asked for changed" says "^cmake --fresh.*STRATA_CUDA=ON"
rm "$work/b/configured_by_tools"
touch "$work/b/CMakeCache.txt"
with_library "$fake_cmake; configure"
expect "a folder configured by hand is left alone" says_not "^cmake"

if type -P shellcheck > /dev/null; then
  cd "$here/../.."
  try shellcheck -xa tools/train tools/test tools/get_mnist .ci/run tests/tools/*.sh tests/fuzz/run
  expect "shellcheck has nothing to say" ends 0
fi

exit $((failures > 0))
