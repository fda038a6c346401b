// (f) The convolution as an op of the framework: one function from tensors to a tensor, the same on
// the CPU and on the GPU.
#include "examples/one_convolution/level.h"
#include "ops/conv2d.h"
#include "ops/dispatch.h"
#include "tensor/tensor.h"

namespace strata::one_convolution {
namespace {

Result run(const Problem& problem, Device device) {
  const Shape image_shape = {kBatch, kHeight, kWidth, kChannels};
  const Shape filter_shape = {kFilters, kWindow, kWindow, kChannels};
  const Tensor image = Tensor::from(problem.image, image_shape, device);
  const Tensor filter = Tensor::from(problem.filter, filter_shape, device);

  Result result;
  Tensor output;
  result.microseconds = median_microseconds([&] {
    output = ops::conv2d(image, filter);
    wait_for(device);
  });
  result.output = output.to_vector<float>();
  for (const Rung rung : rungs_used().at("conv2d"))  // which implementation it was
    result.note += fmt::format("computed by ops/{}/conv2d", name_of(rung));
  return result;
}

}  // namespace

const Level kOp = {
    Needs::nothing, run,
    R"(   Adds tensors, which know their shape, type and device and own their memory. So the op checks
   what it is given, takes its output from a pool (the driver is asked once), chooses whose kernel
   does the arithmetic, and leaves a node for backward() where an input requires gradients.
)"};

}  // namespace strata::one_convolution
