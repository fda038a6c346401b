#include "nn/divergence.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "tensor/autograd.h"

namespace strata::nn {
namespace {

template <class T>
bool all_finite(const Tensor& tensor) {
  const std::vector<T> values = tensor.to_vector<T>();
  return std::all_of(values.begin(), values.end(),
                     [](T x) { return std::isfinite(static_cast<float>(x)); });
}

bool is_finite(const Tensor& tensor) {
  return tensor.dtype() == DType::bfloat16 ? all_finite<BFloat16>(tensor)
                                           : all_finite<float>(tensor);
}

/// Runs the model as a training step does; writes the first bad layer's name to `bad`.
ops::ClassificationLoss observed_forward(Module& model, const Batch& batch, std::string& bad) {
  std::map<const Module*, std::string> names{{&model, "model"}};
  for (const Module::NamedModule& inner : model.descendants()) names[inner.module] = inner.name;
  const ForwardObserver observer([&](const Module& module, const Tensor& output) {
    if (bad.empty() && !is_finite(output))
      bad = fmt::format("output of {} ({})", names[&module], module.description());
  });
  return model.cross_entropy(batch.images, batch.labels);
}

}  // namespace

std::string first_bad_tensor(Module& model, FlatParameters& parameters, const Batch& batch) {
  for (const auto& parameter : parameters.parameters())
    if (!is_finite(*parameter.tensor)) return "parameter " + parameter.name;

  std::string bad;
  parameters.zero_grad();
  const ops::ClassificationLoss end = observed_forward(model, batch, bad);
  if (!bad.empty()) return bad;
  if (!is_finite(end.losses)) return "loss";

  backward(end.loss);
  parameters.gradients();
  for (const auto& parameter : parameters.parameters())
    if (!is_finite(parameter.gradient)) return "gradient of " + parameter.name;
  return "none: all tensors are finite when the step runs again";
}

}  // namespace strata::nn
