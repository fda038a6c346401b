#include "nn/pool2d.h"

#include "nn/window_text.h"

namespace strata::nn {
namespace {

std::string describe(const char* name, const ops::Pool2dOptions& options) {
  std::string text = fmt::format("{} {}", name, text_of(options.window));
  const auto differs = [](int64_t stride, int64_t window) { return stride && stride != window; };
  if (differs(options.stride.height, options.window.height) ||
      differs(options.stride.width, options.window.width))
    text += ", stride " + text_of(options.stride);
  return text + text_of(options.padding);
}

}  // namespace

std::string MaxPool2D::description() const { return describe("MaxPool2D", options_); }
std::string AveragePool2D::description() const { return describe("AveragePool2D", options_); }

}  // namespace strata::nn
