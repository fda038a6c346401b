#include "nn/flat_parameters.h"

#include <set>

#include "tensor/autograd.h"
#include "tensor/pool.h"

namespace strata::nn {
namespace {

constexpr int64_t kAlignment = 64;  // elements: 256 bytes, what a block of the GPU's pool has

int64_t aligned(int64_t size) {
  return (size + kAlignment - 1) / kAlignment * kAlignment;
}

Tensor flat_zeros(int64_t size, Device device, MemoryUse use) {
  const MemoryScope scope(use);
  return Tensor::zeros({size}, DType::float32, device);
}

/// A module that is registered twice is trained once; what requires no gradient is not trained.
std::vector<NamedTensor> trained_parameters(const Module& model) {
  std::vector<NamedTensor> result;
  std::set<Tensor*> seen;
  for (NamedTensor& parameter : model.parameters())
    if (parameter.tensor->requires_grad() && seen.insert(parameter.tensor).second)
      result.push_back(std::move(parameter));
  return result;
}

}  // namespace

FlatParameters::FlatParameters(Module& model) {
  const std::vector<NamedTensor> found = trained_parameters(model);
  check(!found.empty(), "FlatParameters: this model has nothing to train");
  const Device device = found[0].tensor->device();
  int64_t size = 0;
  for (const NamedTensor& parameter : found) {
    check(parameter.tensor->device() == device && parameter.tensor->dtype() == DType::float32,
          "FlatParameters: {} is {} on the {}; all must be float32 on the {}", parameter.name,
          parameter.tensor->dtype(), parameter.tensor->device(), device);
    size += aligned(parameter.tensor->size());
  }
  values_ = flat_zeros(size, device, MemoryUse::weights);
  gradients_ = flat_zeros(size, device, MemoryUse::gradients);

  int64_t offset = 0;
  for (const NamedTensor& parameter : found) {
    const Shape shape = parameter.tensor->shape();
    Tensor value = values_.view(shape, offset);
    value.copy_from(*parameter.tensor);
    *parameter.tensor = value.set_requires_grad(true);
    parameters_.push_back({parameter.name, parameter.tensor, gradients_.view(shape, offset)});
    offset += aligned(shape.size());
  }
  zero_grad();
}

Tensor& FlatParameters::gradients() {
  for (Parameter& parameter : parameters_) {
    GradRecord& record = *parameter.tensor->record();
    if (!record.grad_is_stale) continue;
    parameter.gradient.fill_zero();
    record.grad_is_stale = false;
  }
  return gradients_;
}

void FlatParameters::zero_grad() {
  for (Parameter& parameter : parameters_) {
    GradRecord& record = *parameter.tensor->record();
    record.grad = parameter.gradient;
    record.grad_is_stale = true;
  }
}

}  // namespace strata::nn
