#include "ops/strided_copy_kernels.h"

#include "tensor/parallel.h"

namespace strata::cpu {
namespace {

constexpr int64_t kGrain = 16384;  // elements that are not worth another thread

}  // namespace

void strided_copy(const CopyWalk& walk, const Tensor& from, Tensor& to) {
  const int64_t from_step = walk.last_stride(0), to_step = walk.last_stride(1);
  visit_element_bits(from.dtype(), [&]<class T>(T) {
    const T* source = static_cast<const T*>(from.location().address);
    T* destination = static_cast<T*>(to.location().address);
    parallel_for(walk.size(), kGrain, [&](int64_t begin, int64_t end) {
      walk.for_each_row(begin, end, [&](int64_t, const auto& offsets, int64_t count) {
        const T* read = source + offsets.of[0];
        T* write = destination + offsets.of[1];
        if (from_step == 1 && to_step == 1)
          std::copy_n(read, count, write);
        else
          for (int64_t i = 0; i < count; ++i) write[i * to_step] = read[i * from_step];
      });
    });
  });
}

}  // namespace strata::cpu
