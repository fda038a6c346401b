# Finds out what the build needs and is missing here, and gets it from Debian's or Ubuntu's archive:
# with apt-get as root or through a password-less sudo, otherwise unpacked into .deps/root, where the
# CMake files look too. Sourced by prepare.sh, which gives $root (the project), say and die.
# shellcheck shell=bash

unpacked="$root/.deps/root"
PATH="$PATH:$unpacked/usr/bin"  # last: what the system has goes first

have() { type -P "$1" > /dev/null; }

# with_unpacked COMMAND...: runs it with the libraries that were unpacked for its sake, if any.
with_unpacked() {
  local libraries
  if [[ -d $unpacked ]]; then
    libraries=$(printf ':%s' "$unpacked"/{usr/,}lib/*-linux-gnu*)
    LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}${libraries#:}" "$@"
  else
    "$@"
  fi
}

has_compilers() {
  "${CXX:-c++}" -std=c++20 -x c++ -fsyntax-only - <<< '#include <concepts>' 2> /dev/null &&
    "${CC:-cc}" -x c -fsyntax-only - <<< '#include <stdlib.h>' 2> /dev/null
}

has_cmake() {
  have cmake && have ctest &&
    { echo 3.25; with_unpacked cmake --version | sed 's/[^0-9]*//; q'; } 2> /dev/null | sort -VC
}

has_header() {
  "${CXX:-c++}" -I"$unpacked/usr/include" -x c++ -E - <<< "#include <$1>" > /dev/null 2>&1
}

# The packages that stand for what is missing, one a line.
missing_packages() {
  has_compilers || echo g++
  has_cmake || echo cmake
  have ninja || echo ninja-build
  has_header fmt/core.h || echo libfmt-dev
  has_header CLI/CLI.hpp || echo libcli11-dev
  has_header nlohmann/json.hpp || echo nlohmann-json3-dev
  has_header zlib.h || echo zlib1g-dev
  has_header gtest/gtest.h || echo libgtest-dev
}

# What adds to the build where it can be had: oneDNN, the CPU's library rung.
missing_extras() {
  has_header oneapi/dnnl/dnnl.h || echo libdnnl-dev
}

# quietly COMMAND...: its last words only, and only when it fails.
quietly() {
  local words
  words=$("$@" 2>&1) || { tail -n 3 <<< "$words" >&2; return 1; }
}

# install_packages NAME...: by the way that is open here; not 0 when that fails.
install_packages() {
  local -a as_root=()
  if ! have apt-get; then
    say "This is neither Debian nor Ubuntu: the packages have other names here."
    return 1
  elif ((EUID != 0)) && sudo -n true 2> /dev/null; then
    as_root=(sudo -n)
  elif ((EUID != 0)); then
    unpack_packages "$@"
    return
  fi
  say "Installing $*${as_root[0]:+ with sudo}"
  quietly "${as_root[@]}" apt-get -qq update &&
    quietly "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get -qq install --yes --no-install-recommends "$@"
}

# Without root: apt-get, in folders of its own, downloads the packages and what they depend on.
unpack_packages() {
  local apt="$root/.deps/apt" deb
  if [[ " $* " == *" g++ "* ]]; then
    say "Without root a compiler cannot be installed."
    return 1
  fi
  say "Without root: unpacking $* into ${unpacked#"$root"/}"
  mkdir -p "$apt"/state/lists/partial "$apt"/cache/archives/partial "$unpacked"
  local -a apt_get=(apt-get -qq -o "Dir::State=$apt/state" -o "Dir::Cache=$apt/cache"
    -o Dir::State::status=/var/lib/dpkg/status -o Debug::NoLocking=true)
  quietly "${apt_get[@]}" update &&
    quietly "${apt_get[@]}" install --yes --download-only --no-install-recommends "$@" || return
  for deb in "$apt"/cache/archives/*.deb; do
    dpkg -x "$deb" "$unpacked" || return
  done
  rm -rf "$apt"
  link_system_libraries
}

# A development package finds its library by a link beside it. A library that the system has was not
# downloaded, so that link leads nowhere until the library is linked beside it, too.
link_system_libraries() {
  local link folder
  while IFS= read -r link; do
    folder=$(dirname "$link")
    ln -sf "/usr/lib/$(basename "$folder")/$(basename "$link")".* "$folder/"
  done < <(find "$unpacked/usr/lib" -name '*.so' -xtype l)
}

# Without them the build is complete but for its ops/onednn, and its tests say so.
try_extras() {
  local -a missing
  mapfile -t missing < <(missing_extras)
  ((${#missing[@]} == 0)) || install_packages "${missing[@]}" ||
    say "Going on without ${missing[*]}."
}

# Sees to it that every package is there, or ends with what an administrator has to run.
ensure_packages() {
  local -a missing
  mapfile -t missing < <(missing_packages)
  ((${#missing[@]})) || return 0
  say "Missing here: ${missing[*]}"
  install_packages "${missing[@]}" ||
    die "Strata needs ${missing[*]}. An administrator installs them with:" \
      "  sudo apt-get update && sudo apt-get install --no-install-recommends ${missing[*]}"
  hash -r
  mapfile -t missing < <(missing_packages)
  ((${#missing[@]} == 0)) ||
    die "Installed, but too old or unusable: ${missing[*]} (C++20 and CMake 3.25 are needed)."
}
