// The functions that level (d) needs of cuDNN beyond those that the framework calls
// (tensor/cuda/cudnn_library.h), looked up in the same library.
#pragma once

#include "tensor/cuda/cudnn_library.h"

namespace strata::one_convolution {

struct CudnnV7Library : SharedLibrary {
  CudnnV7Library() : SharedLibrary("cuDNN", "libcudnn.so." STRATA_TEXT(CUDNN_MAJOR), "or try another level") {}

  STRATA_LIBRARY_FUNCTION(cudnnCreateFilterDescriptor)
  STRATA_LIBRARY_FUNCTION(cudnnSetFilter4dDescriptor)
  STRATA_LIBRARY_FUNCTION(cudnnDestroyFilterDescriptor)
  STRATA_LIBRARY_FUNCTION(cudnnCreateConvolutionDescriptor)
  STRATA_LIBRARY_FUNCTION(cudnnSetConvolution2dDescriptor)
  STRATA_LIBRARY_FUNCTION(cudnnSetConvolutionMathType)
  STRATA_LIBRARY_FUNCTION(cudnnDestroyConvolutionDescriptor)
  STRATA_LIBRARY_FUNCTION(cudnnGetConvolutionForwardAlgorithm_v7)
  STRATA_LIBRARY_FUNCTION(cudnnConvolutionForward)
};

}  // namespace strata::one_convolution
