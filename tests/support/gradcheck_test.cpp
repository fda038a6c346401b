// The gradient check must accept a right gradient and reject every kind of wrong one.
#include "tests/support/gradcheck.h"

#include <cmath>

#include "tensor/autograd.h"
#include "tests/support/compare.h"

namespace strata::test {
namespace {

enum class Flaw { none, scaled, zero, nan, one_element, second_input, transposed };

// y = a^2 + 3 b, with a gradient that is wrong on demand.
struct FlawedNode : Node {
  Flaw flaw;
  Tensor a;

  Gradients backward(const Tensor& grad_output) override {
    Tensor grad_a = make_grad(0), grad_b = make_grad(1);
    const double* g = grad_output.data<double>();
    double* da = grad_a.data<double>();
    double* db = needs(1) ? grad_b.data<double>() : nullptr;
    for (int64_t i = 0; i < a.size(); ++i) {
      da[i] = 2 * a.data<double>()[i] * g[i];
      if (db) db[i] = 3 * g[i];
      if (flaw == Flaw::scaled) da[i] *= 1.0001;
      if (flaw == Flaw::zero) da[i] = 0;
      if (flaw == Flaw::nan) da[i] = NAN;
    }
    if (flaw == Flaw::one_element) da[a.size() - 1] += 1e-4;
    if (flaw == Flaw::second_input) db[0] = -db[0];
    if (flaw == Flaw::transposed) std::swap(da[0], da[1]);
    return {grad_a, grad_b};
  }
};

Tensor flawed(Flaw flaw, const Tensor& a, const Tensor& b) {
  Tensor output = a.clone();
  for (int64_t i = 0; i < a.size(); ++i)
    output.data<double>()[i] = a.data<double>()[i] * a.data<double>()[i] + 3 * b.data<double>()[i];
  return record<FlawedNode>("flawed", {a, b}, output, [&](FlawedNode& node) {
    node.flaw = flaw;
    node.a = a.detach();
  });
}

testing::AssertionResult check_with(Flaw flaw) {
  return gradients_match([&](const auto& inputs) { return flawed(flaw, inputs[0], inputs[1]); },
                         {random_tensor({2, 3}, 1), random_tensor({2, 3}, 2)});
}

TEST(GradcheckTest, AcceptsTheRightGradient) {
  EXPECT_TRUE(check_with(Flaw::none));
}
TEST(GradcheckTest, RejectsScaled) {
  EXPECT_FALSE(check_with(Flaw::scaled));
}
TEST(GradcheckTest, RejectsZero) {
  EXPECT_FALSE(check_with(Flaw::zero));
}
TEST(GradcheckTest, RejectsNan) {
  EXPECT_FALSE(check_with(Flaw::nan));
}
TEST(GradcheckTest, RejectsOneElementOff) {
  EXPECT_FALSE(check_with(Flaw::one_element));
}
TEST(GradcheckTest, RejectsExchangedElements) {
  EXPECT_FALSE(check_with(Flaw::transposed));
}

TEST(GradcheckTest, RejectsAnyInputsGradient) {
  const testing::AssertionResult result = check_with(Flaw::second_input);
  EXPECT_FALSE(result);
  EXPECT_NE(std::string(result.message()).find("gradient of input 1"), std::string::npos);
}

TEST(GradcheckTest, RejectsAnInputLeftOut) {
  EXPECT_FALSE(gradients_match(
      [](const auto& inputs) {
        return flawed(Flaw::none, inputs[0], inputs[1].detach());  // b's gradient stays undefined
      },
      {random_tensor({2}, 1), random_tensor({2}, 2)}));
}

// A backward that returns no gradient, or one of a wrong shape, is an error before it is compared.
struct ShapelessNode : Node {
  Tensor gradient;
  Gradients backward(const Tensor&) override { return {gradient}; }
};

TEST(GradcheckTest, RejectsUndefinedAndMisshapen) {
  for (const Tensor& gradient : {Tensor(), Tensor::zeros({3}, DType::float64)}) {
    EXPECT_TRUE(fails("wrong: its backward returned the gradient of input 0 in a wrong shape", [&] {
      (void)gradients_match(
          [&](const auto& inputs) {
            return record<ShapelessNode>("wrong", {inputs[0]}, inputs[0].clone(),
                                         [&](ShapelessNode& node) { node.gradient = gradient; });
          },
          {random_tensor({2}, 1)});
    }));
  }
}

}  // namespace
}  // namespace strata::test
