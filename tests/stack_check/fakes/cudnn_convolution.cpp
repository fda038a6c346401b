// The convolutions of the fake libcudnn.so.9.
#include <cudnn.h>

#include "tests/stack_check/fakes/cudnn_parts.h"
#include "tests/stack_check/fakes/fake.h"
#include "tests/stack_check/fakes/fake_gpu.h"
#include "tools/stack_check/probe/cuda/convolution_terms.h"

using strata::stack_probe::ConvolutionShape;
using namespace strata::fakes;

#pragma weak fake_gpu_spend

// Nothing is freed: the process ends with the probe.
struct cudnnTensorStruct {
  cudnnDataType_t type;
  int n, c, h, w;
};
struct cudnnFilterStruct {
  int k;
};
struct cudnnConvolutionStruct {
  cudnnMathType_t math;
};

namespace {

constexpr double kPerSecond = 250e12;

/// Offers one algorithm, of the arithmetic that was asked for, if the parts that know of any are
/// there.
template <class Perf>
cudnnStatus_t offer(const char* function, cudnnConvolutionDescriptor_t convolution, int* count,
                    Perf* offers) {
  *count = 0;
  if (const cudnnStatus_t status = begin(function, "cnn")) return status;
  if (const cudnnStatus_t status = begin(function, "heuristic")) return status;
  *count = 1;
  offers[0] = {};
  offers[0].mathType = convolution->math;
  offers[0].memory = 64;
  return CUDNN_STATUS_SUCCESS;
}

/// Calls add(input, weight, output) for every product of a convolution that is small enough for
/// anybody to look at; `result` is set to zero first.
template <class Add>
cudnnStatus_t convolve(const char* function, cudnnTensorDescriptor_t input,
                       cudnnTensorDescriptor_t output, float* result, size_t count, Add add) {
  if (const cudnnStatus_t status = begin(function, "cnn")) return status;
  if (const cudnnStatus_t status = begin(function, "engines_precompiled")) return status;
  const double operations = 2.0 * 9 * input->n * input->c * input->h * input->w * output->c;
  if (fake_gpu_spend) fake_gpu_spend(operations / kPerSecond * fake_slowness("convolution"));
  if (input->type != CUDNN_DATA_FLOAT) return CUDNN_STATUS_SUCCESS;
  for (size_t i = 0; i < count; ++i) result[i] = 0;
  for_each_term(ConvolutionShape{input->n, input->c, input->h, input->w, output->c}, add);
  if (fake_wrong(function)) result[0] += 1;
  return CUDNN_STATUS_SUCCESS;
}

size_t size_of(cudnnTensorDescriptor_t tensor) {
  return static_cast<size_t>(tensor->n) * tensor->c * tensor->h * tensor->w;
}

}  // namespace

extern "C" {

cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t* tensor) {
  *tensor = new cudnnTensorStruct{};
  return begin("cudnnCreateTensorDescriptor", "ops");
}

cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t tensor, cudnnTensorFormat_t,
                                         cudnnDataType_t type, int n, int c, int h, int w) {
  *tensor = {type, n, c, h, w};
  return begin("cudnnSetTensor4dDescriptor", "ops");
}

cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t* filter) {
  *filter = new cudnnFilterStruct{};
  return begin("cudnnCreateFilterDescriptor", "ops");
}

cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t filter, cudnnDataType_t,
                                         cudnnTensorFormat_t, int k, int, int, int) {
  filter->k = k;
  return begin("cudnnSetFilter4dDescriptor", "ops");
}

cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t* convolution) {
  *convolution = new cudnnConvolutionStruct{};
  return begin("cudnnCreateConvolutionDescriptor", "cnn");
}

cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t, int, int, int, int, int,
                                              int, cudnnConvolutionMode_t, cudnnDataType_t) {
  return begin("cudnnSetConvolution2dDescriptor", "cnn");
}

cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t convolution,
                                          cudnnMathType_t math) {
  convolution->math = math;
  return begin("cudnnSetConvolutionMathType", "cnn");
}

cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(cudnnHandle_t, const cudnnTensorDescriptor_t,
                                                     const cudnnFilterDescriptor_t,
                                                     const cudnnConvolutionDescriptor_t convolution,
                                                     const cudnnTensorDescriptor_t, const int,
                                                     int* count,
                                                     cudnnConvolutionFwdAlgoPerf_t* offers) {
  return offer("cudnnGetConvolutionForwardAlgorithm_v7", convolution, count, offers);
}

cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(
    cudnnHandle_t, const cudnnFilterDescriptor_t, const cudnnTensorDescriptor_t,
    const cudnnConvolutionDescriptor_t convolution, const cudnnTensorDescriptor_t, const int,
    int* count, cudnnConvolutionBwdDataAlgoPerf_t* offers) {
  return offer("cudnnGetConvolutionBackwardDataAlgorithm_v7", convolution, count, offers);
}

cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(
    cudnnHandle_t, const cudnnTensorDescriptor_t, const cudnnTensorDescriptor_t,
    const cudnnConvolutionDescriptor_t convolution, const cudnnFilterDescriptor_t, const int,
    int* count, cudnnConvolutionBwdFilterAlgoPerf_t* offers) {
  return offer("cudnnGetConvolutionBackwardFilterAlgorithm_v7", convolution, count, offers);
}

cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t, const void*,
                                      const cudnnTensorDescriptor_t input, const void* x,
                                      const cudnnFilterDescriptor_t, const void* w,
                                      const cudnnConvolutionDescriptor_t, cudnnConvolutionFwdAlgo_t,
                                      void*, size_t, const void*,
                                      const cudnnTensorDescriptor_t output, void* y) {
  const auto* const images = static_cast<const float*>(x);
  const auto* const weights = static_cast<const float*>(w);
  auto* const result = static_cast<float*>(y);
  return convolve("cudnnConvolutionForward", input, output, result, size_of(output),
                  [&](size_t i, size_t k, size_t o) { result[o] += images[i] * weights[k]; });
}

cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t, const void*,
                                           const cudnnFilterDescriptor_t, const void* w,
                                           const cudnnTensorDescriptor_t output, const void* dy,
                                           const cudnnConvolutionDescriptor_t,
                                           cudnnConvolutionBwdDataAlgo_t, void*, size_t,
                                           const void*, const cudnnTensorDescriptor_t input,
                                           void* dx) {
  const auto* const weights = static_cast<const float*>(w);
  const auto* const grad_output = static_cast<const float*>(dy);
  auto* const result = static_cast<float*>(dx);
  return convolve("cudnnConvolutionBackwardData", input, output, result, size_of(input),
                  [&](size_t i, size_t k, size_t o) { result[i] += grad_output[o] * weights[k]; });
}

cudnnStatus_t cudnnConvolutionBackwardFilter(cudnnHandle_t, const void*,
                                             const cudnnTensorDescriptor_t input, const void* x,
                                             const cudnnTensorDescriptor_t output, const void* dy,
                                             const cudnnConvolutionDescriptor_t,
                                             cudnnConvolutionBwdFilterAlgo_t, void*, size_t,
                                             const void*, const cudnnFilterDescriptor_t weight,
                                             void* dw) {
  const auto* const images = static_cast<const float*>(x);
  const auto* const grad_output = static_cast<const float*>(dy);
  auto* const result = static_cast<float*>(dw);
  return convolve("cudnnConvolutionBackwardFilter", input, output, result,
                  static_cast<size_t>(weight->k) * input->c * 9,
                  [&](size_t i, size_t k, size_t o) { result[k] += images[i] * grad_output[o]; });
}

}  // extern "C"
