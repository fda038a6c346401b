#include "tests/support/gradcheck.h"

#include <cmath>

#include "tensor/autograd.h"
#include "tests/support/compare.h"

namespace strata::test {
namespace {

constexpr double kStep = 1e-4;

double projected(const Tensor& output, const std::vector<double>& projection) {
  const std::vector<double> values = values_of(output);
  double sum = 0;
  for (size_t i = 0; i < values.size(); ++i) sum += projection[i] * values[i];
  return sum;
}

}  // namespace

testing::AssertionResult gradients_match(const Function& function, std::vector<Tensor> inputs,
                                         double tolerance) {
  for (Tensor& input : inputs) {
    if (!is_floating(input.dtype())) continue;
    input = converted(input, DType::float64, Device::cpu);
    input.set_requires_grad(true);
  }
  const Tensor output = function(inputs);
  if (output.size() == 0) return testing::AssertionFailure() << "the output is empty";
  if (output.dtype() != DType::float64)
    return testing::AssertionFailure() << "the output is not float64";
  const Tensor projection = random_tensor(output.shape(), 17, 0.5, 1.5);
  backward(output, projection);
  const std::vector<double> weights = values_of(projection);

  const NoGradScope no_grad;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!is_floating(inputs[i].dtype())) continue;
    std::vector<double> numeric(static_cast<size_t>(inputs[i].size()));
    double* elements = inputs[i].data<double>();
    for (size_t j = 0; j < numeric.size(); ++j) {
      const double original = elements[j];
      elements[j] = original + kStep;
      const double above = projected(function(inputs), weights);
      elements[j] = original - kStep;
      const double below = projected(function(inputs), weights);
      elements[j] = original;
      numeric[j] = (above - below) / (2 * kStep);
    }
    const auto result =
        close(inputs[i].grad(), numeric, {.relative = tolerance, .absolute = tolerance});
    if (!result)
      return testing::AssertionFailure() << "gradient of input " << i << ": " << result.message();
  }
  return testing::AssertionSuccess();
}

}  // namespace strata::test
