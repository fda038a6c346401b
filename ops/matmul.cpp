#include "ops/matmul.h"

#include <algorithm>
#include <array>
#include <span>

#include "ops/dispatch.h"
#include "ops/matmul_kernels.h"
#include "tensor/autograd.h"

namespace strata {
namespace {

Shape with_last_two(const Shape& leading, int64_t rows, int64_t columns) {
  std::array<int64_t, Shape::kMaxRank> extents{};
  std::copy(leading.begin(), leading.end(), extents.begin());
  extents[leading.rank() - 2] = rows;
  extents[leading.rank() - 1] = columns;
  return Shape(std::span<const int64_t>(extents.data(), leading.rank()));
}

}  // namespace

MatmulGeometry::MatmulGeometry(const Tensor& a, const Tensor& b, const ops::MatmulOptions& options)
    : transpose_a(options.transpose_a), transpose_b(options.transpose_b) {
  check_floating("matmul", a);
  check_same_device("matmul", a, b);
  check(a.dtype() == b.dtype(), "matmul: one operand is {}, the other {}", a.dtype(), b.dtype());
  const Shape &left = a.shape(), &right = b.shape();
  const int rank = left.rank();
  check(rank >= 2 && right.rank() == rank,
        "matmul: both operands need the same number of axes, at least 2, got {} and {}", left,
        right);
  check(std::equal(left.begin(), left.end() - 2, right.begin()),
        "matmul: the leading axes of {} and {} differ", left, right);
  batch = left.product(0, rank - 2);
  m = left[transpose_a ? -1 : -2];
  k = left[transpose_a ? -2 : -1];
  n = right[transpose_b ? -2 : -1];
  const int64_t right_k = right[transpose_b ? -1 : -2];
  check(k == right_k, "matmul: inner extents differ: {} from {}{}, {} from {}{}", k, left,
        transpose_a ? " transposed" : "", right_k, right, transpose_b ? " transposed" : "");
  output_shape = with_last_two(left, m, n);
}

std::string MatmulGeometry::to_string() const {
  return fmt::format("{} products of {}x{} by {}x{}{}{}", batch, m, k, k, n,
                     transpose_a || transpose_b ? ", transposed:" : "",
                     transpose_a && transpose_b ? " a, b"
                     : transpose_a              ? " a"
                     : transpose_b              ? " b"
                                                : "");
}

namespace ops {
namespace {

void multiply(const Tensor& a, const Tensor& b, const MatmulOptions& options, Tensor& c) {
  const MatmulGeometry geometry(a, b, options);
  const bool something = c.size() > 0 && geometry.k > 0;
  run_on_rung("matmul", a, {.rung = Rung::cublas, .onednn = something},
              {[&] { return "matmul: " + geometry.to_string(); },
               [&](Rung rung) { STRATA_DISPATCH_WITH(cublas, rung, matmul, geometry, a, b, c); }});
}

struct MatmulNode : Node {
  Tensor a, b;  // each for the gradient of the other
  MatmulOptions options;

  Gradients backward(const Tensor& g) override {
    const auto [transposed_a, transposed_b] = options;
    Tensor grad_a = make_grad(0), grad_b = make_grad(1);
    if (grad_a.defined()) {
      if (transposed_a)  // op(B) G^T
        multiply(b, g, {.transpose_a = transposed_b, .transpose_b = true}, grad_a);
      else  // G op(B)^T
        multiply(g, b, {.transpose_b = !transposed_b}, grad_a);
    }
    if (grad_b.defined()) {
      if (transposed_b)  // G^T op(A)
        multiply(g, a, {.transpose_a = true, .transpose_b = transposed_a}, grad_b);
      else  // op(A)^T G
        multiply(a, g, {.transpose_a = !transposed_a}, grad_b);
    }
    return {grad_a, grad_b};
  }
};

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b, const MatmulOptions& options) {
  const TraceScope trace(TraceLayer::op, "matmul");
  const MatmulGeometry geometry(a, b, options);
  Tensor output = Tensor::empty(geometry.output_shape, a.dtype(), a.device());
  multiply(a, b, options, output);
  return record<MatmulNode>("matmul", {a, b}, output, [&](MatmulNode& node) {
    if (b.requires_grad()) node.a = a.detach();
    if (a.requires_grad()) node.b = b.detach();
    node.options = options;
  });
}

}  // namespace ops
}  // namespace strata
