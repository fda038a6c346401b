#include "ops/reshape.h"

#include "tensor/autograd.h"
#include "tensor/trace.h"

namespace strata::ops {
namespace {

struct ReshapeNode : Node {
  Shape input_shape;

  Gradients backward(const Tensor& grad_output) override { return {grad_output.view(input_shape)}; }
};

Shape resolve(const Shape& input, std::vector<int64_t> extents) {
  const std::string asked = fmt::format("({})", fmt::join(extents, ", "));
  int64_t* unknown = nullptr;
  int64_t known = 1;
  for (int64_t& extent : extents) {
    check(extent >= -1 && !(extent == -1 && unknown),
          "reshape: the extents {} must be at least 0, but for one -1", asked);
    if (extent == -1)
      unknown = &extent;
    else
      check(!__builtin_mul_overflow(known, extent, &known), "reshape: {} is too large", asked);
  }
  if (unknown && known > 0) *unknown = input.size() / known;
  check(!unknown || known > 0, "reshape: next to an extent of 0, the -1 of {} can be anything",
        asked);
  const Shape shape{std::span<const int64_t>(extents)};
  check(shape.size() == input.size(), "reshape: {} elements of shape {} do not fit {}",
        input.size(), input, asked);
  return shape;
}

}  // namespace

Tensor reshape(const Tensor& input, const std::vector<int64_t>& extents) {
  const TraceScope trace(TraceLayer::op, "reshape");
  const Tensor output = input.view(resolve(input.shape(), extents));
  return record<ReshapeNode>("reshape", {input}, output,
                             [&](ReshapeNode& node) { node.input_shape = input.shape(); });
}

}  // namespace strata::ops
