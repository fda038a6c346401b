#include "ops/dropout_kernels.h"

namespace strata::reference {

void dropout(const DropoutMask& mask, const Tensor& step, const Tensor& input, Tensor& output) {
  const uint64_t stream = mask.stream_at(step_of(step));
  visit_floating(input.dtype(), [&]<class T>(T) {
    const T* x = input.data<T>();
    T* y = output.data<T>();
    const T scale = static_cast<T>(mask.scale);
    for (int64_t i = 0; i < input.size(); ++i) {
      const double uniform = random_uniform(mask.seed, stream, static_cast<uint64_t>(i));
      y[i] = uniform >= mask.rate ? x[i] * scale : T(0);
    }
  });
}

}  // namespace strata::reference
