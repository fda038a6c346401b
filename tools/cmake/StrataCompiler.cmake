# Language level, warnings, build type and sanitizers, the same for every target.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release or RelWithDebInfo" FORCE)
endif()
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})

add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-fno-math-errno>")
# Functions that return vectors wider than the baseline's are always inlined: no call of one has an ABI.
add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-Wno-psabi>")
if(STRATA_SANITIZE)
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX,C>:-O1;-fsanitize=address,undefined;-fno-sanitize-recover=all;-fno-omit-frame-pointer>")
  add_link_options(-fsanitize=address,undefined)
endif()
