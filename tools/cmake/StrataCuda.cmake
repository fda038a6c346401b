# Decides whether GPU code is built. Sets STRATA_HAS_CUDA, STRATA_CUDA_SUMMARY (the decision and its
# reason), the target strata_cuda_toolkit (headers and the static runtime) and
# STRATA_LIBRARY_DIRS (where cuDNN and cuBLASLt were found, for dlopen).
set(STRATA_HAS_CUDA 0)
set(STRATA_LIBRARY_DIRS "")

function(strata_find_gpu result)
  set(${result} FALSE PARENT_SCOPE)
  foreach(path /dev/nvidiactl /dev/dxg /proc/driver/nvidia/version)
    if(EXISTS ${path})
      set(${result} TRUE PARENT_SCOPE)
    endif()
  endforeach()
endfunction()

# What keeps this machine from compiling GPU code; empty when nothing does.
function(strata_find_toolkit missing)
  set(${missing} "" PARENT_SCOPE)
  include(CheckLanguage)
  if(NOT CMAKE_CUDA_COMPILER)
    unset(CMAKE_CUDA_COMPILER CACHE)  # "not found" may be from before a toolkit was installed
    find_program(STRATA_NVCC nvcc PATHS /usr/local/cuda/bin ${PROJECT_SOURCE_DIR}/.deps/cuda/bin)
    if(STRATA_NVCC AND NOT DEFINED ENV{CUDACXX})
      set(ENV{CUDACXX} ${STRATA_NVCC})
    endif()
  endif()
  check_language(CUDA)
  if(NOT CMAKE_CUDA_COMPILER)
    set(${missing} "no CUDA compiler (nvcc) was found" PARENT_SCOPE)
    return()
  endif()
  # The host compiler of nvcc is the C++ compiler of this build, so that one ABI serves all objects.
  if(NOT CUDAToolkit_ROOT)
    # Before the language is enabled FindCUDAToolkit does not ask the compiler where it lives.
    get_filename_component(compiler ${CMAKE_CUDA_COMPILER} REALPATH)
    get_filename_component(toolkit_root ${compiler}/../.. ABSOLUTE)
    set(CUDAToolkit_ROOT ${toolkit_root} CACHE PATH "The CUDA toolkit")
  endif()
  if(NOT TARGET CUDA::nvToolsExt)
    # Debian's CMake 3.25 sets a property of this library, which CUDA 13 no longer has.
    add_library(CUDA::nvToolsExt INTERFACE IMPORTED)
  endif()
  find_package(CUDAToolkit QUIET)
  if(NOT CUDAToolkit_FOUND)
    set(${missing} "nvcc is there, but not the rest of the CUDA toolkit" PARENT_SCOPE)
    return()
  endif()
  get_filename_component(toolkit_root ${CUDAToolkit_BIN_DIR}/.. REALPATH)
  set(roots ${toolkit_root} ${CUDAToolkit_TARGET_DIR} $ENV{CUDNN_ROOT} $ENV{CUDNN_HOME} /usr /usr/local)
  find_path(STRATA_CUDNN_INCLUDE cudnn.h HINTS ${roots} PATH_SUFFIXES include)
  find_path(STRATA_CUPTI_INCLUDE cupti.h HINTS ${CUDAToolkit_INCLUDE_DIRS} ${roots}
            PATH_SUFFIXES include extras/CUPTI/include)
  find_path(STRATA_NVTX_INCLUDE nvtx3/nvToolsExt.h HINTS ${CUDAToolkit_INCLUDE_DIRS} ${roots} PATH_SUFFIXES include)
  find_file(STRATA_CUPTI_LIBRARY NAMES libcupti.so.${CUDAToolkit_VERSION_MAJOR}
            HINTS ${CUDAToolkit_LIBRARY_DIR} ${roots} PATH_SUFFIXES lib64 lib extras/CUPTI/lib64)
  find_path(STRATA_CUBLASLT_INCLUDE cublasLt.h HINTS ${CUDAToolkit_INCLUDE_DIRS} ${roots} PATH_SUFFIXES include)
  find_file(STRATA_CUDNN_LIBRARY NAMES libcudnn.so.9 HINTS ${roots}
            PATH_SUFFIXES lib64 lib lib/x86_64-linux-gnu lib/aarch64-linux-gnu)
  find_file(STRATA_CUBLASLT_LIBRARY NAMES libcublasLt.so.${CUDAToolkit_VERSION_MAJOR}
            HINTS ${CUDAToolkit_LIBRARY_DIR} ${roots} PATH_SUFFIXES lib64 lib)
  if(NOT STRATA_CUDNN_INCLUDE)
    set(${missing} "cudnn.h was not found (set CUDNN_ROOT to cuDNN's folder)" PARENT_SCOPE)
  elseif(NOT STRATA_CUBLASLT_INCLUDE)
    set(${missing} "cublasLt.h was not found" PARENT_SCOPE)
  elseif(NOT STRATA_CUPTI_INCLUDE)
    set(${missing} "cupti.h was not found (a part of the toolkit, cuda-cupti-dev)" PARENT_SCOPE)
  elseif(NOT STRATA_NVTX_INCLUDE)
    set(${missing} "nvtx3/nvToolsExt.h was not found (a part of the toolkit, cuda-nvtx)" PARENT_SCOPE)
  endif()
endfunction()

# The present GPU's architecture, otherwise every one this nvcc compiles for from Turing (7.5) on.
function(strata_choose_architectures has_gpu)
  if(DEFINED CMAKE_CUDA_ARCHITECTURES OR DEFINED ENV{CUDAARCHS})
    return()
  endif()
  if(has_gpu)
    execute_process(COMMAND nvidia-smi --query-gpu=compute_cap --format=csv,noheader
                    OUTPUT_VARIABLE found ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
    string(REGEX MATCHALL "[0-9]+\\.[0-9]" capabilities "${found}")
    list(TRANSFORM capabilities REPLACE "\\." "")
    list(REMOVE_DUPLICATES capabilities)
  endif()
  if(NOT capabilities)
    execute_process(COMMAND ${CMAKE_CUDA_COMPILER} --list-gpu-arch OUTPUT_VARIABLE found)
    string(REGEX MATCHALL "[0-9]+" all "${found}")
    foreach(architecture ${all})
      if(architecture GREATER_EQUAL 75)
        list(APPEND capabilities ${architecture})
      endif()
    endforeach()
  endif()
  list(TRANSFORM capabilities APPEND "-real")  # machine code only: the driver compiles nothing
  set(CMAKE_CUDA_ARCHITECTURES ${capabilities} CACHE STRING "GPU architectures to compile for")
endfunction()

if(NOT STRATA_CUDA MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "STRATA_CUDA is AUTO, ON or OFF, not '${STRATA_CUDA}'")
endif()
strata_find_gpu(has_gpu)
if(STRATA_CUDA STREQUAL OFF)
  set(STRATA_CUDA_SUMMARY "no (STRATA_CUDA=OFF)")
elseif(STRATA_CUDA STREQUAL AUTO AND NOT has_gpu)
  set(STRATA_CUDA_SUMMARY "no (this machine has no NVIDIA GPU; -DSTRATA_CUDA=ON builds it all the same)")
else()
  strata_find_toolkit(missing)
  if(missing AND STRATA_CUDA STREQUAL ON)
    message(FATAL_ERROR "STRATA_CUDA=ON, but ${missing}. Install the CUDA 13 toolkit and cuDNN 9 "
                        "(./tools/train --cuda does it without root), or use -DSTRATA_CUDA=OFF.")
  elseif(missing)
    set(STRATA_CUDA_SUMMARY "no (a GPU is here, but ${missing}; ./tools/train --cuda gets what is missing)")
  else()
    set(STRATA_HAS_CUDA 1)
  endif()
endif()

if(STRATA_HAS_CUDA)
  strata_choose_architectures(${has_gpu})
  set(CMAKE_CUDA_HOST_COMPILER ${CMAKE_CXX_COMPILER})
  enable_language(CUDA)
  set(CMAKE_CUDA_STANDARD 20)
  if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25 does not know that nvcc has C++20
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
  endif()
  find_package(CUDAToolkit REQUIRED)
  add_library(strata_cuda_toolkit INTERFACE)
  target_include_directories(strata_cuda_toolkit SYSTEM INTERFACE ${STRATA_CUDNN_INCLUDE} ${STRATA_CUBLASLT_INCLUDE}
                             ${STRATA_CUPTI_INCLUDE} ${STRATA_NVTX_INCLUDE})
  target_link_libraries(strata_cuda_toolkit INTERFACE CUDA::cudart_static)
  target_compile_options(strata_cuda_toolkit INTERFACE
    "$<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr;-Xcompiler=-Wall,-Wextra>")
  # {fmt} 9 takes nvcc for a compiler without constexpr, which its C++20 code then needs.
  target_compile_definitions(strata_cuda_toolkit INTERFACE "$<$<COMPILE_LANGUAGE:CUDA>:FMT_USE_CONSTEXPR=1>")
  foreach(library ${STRATA_CUDNN_LIBRARY} ${STRATA_CUBLASLT_LIBRARY} ${STRATA_CUPTI_LIBRARY})
    if(EXISTS ${library})
      get_filename_component(folder ${library} DIRECTORY)
      list(APPEND STRATA_LIBRARY_DIRS ${folder})
    endif()
  endforeach()
  list(REMOVE_DUPLICATES STRATA_LIBRARY_DIRS)
  if(has_gpu)
    set(reason "a GPU and the toolkit are here")
  else()
    set(reason "asked for; no GPU here")
  endif()
  string(REPLACE "-real" "" shown "${CMAKE_CUDA_ARCHITECTURES}")
  string(REPLACE ";" " " shown "${shown}")
  set(STRATA_CUDA_SUMMARY "yes (${reason}), CUDA ${CUDAToolkit_VERSION}, architectures ${shown}")
endif()

# strata_embed_ptx(RESULT SOURCE NAMESPACE NAME HEADERS...): makes PTX of a file with kernels, for the oldest GPU
# of this toolkit so that any driver can compile it, and a source file, whose path RESULT gets, with
# that text as the constant NAMESPACE::NAME. For those who load kernels through the driver.
set(STRATA_PTX_ARCHITECTURE 75)
function(strata_embed_ptx result source namespace name)
  get_filename_component(base ${source} NAME_WE)
  set(ptx ${CMAKE_CURRENT_BINARY_DIR}/${base}.ptx)
  set(embed ${PROJECT_SOURCE_DIR}/tools/cmake/EmbedText.cmake)
  add_custom_command(
    OUTPUT ${ptx}.cpp
    COMMAND ${CMAKE_CUDA_COMPILER} -ptx -x cu -arch=compute_${STRATA_PTX_ARCHITECTURE} -std=c++17
            -ccbin ${CMAKE_CXX_COMPILER} -I${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${ptx}
    COMMAND ${CMAKE_COMMAND} -D INPUT=${ptx} -D OUTPUT=${ptx}.cpp -D NAMESPACE=${namespace} -D NAME=${name}
            -P ${embed}
    DEPENDS ${source} ${ARGN} ${embed} VERBATIM)
  set(${result} ${ptx}.cpp PARENT_SCOPE)
endfunction()
