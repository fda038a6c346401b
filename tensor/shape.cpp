#include "tensor/shape.h"

namespace strata {

std::string Shape::to_string() const {
  return fmt::format("({})", fmt::join(begin(), end(), ", "));
}

}  // namespace strata
