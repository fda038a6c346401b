# What tools/train and tools/test share: their common options, and the way from a bare machine to a
# build folder. All it prints goes to standard error; it ends with code 4 when a step cannot be done.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

say() { echo "strata: $*" >&2; }

die() {
  say "$1"
  (($# < 2)) || printf '%s\n' "${@:2}" >&2
  exit 4
}

usage_error() {
  say "$1 (see $0 --help)"
  exit 2
}

# shellcheck source=tools/lib/packages.sh
source "$root/tools/lib/packages.sh"
# shellcheck source=tools/lib/cuda.sh
source "$root/tools/lib/cuda.sh"

common_help="  --cuda           build the GPU code; gets the CUDA toolkit without root if none is here
  --cpu            build for the CPU only
  --yes            answer yes to all questions
  --build-dir DIR  the build folder (default: build)"

gpu=auto yes="" sanitize=OFF build_dir="" rest=()

# parse_options ARG...: takes the common options out and leaves the others in $rest.
parse_options() {
  while (($#)); do
    case $1 in
      --cuda) gpu=on ;;
      --cpu) gpu=off ;;
      --yes) yes=yes ;;
      --sanitize)
        sanitize=address
        if [[ ${2:-} == address || ${2:-} == thread ]]; then
          sanitize=$2
          shift
        fi
        ;;
      --build-dir)
        (($# > 1)) || usage_error "--build-dir needs a folder"
        build_dir=$(realpath -m -- "$2")
        shift
        ;;
      --help | -h)
        print_help
        exit 0
        ;;
      *) rest+=("$1") ;;
    esac
    shift
  done
  if [[ $sanitize != OFF ]]; then
    [[ $gpu != on ]] || usage_error "--sanitize is for the CPU code, without --cuda"
    gpu=off
    build_dir=${build_dir:-$root/build-${sanitize:0:1}san}
  fi
  build_dir=${build_dir:-$root/build}
}

# build TARGET...: everything up to the built targets.
build() {
  ensure_packages
  try_extras
  choose_cuda "$gpu" "$yes"
  configure
  with_unpacked cmake --build "$build_dir" --parallel "$(nproc)" --target "$@" ||
    die "The build failed; the compiler's words are above."
} >&2

# Configures anew when what was asked for has changed. A folder that was configured by hand stays as
# it is, unless an option says otherwise.
configure() {
  local stamp="$build_dir/configured_by_tools" wanted type=Release
  [[ $sanitize != OFF ]] && type=RelWithDebInfo
  local -a settings=(-G Ninja "-DCMAKE_BUILD_TYPE=$type" "-DSTRATA_SANITIZE=$sanitize"
    "-DSTRATA_CUDA=$cuda" ${nvcc:+"-DCMAKE_CUDA_COMPILER=$nvcc"})
  wanted="${settings[*]} ${CC:-} ${CXX:-} ${CUDAARCHS:-}"
  if [[ -e $build_dir/build.ninja && $(cat "$stamp" 2> /dev/null) == "$wanted" ]]; then
    return
  elif [[ -e $build_dir/CMakeCache.txt && (-e $build_dir/build.ninja || -e $build_dir/Makefile) && ! -e $stamp && $gpu == auto && $sanitize == OFF ]]; then
    say "Using ${build_dir} as it was configured by hand"
    return
  fi
  say "Configuring $build_dir"
  rm -f "$stamp"
  with_unpacked cmake --fresh -S "$root" -B "$build_dir" "${settings[@]}" ||
    die "CMake could not configure; its words are above."
  echo "$wanted" > "$stamp"
}
