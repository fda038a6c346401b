// What the kernels of this program may do on the GPU at hand; needs no CUDA header.
#pragma once

namespace strata::cuda {

/// Whether the GPU runs code that was compiled for at least this compute capability, times ten. A
/// GPU also runs what was compiled for an older one, which then lacks what the newer one could do.
bool compiled_for(int compute_capability);

}  // namespace strata::cuda
