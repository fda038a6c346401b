// hello_tensor: tensors, an expression, its gradients, and a line fitted by following them.
// `hello_tensor` runs on the CPU, `hello_tensor gpu` on the GPU.
#include <fmt/format.h>

#include <cmath>

#include "examples/on_device.h"
#include "ops/operators.h"
#include "ops/reduce.h"
#include "tensor/autograd.h"

using namespace strata;

bool show_gradients(Device device) {
  Tensor a = Tensor::full({}, 0.5, DType::float32, device).set_requires_grad(true);
  Tensor b = Tensor::full({}, 3, DType::float32, device).set_requires_grad(true);
  const Tensor f = a * b + ops::exp(a);  // computed at once, and recorded
  backward(f);                           // walks the record back, from f to a and b
  const float by_a = a.grad().item<float>(), by_b = b.grad().item<float>();
  fmt::print("f = a b + exp(a) at a = 0.5, b = 3: {:.4f}\n", f.item<float>());
  fmt::print("  df/da = {:.4f}, by hand b + exp(a) = {:.4f}\n", by_a, 3 + std::exp(0.5f));
  fmt::print("  df/db = {:.4f}, by hand a = 0.5000\n", by_b);
  return std::abs(by_a - 3 - std::exp(0.5f)) < 1e-5f && std::abs(by_b - 0.5f) < 1e-5f;
}

// Finds the line y = 3 x - 1 again from five of its points.
bool fit_line(Device device) {
  const Tensor x = Tensor::from(std::vector<float>{-2, -1, 0, 1, 2}, {5}, device);
  const Tensor y = 3 * x - 1;
  Tensor slope = Tensor::zeros({}, DType::float32, device).set_requires_grad(true);
  Tensor offset = Tensor::zeros({}, DType::float32, device).set_requires_grad(true);
  fmt::print("fitting y = slope x + offset\n");
  for (int step = 0; step <= 40; ++step) {
    const Tensor error = slope * x + offset - y;  // one slope and five points: it counts for each
    const Tensor loss = ops::mean(error * error);
    backward(loss);
    if (step % 10 == 0)
      fmt::print("  step {:2}: loss {:9.6f}, slope {:.4f}, offset {:7.4f}\n", step,
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
  return run_on_device(argc, argv,
                       [](Device device) { return show_gradients(device) && fit_line(device); });
}
