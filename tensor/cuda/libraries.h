// Which of the vendor's libraries this process could load, for headers and reports; needs no CUDA
// header. The libraries' functions are in cudnn_library.h and cublaslt_library.h.
#pragma once

#include <optional>
#include <string>

#include "tensor/shared_library.h"

namespace strata::cuda {

/// Try to load the library; nothing when it works, otherwise the reason as one line.
const std::optional<std::string>& why_no_cudnn();
const std::optional<std::string>& why_no_cublaslt();

/// The library, if this process has loaded it already.
std::optional<LoadedLibrary> loaded_cudnn();
std::optional<LoadedLibrary> loaded_cublaslt();

}  // namespace strata::cuda
