# Stand-ins for the libraries above the driver. As the real ones they look for their parts beside
# themselves, and for nothing in the loader's default folders, where real ones may lie.
target_sources(fake_stack_probe PRIVATE gpu_memory.cpp)
add_custom_target(fake_cuda_libraries)

function(strata_fake_cuda_library target name suffix folder)
  strata_fake_library(${target} ${name} ${suffix} ${ARGN})
  target_link_libraries(${target} PRIVATE nlohmann_json::nlohmann_json strata_cuda_toolkit)
  target_link_options(${target} PRIVATE LINKER:-z,nodefaultlib,--no-as-needed)
  set_target_properties(${target} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${STRATA_FAKES}${folder}
                        BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH "$ORIGIN")
  add_dependencies(fake_cuda_libraries ${target})
endfunction()

set(major ${CUDAToolkit_VERSION_MAJOR})
strata_fake_cuda_library(fake_cublaslt cublasLt ${major} "" cublaslt.cpp)
# Of another build: without a function that cuBLAS needs.
strata_fake_cuda_library(fake_foreign_cublaslt cublasLt ${major} /foreign cublaslt.cpp)
target_compile_definitions(fake_foreign_cublaslt PRIVATE FAKE_FOREIGN=1)
# The loader's words on a missing function name the version, where there are versions.
file(CONFIGURE OUTPUT cublaslt.map CONTENT "libcublasLt.so.${major} { global: cublasLt*; };\n")
foreach(target fake_cublaslt fake_foreign_cublaslt)
  target_link_options(${target} PRIVATE LINKER:--version-script=${CMAKE_CURRENT_BINARY_DIR}/cublaslt.map)
endforeach()
strata_fake_cuda_library(fake_cublas cublas ${major} "" cublas.cpp)
target_link_libraries(fake_cublas PRIVATE fake_cublaslt)

strata_fake_cuda_library(fake_nvrtc nvrtc ${major} "" nvrtc.cpp)
strata_fake_cuda_library(fake_nccl nccl 2 "" nccl.cpp)
strata_fake_cuda_library(fake_old_nccl nccl 2 /old nccl.cpp)
target_compile_definitions(fake_old_nccl PRIVATE FAKE_OLD=1)

strata_fake_cuda_library(fake_cudnn cudnn 9 "" cudnn.cpp cudnn_convolution.cpp)
# Each part and those that it is linked with, so that without these it cannot be opened either.
set(needs_ops graph)
set(needs_cnn ops graph)
set(needs_adv ops graph)
foreach(part graph ops cnn adv heuristic engines_precompiled engines_runtime_compiled)
  strata_fake_cuda_library(fake_cudnn_${part} cudnn_${part} 9 "" cudnn_sublibrary.cpp)
  target_compile_definitions(fake_cudnn_${part} PRIVATE FAKE_PART=${part})
  foreach(needed ${needs_${part}})
    target_link_libraries(fake_cudnn_${part} PRIVATE fake_cudnn_${needed})
  endforeach()
endforeach()
