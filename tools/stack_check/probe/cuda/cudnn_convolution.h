// What cuDNN has to be told of a convolution, and the algorithms that it chooses for it.
#pragma once

#include <memory>

#include "tools/stack_check/probe/cuda/convolution_terms.h"
#include "tools/stack_check/probe/cuda/cudnn_api.h"
#include "tools/stack_check/probe/cuda/device_block.h"

namespace strata::stack_probe {

struct ConvolutionType {
  cudnnDataType_t data;
  cudnnTensorFormat_t format;
  cudnnMathType_t math;
};

/// An algorithm and the memory it works in; `workspace` is null where there is none to be had.
template <class Algorithm>
struct ChosenAlgorithm {
  Algorithm algorithm{};
  size_t bytes = 0;
  std::unique_ptr<DeviceBlock> workspace;

  explicit operator bool() const { return workspace && *workspace; }
};

/// The process ends with the probe: no descriptor is destroyed.
class CudnnConvolution {
 public:
  CudnnConvolution(Reporter& report, const CudnnApi& cudnn, cudnnHandle_t handle)
      : report_(report), cudnn_(cudnn), handle_(handle) {}

  bool describe(const ConvolutionShape& shape, const ConvolutionType& type);
  bool forward(const void* input, const void* weight, void* output);
  bool backward_input(const void* weight, const void* grad_output, void* grad_input);
  bool backward_weight(const void* input, const void* grad_output, void* grad_weight);
  /// Queues what forward() did last, without a report.
  void forward_again(const void* input, const void* weight, void* output) const;

 private:
  bool describe_tensor(cudnnTensorDescriptor_t& tensor, const ConvolutionType& type, int n, int c,
                       int h, int w);
  template <class Perf, class Function, class... Descriptors>
  auto choose(const Function& function, Descriptors... descriptors);

  Reporter& report_;
  const CudnnApi& cudnn_;
  cudnnHandle_t handle_;
  cudnnMathType_t math_ = CUDNN_DEFAULT_MATH;
  cudnnTensorDescriptor_t input_ = nullptr, output_ = nullptr;
  cudnnFilterDescriptor_t weight_ = nullptr;
  cudnnConvolutionDescriptor_t convolution_ = nullptr;
  ChosenAlgorithm<cudnnConvolutionFwdAlgo_t> forward_;
};

}  // namespace strata::stack_probe
