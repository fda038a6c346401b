#include "ops/cpu/gather_gemm.h"

#include "ops/cpu/instructions.h"

#define STRATA_KERNEL "ops/cpu/gather_gemm.inl"
#include "ops/cpu/compile_kernel.h"

namespace strata::cpu {

STRATA_CHOOSE_KERNEL(gather_gemm, const GatherGemm&)

int64_t panel_width() {
#ifdef __x86_64__
  if (instructions() >= Instructions::avx512) return avx512::kPanelWidth;
  if (instructions() == Instructions::avx2) return avx2::kPanelWidth;
#endif
  return baseline::kPanelWidth;
}

}  // namespace strata::cpu
