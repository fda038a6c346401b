// The kernel's signature of record_metrics.
#pragma once

#include "ops/record_metrics.h"

namespace strata {

#define STRATA_RECORD_METRICS_KERNELS                                                   \
  void record_metrics(const Tensor& logits, const Tensor& labels, const Tensor& losses, \
                      ops::StepState& state, ops::StepMetrics& metrics);
namespace reference { STRATA_RECORD_METRICS_KERNELS }
namespace cpu { STRATA_RECORD_METRICS_KERNELS }
namespace cuda { STRATA_RECORD_METRICS_KERNELS }
#undef STRATA_RECORD_METRICS_KERNELS

}  // namespace strata
