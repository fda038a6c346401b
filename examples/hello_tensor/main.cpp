// hello_tensor: tensors, an expression, its gradients, and a line fitted by following them.
// `hello_tensor` runs on the CPU, `hello_tensor gpu` on the GPU.
#include <fmt/format.h>

#include <cmath>
#include <string_view>

#include "ops/operators.h"
#include "ops/reduce.h"
#include "tensor/autograd.h"

using namespace strata;

// f = sum(a b + e^a), so df/da = b + e^a and df/db = a.
bool show_gradients(Device device) {
  const std::vector<float> a_values = {0.5f, 1, -2}, b_values = {3, -1, 4};
  Tensor a = Tensor::from(a_values, {3}, device).set_requires_grad(true);
  Tensor b = Tensor::from(b_values, {3}, device).set_requires_grad(true);
  const Tensor f = ops::sum(a * b + ops::exp(a));  // computed here and now, and recorded
  backward(f);                                     // walks the record back, from f to a and b
  const std::vector<float> grad_a = a.grad().to_vector<float>(),
                           grad_b = b.grad().to_vector<float>();
  fmt::print("f = sum(a b + exp(a)) = {:.4f}\n", f.item<float>());
  bool right = true;
  for (size_t i = 0; i < a_values.size(); ++i) {
    const float by_a = b_values[i] + std::exp(a_values[i]), by_b = a_values[i];
    fmt::print("  df/da[{}] = {:7.4f} (by hand {:7.4f})   df/db[{}] = {:7.4f} (by hand {:7.4f})\n",
               i, grad_a[i], by_a, i, grad_b[i], by_b);
    right = right && std::abs(grad_a[i] - by_a) < 1e-5f && std::abs(grad_b[i] - by_b) < 1e-5f;
  }
  return right;
}

// Finds the line y = 3 x - 1 again from five of its points.
bool fit_line(Device device) {
  const Tensor x = Tensor::from(std::vector<float>{-2, -1, 0, 1, 2}, {5}, device);
  const Tensor y = 3 * x - 1;
  Tensor slope = Tensor::zeros({1}, DType::float32, device).set_requires_grad(true);
  Tensor offset = Tensor::zeros({1}, DType::float32, device).set_requires_grad(true);
  fmt::print("\nfitting y = slope x + offset\n");
  for (int step = 0; step <= 40; ++step) {
    const Tensor error = slope * x + offset - y;  // one number and five: it is used five times
    const Tensor loss = ops::mean(error * error);
    backward(loss);
    if (step % 10 == 0)
      fmt::print("  step {:2}: loss {:.6f}, slope {:.4f}, offset {:.4f}\n", step,
                 loss.item<float>(), slope.item<float>(), offset.item<float>());
    const NoGradScope no_grad;  // the update is no part of what is differentiated
    for (Tensor* parameter : {&slope, &offset}) {
      parameter->copy_from(*parameter - 0.1 * parameter->grad());
      zero_grad(*parameter);  // or the next pass would add to this one's gradient
    }
  }
  return std::abs(slope.item<float>() - 3) < 1e-3f && std::abs(offset.item<float>() + 1) < 1e-3f;
}

int main(int argc, char** argv) {
  const std::string_view word = argc > 1 ? argv[1] : "cpu";
  if (argc > 2 || (word != "cpu" && word != "gpu")) {
    fmt::print(stderr, "hello_tensor: takes cpu or gpu, and nothing else\n");
    return 2;
  }
  const Device device = word == "gpu" ? Device::gpu : Device::cpu;
  try {
    const bool right = show_gradients(device) && fit_line(device);
    fmt::print("{} on the {}\n", right ? "PASS" : "FAIL", device);
    return right ? 0 : 1;
  } catch (const Error& error) {
    fmt::print(stderr, "hello_tensor: {}\n", error.what());
    return 4;
  }
}
