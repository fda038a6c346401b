#include "nn/summary.h"

#include <algorithm>
#include <array>
#include <map>
#include <vector>

namespace strata::nn {
namespace {

using Row = std::array<std::string, 4>;

/// Parameters of the module itself, its children's left out.
int64_t count_own(const Module& module) {
  int64_t count = count_parameters(module);
  for (const Module::NamedModule& child : module.children())
    count -= count_parameters(*child.module);
  return count;
}

/// "24 x 24 x 32": the shape without the axis of examples.
std::string shape_of_one(const Tensor& output) {
  std::string text;
  for (int axis = 1; axis < output.rank(); ++axis)
    text += (axis > 1 ? " x " : "") + std::to_string(output.extent(axis));
  return text.empty() ? "1" : text;
}

std::vector<Row> rows_of(Module& model, const Shape& input_shape) {
  std::map<const Module*, std::string> names{{&model, "model"}};
  for (const Module::NamedModule& inner : model.descendants()) names[inner.module] = inner.name;
  std::vector<int64_t> extents(input_shape.begin(), input_shape.end());
  extents.insert(extents.begin(), 1);

  std::vector<Row> rows{{"layer", "what it does", "output", "parameters"}};
  const EvaluationScope evaluation(model);
  const ForwardObserver observer([&](const Module& module, const Tensor& output) {
    const int64_t own = count_own(module);
    if (module.children().empty() || own > 0)
      rows.push_back(
          {names[&module], module.description(), shape_of_one(output), std::to_string(own)});
  });
  model(Tensor::zeros(Shape(extents), DType::float32, device_of(model)));
  rows.push_back({"total", "", "", std::to_string(count_parameters(model))});
  return rows;
}

}  // namespace

int64_t count_parameters(const Module& model) {
  int64_t count = 0;
  for (const NamedTensor& parameter : model.parameters()) count += parameter.tensor->size();
  return count;
}

Device device_of(const Module& model) {
  const std::vector<NamedTensor> parameters = model.parameters();
  return parameters.empty() ? Device::cpu : parameters[0].tensor->device();
}

std::string summary(Module& model, const Shape& input_shape) {
  const std::vector<Row> rows = rows_of(model, input_shape);
  std::array<size_t, 4> widths{};
  for (const Row& row : rows)
    for (size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string text;
  for (const Row& row : rows)
    text += fmt::format("{:<{}}  {:<{}}  {:<{}}  {:>{}}\n", row[0], widths[0], row[1], widths[1],
                        row[2], widths[2], row[3], widths[3]);
  return text;
}

}  // namespace strata::nn
