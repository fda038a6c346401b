// How fast cuBLAS multiplies on this card.
#include "tools/stack_check/probe/cuda/cublas_api.h"
#include "tools/stack_check/probe/cuda/device_block.h"

namespace strata::stack_probe {
namespace {

/// The side of square matrices, three of which fill no more than half the free memory; 0: too
/// little to measure anything.
int fitting_side(int side, size_t element, size_t memory_free) {
  constexpr int kSmallest = 512;
  while (side >= kSmallest && 3 * element * side * side > memory_free / 2) side /= 2;
  return side >= kSmallest ? side : 0;
}

struct Operands {
  DeviceBlock a, b, c;

  Operands(Reporter& report, size_t bytes, const std::vector<uint16_t>& pattern)
      : a(report, bytes, pattern), b(report, bytes, pattern), c(report, bytes) {}
  explicit operator bool() const { return a && b && c; }
};

void report_speed(Reporter& report, const char* fact, int side, double seconds) {
  if (seconds > 0) report.facts({{fact, 2e-12 * side * side * side / seconds}});
}

void measure_fp32(Reporter& report, const CublasApi& cublas, cublasHandle_t handle, int side) {
  const float one = 1, zero = 0;
  const size_t bytes = sizeof(float) * side * side;
  const Operands blocks(report, bytes, test_bits_fp32());
  const auto multiply = [&] {
    return cublas.cublasSgemm_v2(handle, CUBLAS_OP_N, CUBLAS_OP_N, side, side, side, &one,
                                 blocks.a.floats(), side, blocks.b.floats(), side, &zero,
                                 blocks.c.floats(), side);
  };
  if (blocks && cublas.call(report, LibraryCall{cublas.cublasSgemm_v2.name, multiply}))
    report_speed(report, "fp32_tflops", side, measure(report, multiply));
}

void measure_bf16(Reporter& report, const CublasApi& cublas, cublasHandle_t handle, int side) {
  const float one = 1, zero = 0;
  const size_t bytes = sizeof(uint16_t) * side * side;
  const Operands blocks(report, bytes, test_bits_bf16());
  const auto multiply = [&] {
    return cublas.cublasGemmEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, side, side, side, &one,
                               blocks.a.address(), CUDA_R_16BF, side, blocks.b.address(),
                               CUDA_R_16BF, side, &zero, blocks.c.address(), CUDA_R_16BF, side,
                               CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
  };
  // Pedantic arithmetic, which the check needs, may keep bf16 from the tensor cores.
  if (blocks && cublas.call(report, cublas.cublasSetMathMode, handle, CUBLAS_DEFAULT_MATH) &&
      cublas.call(report, LibraryCall{cublas.cublasGemmEx.name, multiply}))
    report_speed(report, "bf16_tflops", side, measure(report, multiply));
}

}  // namespace

void measure_products(Reporter& report, const CublasApi& cublas, cublasHandle_t handle,
                      size_t memory_free) {
  constexpr int kFp32Side = 4096, kBf16Side = 8192, kFirstWithBf16 = 80;
  gpu::Properties properties;
  if (!report.call("cudaGetDeviceProperties", [&] { return gpu::properties(0, properties); }))
    return;
  if (const int side = fitting_side(kFp32Side, sizeof(float), memory_free))
    measure_fp32(report, cublas, handle, side);
  const int side = fitting_side(kBf16Side, sizeof(uint16_t), memory_free);
  if (side && properties.compute_capability >= kFirstWithBf16)
    measure_bf16(report, cublas, handle, side);
}

}  // namespace strata::stack_probe
