// (d) The convolution as one call of cuDNN, NVIDIA's library of kernels for neural networks, in the
// style of its version 7: descriptors, an algorithm, a workspace, and no kernel of one's own.
#include <algorithm>
#include <iterator>

#include "examples/one_convolution/cudnn_v7_library.h"
#include "examples/one_convolution/level.h"
#include "ops/cudnn/legacy.h"
#include "tensor/tensor.h"

namespace strata::one_convolution {
namespace {

/// Whether an algorithm works here and sums as the formula does, in float32: not on tensor cores,
/// the GPU's units for products of small matrices, which round the factors (to TF32, 3 digits);
/// and not by way of a Fourier or Winograd transform, which rounds in between.
bool is_plain_sum(const cudnnConvolutionFwdAlgoPerf_t& offer) {
  return offer.status == CUDNN_STATUS_SUCCESS && offer.algo <= CUDNN_CONVOLUTION_FWD_ALGO_DIRECT &&
         (offer.mathType == CUDNN_FMA_MATH || offer.mathType == CUDNN_DEFAULT_MATH);
}

Result run(const Problem& problem, Device) {
  // From here on the framework's tensors own the memory; and its handle is used, which is what
  // cuDNN keeps for this process: the GPU, and the stream that its kernels are queued on.
  const Tensor image = Tensor::from(problem.image, {kImageSize}, Device::gpu);
  const Tensor filter = Tensor::from(problem.filter, {kFilterSize}, Device::gpu);
  const Tensor output = Tensor::empty({kOutputSize}, DType::float32, Device::gpu);
  const cudnnHandle_t handle = cuda::cudnn_handle();
  const CudnnV7Library cudnn;

  // A descriptor tells what an address does not: extents, layout, type. describe() makes one.
  const auto image_shape = cudnn::describe(kBatch, kHeight, kWidth, kChannels);
  const auto output_shape = cudnn::describe(kBatch, kOutHeight, kOutWidth, kFilters);
  cudnnFilterDescriptor_t filter_shape = nullptr;
  STRATA_CUDNN(cudnn.cudnnCreateFilterDescriptor(&filter_shape));
  const AtExit destroy_shape([&] { cudnn.cudnnDestroyFilterDescriptor(filter_shape); });
  STRATA_CUDNN(cudnn.cudnnSetFilter4dDescriptor(filter_shape, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NHWC,
                                                kFilters, kChannels, kWindow, kWindow));
  cudnnConvolutionDescriptor_t how = nullptr;
  STRATA_CUDNN(cudnn.cudnnCreateConvolutionDescriptor(&how));
  const AtExit destroy_how([&] { cudnn.cudnnDestroyConvolutionDescriptor(how); });
  STRATA_CUDNN(cudnn.cudnnSetConvolution2dDescriptor(how, /*padding*/ 0, 0, /*stride*/ 1, 1,
                                                     /*dilation*/ 1, 1, CUDNN_CROSS_CORRELATION,
                                                     CUDNN_DATA_FLOAT));
  STRATA_CUDNN(cudnn.cudnnSetConvolutionMathType(how, CUDNN_FMA_MATH));  // no tensor cores

  cudnnConvolutionFwdAlgoPerf_t offers[CUDNN_CONVOLUTION_FWD_ALGO_COUNT] = {};
  int count = 0;
  STRATA_CUDNN(cudnn.cudnnGetConvolutionForwardAlgorithm_v7(
      handle, image_shape.get(), filter_shape, how, output_shape.get(), std::size(offers), &count,
      offers));  // the fastest first, as cuDNN expects
  const auto* const offer = std::find_if(offers, offers + count, is_plain_sum);
  if (offer == offers + count) fail(ErrorKind::device, "cuDNN: no algorithm for this convolution");
  const auto bytes = static_cast<int64_t>(offer->memory);
  const Tensor workspace = Tensor::empty({bytes}, DType::uint8, Device::gpu);  // for its scratch

  Result result;
  result.microseconds = median_microseconds([&] {
    STRATA_CUDNN(cudnn.cudnnConvolutionForward(
        handle, &cudnn::kOne, image_shape.get(), image.data<float>(), filter_shape,
        filter.data<float>(), how, offer->algo, workspace.data<uint8_t>(), offer->memory,
        &cudnn::kZero, output_shape.get(), output.data<float>()));
    wait_for(Device::gpu);
  });
  result.output = output.to_vector<float>();
  result.note = fmt::format("algorithm {}, workspace of {} bytes", int{offer->algo}, bytes);
  return result;
}

}  // namespace

const Level kCudnnCall = {
    Needs::cudnn, run,
    R"(   Adds kernels that NVIDIA wrote and tuned for each GPU, and no code of one's own runs there.
   The caller describes shapes and layouts, picks one of the algorithms and lends it memory to
   work in; a description that does not fit is a status with words.
)"};

}  // namespace strata::one_convolution
