#include "ops/strided_copy_kernels.h"

namespace strata::reference {

void strided_copy(const CopyWalk& walk, const Tensor& from, Tensor& to) {
  visit_element_bits(from.dtype(), [&]<class T>(T) {
    const T* source = static_cast<const T*>(from.location().address);
    T* destination = static_cast<T*>(to.location().address);
    for (int64_t i = 0; i < walk.size(); ++i) {
      const auto offsets = walk.at(i);
      destination[offsets.of[1]] = source[offsets.of[0]];
    }
  });
}

}  // namespace strata::reference
