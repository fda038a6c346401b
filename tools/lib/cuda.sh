# Decides whether the GPU code is built and gets a CUDA toolkit without root where one is missing:
# the vendor's Python wheels, laid out as a toolkit in .deps/cuda. Sourced by prepare.sh.
# shellcheck shell=bash

wheel_toolkit="$root/.deps/cuda"
wheel_list="$root/tools/lib/cuda_wheels.txt"

has_gpu() { [[ -e /dev/nvidiactl || -e /dev/dxg || -e /proc/driver/nvidia/version ]]; }

# Whether this nvcc compiles C++20 with this build's compiler, and all headers are there.
nvcc_works() {
  local cupti
  cupti="$(dirname "$1")/../extras/CUPTI/include"
  "$1" -std=c++20 -ccbin "${CXX:-c++}" ${CUDNN_ROOT:+-I"$CUDNN_ROOT/include"} -I"$cupti" -x cu -E - \
    > /dev/null 2>&1 << END
#include <cublasLt.h>
#include <cudnn.h>
#include <cupti.h>
#include <nvtx3/nvToolsExt.h>
#if CUDNN_MAJOR < 9
#error
#endif
END
}

find_nvcc() {
  local candidate
  for candidate in "${CUDACXX:-}" "$(type -P nvcc)" /usr/local/cuda/bin/nvcc \
    "$wheel_toolkit/bin/nvcc"; do
    [[ -x $candidate ]] && nvcc_works "$candidate" && echo "$candidate" && return
  done
  return 1
}

# choose_cuda auto|on|off YES: sets $cuda, the value of STRATA_CUDA, and $nvcc.
choose_cuda() {
  cuda=OFF nvcc=""
  [[ $1 != off ]] || return 0
  if [[ $1 == auto ]] && ! has_gpu; then
    cuda=AUTO  # comes to the same, and CMake's summary then gives the reason
    return
  fi
  if nvcc=$(find_nvcc); then
    cuda=ON
    return
  fi
  say "No CUDA toolkit with cuDNN was found. It can be had without root: the CUDA 13 toolkit, cuDNN 9"
  say "and cuBLAS as Python wheels (1 GB to download, 1.5 GB in .deps/cuda)."
  if [[ $1 == on || -n $2 ]] || confirm "Get it now?"; then
    install_wheel_toolkit
    cuda=ON nvcc="$wheel_toolkit/bin/nvcc"
  else
    say "This machine has an NVIDIA GPU, but the build is for the CPU only. To use the GPU:"
    say "  $0 --cuda"
  fi
}

# A question with "yes" as the default; without a terminal the answer is no.
confirm() {
  local answer
  [[ -t 0 && -t 2 ]] || return 1
  read -r -p "$1 [Y/n] " answer
  [[ -z $answer || $answer == [Yy]* ]]
}

# pip as installed, otherwise out of its own wheel, which a Debian package holds.
run_pip() {
  local wheel
  if with_unpacked python3 -m pip --version > /dev/null 2>&1; then
    with_unpacked python3 -m pip "$@"
    return
  fi
  for wheel in {,"$unpacked"}/usr/share/python-wheels/pip-*.whl; do
    [[ -e $wheel ]] && with_unpacked python3 "$wheel/pip" "$@" && return
  done
  return 1
}

install_wheel_toolkit() {
  local -a missing=()
  local staging="$wheel_toolkit.new"
  have python3 || missing+=(python3)
  run_pip --version > /dev/null 2>&1 || missing+=(python3-pip-whl)
  if ((${#missing[@]})); then
    { install_packages "${missing[@]}" && run_pip --version > /dev/null; } ||
      die "The CUDA wheels need ${missing[*]}. An administrator installs them with:" \
        "  sudo apt-get update && sudo apt-get install ${missing[*]}"
  fi
  say "Getting the CUDA toolkit, cuDNN and cuBLAS"
  rm -rf "$staging"
  run_pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-compile \
    --target "$staging/wheels" --requirement "$wheel_list" ||
    die "The CUDA wheels could not be had (see above). Try again, install the CUDA 13 toolkit and" \
      "cuDNN 9 from https://developer.nvidia.com/cuda-downloads, or build with --cpu."
  lay_out_toolkit "$staging"
  rm -rf "$wheel_toolkit"
  mv "$staging" "$wheel_toolkit"
  nvcc_works "$wheel_toolkit/bin/nvcc" ||
    die "The CUDA wheels are in $wheel_toolkit, but their nvcc does not work with ${CXX:-c++}."
}

# One folder for all as nvcc's profile and CMake expect it: cuDNN beside CUDA, lib64 a link, and the
# link name of the runtime, without which CMake's FindCUDAToolkit does not take it for a toolkit.
lay_out_toolkit() {
  local wheels="$1/wheels"
  mv "$wheels"/nvidia/cu13/* "$1/"
  mv "$wheels"/nvidia/cudnn/include/* "$1/include/"
  mv "$wheels"/nvidia/cudnn/lib/* "$1/lib/"
  ln -s lib "$1/lib64"
  ln -s libcudart.so.13 "$1/lib/libcudart.so"
  mkdir "$1/licenses"
  mv "$wheels"/*.dist-info "$1/licenses/"
  rm -rf "$wheels"
}
