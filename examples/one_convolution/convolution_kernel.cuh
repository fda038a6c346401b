// The convolution as a kernel, marked __global__: a function that the CPU launches and that the GPU
// runs in thousands of threads at once, each with the same arguments and a number of its own. Level
// (c) includes this file; for level (b) the build makes PTX of it alone, so there is no #pragma
// once, which is for headers only.
#include "examples/one_convolution/shape.h"

namespace strata::one_convolution {

// extern "C": level (b) looks the kernel up by its name, which C++ would decorate.
extern "C" __global__ void convolution_kernel(const float* image, const float* filter,
                                              float* output) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;  // block, threads in a block, thread in it
  if (i >= kOutputSize) return;                         // the last block may be too large
  const int k = i % kFilters;
  const int q = i / kFilters % kOutWidth;
  const int p = i / kFilters / kOutWidth % kOutHeight;
  const int n = i / kFilters / kOutWidth / kOutHeight;
  float sum = 0;
  for (int r = 0; r < kWindow; ++r)
    for (int s = 0; s < kWindow; ++s)
      for (int c = 0; c < kChannels; ++c)
        sum += image[image_index(n, p + r, q + s, c)] * filter[filter_index(k, r, s, c)];
  output[i] = sum;
}

}  // namespace strata::one_convolution
