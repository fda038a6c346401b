# strata_library(NAME DEPENDS...): the static library strata_NAME of every source file in this
# folder. Subfolders with GPU code, and onednn, join only in a build that
# has them, so a build without needs no stubs.
function(strata_library name)
  file(GLOB sources CONFIGURE_DEPENDS *.cpp reference/*.cpp cpu/*.cpp)
  if(STRATA_HAS_CUDA)
    file(GLOB cuda_sources CONFIGURE_DEPENDS cuda/*.cpp cuda/*.cu cudnn/*.cpp cublas/*.cpp)
  endif()
  if(STRATA_HAS_ONEDNN)
    file(GLOB onednn_sources CONFIGURE_DEPENDS onednn/*.cpp)
  endif()
  add_library(strata_${name} STATIC ${sources} ${cuda_sources} ${onednn_sources})
  target_include_directories(strata_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(strata_${name} PUBLIC ${ARGN})
  if(STRATA_HAS_CUDA)
    target_link_libraries(strata_${name} PRIVATE strata_cuda_toolkit)
  endif()
  if(onednn_sources)
    target_link_libraries(strata_${name} PRIVATE strata_onednn_headers)
  endif()
endfunction()

# strata_program(NAME SOURCES...): an executable in the build folder itself. dlopen finds cuDNN,
# cuBLASLt and oneDNN where the build found them, after LD_LIBRARY_PATH and before the system's cache.
function(strata_program name)
  add_executable(${name} ${ARGN})
  if(sanitizers MATCHES address)
    target_sources(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tools/cmake/asan_options.cpp)
  endif()
  target_link_libraries(${name} PRIVATE strata_nn)
  set_target_properties(${name} PROPERTIES BUILD_RPATH "${STRATA_LIBRARY_DIRS}")
endfunction()
