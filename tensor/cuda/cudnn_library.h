// cuDNN's functions that Strata calls, typed from cuDNN's own headers and loaded on first use.
#pragma once

#include <cudnn.h>

#include <source_location>

#include "tensor/shared_library.h"

namespace strata::cuda {

struct CudnnLibrary : SharedLibrary {
  CudnnLibrary();

  STRATA_LIBRARY_FUNCTION(cudnnGetVersion)
  STRATA_LIBRARY_FUNCTION(cudnnGetErrorString)
  STRATA_LIBRARY_FUNCTION(cudnnGetLastErrorString)
  STRATA_LIBRARY_FUNCTION(cudnnCreate)
  STRATA_LIBRARY_FUNCTION(cudnnSetStream)

  // The graph API: convolution.
  STRATA_LIBRARY_FUNCTION(cudnnBackendCreateDescriptor)
  STRATA_LIBRARY_FUNCTION(cudnnBackendDestroyDescriptor)
  STRATA_LIBRARY_FUNCTION(cudnnBackendSetAttribute)
  STRATA_LIBRARY_FUNCTION(cudnnBackendGetAttribute)
  STRATA_LIBRARY_FUNCTION(cudnnBackendFinalize)
  STRATA_LIBRARY_FUNCTION(cudnnBackendExecute)

  // The precompiled calls: pooling, activation, softmax.
  STRATA_LIBRARY_FUNCTION(cudnnCreateTensorDescriptor)
  STRATA_LIBRARY_FUNCTION(cudnnDestroyTensorDescriptor)
  STRATA_LIBRARY_FUNCTION(cudnnSetTensor4dDescriptor)
  STRATA_LIBRARY_FUNCTION(cudnnCreatePoolingDescriptor)
  STRATA_LIBRARY_FUNCTION(cudnnDestroyPoolingDescriptor)
  STRATA_LIBRARY_FUNCTION(cudnnSetPooling2dDescriptor)
  STRATA_LIBRARY_FUNCTION(cudnnPoolingForward)
  STRATA_LIBRARY_FUNCTION(cudnnPoolingBackward)
  STRATA_LIBRARY_FUNCTION(cudnnCreateActivationDescriptor)
  STRATA_LIBRARY_FUNCTION(cudnnDestroyActivationDescriptor)
  STRATA_LIBRARY_FUNCTION(cudnnSetActivationDescriptor)
  STRATA_LIBRARY_FUNCTION(cudnnActivationForward)
  STRATA_LIBRARY_FUNCTION(cudnnActivationBackward)
  STRATA_LIBRARY_FUNCTION(cudnnSoftmaxForward)
  STRATA_LIBRARY_FUNCTION(cudnnSoftmaxBackward)
};

/// Loads cuDNN on the first call. Throws `device` when it cannot be loaded, or is of another major
/// version than this program was built with.
const CudnnLibrary& cudnn_library();

/// The handle of this process, bound to stream() as it is now. Throws `device`.
cudnnHandle_t cudnn_handle();

void check_cudnn(cudnnStatus_t status, const char* expression,
                 std::source_location where = std::source_location::current());

}  // namespace strata::cuda

#define STRATA_CUDNN(expression) ::strata::cuda::check_cudnn((expression), #expression)
