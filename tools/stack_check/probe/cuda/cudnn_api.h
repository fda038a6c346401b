// The functions of cuDNN that the probe calls: all of them are in every cuDNN 9.
#pragma once

#include <cudnn.h>

#include "tools/stack_check/probe/cuda/library_api.h"

namespace strata::stack_probe {

#define STRATA_CUDNN_FUNCTIONS(each)                                                               \
  each(cudnnGetVersion) each(cudnnGetCudartVersion) each(cudnnGetErrorString)                      \
      each(cudnnGetLastErrorString) each(cudnnGraphVersionCheck) each(cudnnOpsVersionCheck)        \
          each(cudnnCnnVersionCheck) each(cudnnAdvVersionCheck) each(cudnnCreate)                  \
              each(cudnnCreateTensorDescriptor) each(cudnnSetTensor4dDescriptor)                   \
                  each(cudnnCreateFilterDescriptor) each(cudnnSetFilter4dDescriptor)               \
                      each(cudnnCreateConvolutionDescriptor) each(cudnnSetConvolution2dDescriptor) \
                          each(cudnnSetConvolutionMathType)                                        \
                              each(cudnnGetConvolutionForwardAlgorithm_v7)                         \
                                  each(cudnnGetConvolutionBackwardDataAlgorithm_v7)                \
                                      each(cudnnGetConvolutionBackwardFilterAlgorithm_v7)          \
                                          each(cudnnConvolutionForward)                            \
                                              each(cudnnConvolutionBackwardData)                   \
                                                  each(cudnnConvolutionBackwardFilter)

struct CudnnApi {
  STRATA_CUDNN_FUNCTIONS(STRATA_PROBE_FUNCTION)

  bool load(LoadedLibrary& library) { return true STRATA_CUDNN_FUNCTIONS(STRATA_PROBE_LOAD); }

  /// The call of `function`, reported under its name.
  template <class Function, class... Arguments>
  bool call(Reporter& report, const Function& function, Arguments... arguments) const {
    return report.call(function.name, [&]() -> Status {
      const cudnnStatus_t code = function(arguments...);
      return code == CUDNN_STATUS_SUCCESS ? Status{} : failed(code);
    });
  }

 private:
  Status failed(cudnnStatus_t code) const;
};

/// Forward and both gradients of a small fp32 convolution against the CPU: forward_error,
/// grad_input_error, grad_weight_error.
void check_convolution(Reporter& report, const CudnnApi& cudnn, cudnnHandle_t handle);

/// convolution_tflops of a layer as in ResNet-50, in fp16 with fp32 sums on the tensor cores: the
/// one type that every card has on which cuDNN 9 runs well.
void measure_convolution(Reporter& report, const CudnnApi& cudnn, cudnnHandle_t handle,
                         size_t memory_free);

}  // namespace strata::stack_probe
