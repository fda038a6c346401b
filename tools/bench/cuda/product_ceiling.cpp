// The rate of the tensor cores, as a large product through cuBLASLt reaches it.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "ops/cublas/product.h"
#include "tensor/cuda/context.h"
#include "tensor/cuda/cublaslt_library.h"
#include "tensor/cuda/libraries.h"
#include "tensor/cuda/memory.h"
#include "tensor/owned.h"
#include "tensor/tensor.h"
#include "tools/bench/gpu.h"

namespace strata::bench::gpu {
namespace {

using cuda::cublaslt_library;

constexpr int64_t kExtent = 8192;

// Random bits: zeros draw less power, so they would run faster than any real product. As bfloat16
// or float32 a word's upper half is a sign, an exponent near 0 and a random mantissa.
Tensor random_words(int64_t words) {
  std::vector<int32_t> values(static_cast<size_t>(words));
  uint32_t state = 12345;
  for (int32_t& value : values) {
    state ^= state << 13;  // Marsaglia, "Xorshift RNGs", 2003
    state ^= state >> 17;
    state ^= state << 5;
    const uint32_t bits = (state & 0x807f807fu) | 0x3f003f00u;
    value = static_cast<int32_t>(bits);
  }
  return Tensor::from(values, {words}, Device::gpu);
}

double rate_of(const std::function<void()>& product) {
  constexpr int kProducts = 5, kRuns = 5;
  product();
  double best = 1e30;
  for (int run = 0; run < kRuns; ++run)
    best = std::min(best, seconds_between_events([&] {
                      for (int i = 0; i < kProducts; ++i) product();
                    }));
  return 2.0 * kExtent * kExtent * kExtent * kProducts / best;
}

double tf32_rate() {
  const Tensor a = random_words(kExtent * kExtent), b = random_words(kExtent * kExtent);
  Tensor c = Tensor::empty({kExtent, kExtent}, DType::float32, Device::gpu);
  const cublas::Product product{
      .m = kExtent, .n = kExtent, .k = kExtent, .precision = Precision::tf32};
  const cublas::Operands operands{reinterpret_cast<const float*>(a.data<int32_t>()),
                                  reinterpret_cast<const float*>(b.data<int32_t>()),
                                  c.data<float>()};
  return rate_of([&] { cublas::multiply(product, operands); });
}

/// cuBLASLt's description of c = a^T b, all three bfloat16 and square, and its first algorithm.
class BfloatProduct {
 public:
  BfloatProduct() {
    cublasLtMatmulDesc_t operation = nullptr;
    STRATA_CUBLASLT(
        cublaslt_library().cublasLtMatmulDescCreate(&operation, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    operation_ = {operation, [](cublasLtMatmulDesc_t handle) noexcept {
                    cublaslt_library().cublasLtMatmulDescDestroy(handle);
                  }};
    const int32_t transpose = CUBLAS_OP_T;
    STRATA_CUBLASLT(cublaslt_library().cublasLtMatmulDescSetAttribute(
        operation, CUBLASLT_MATMUL_DESC_TRANSA, &transpose, sizeof transpose));
    cublasLtMatrixLayout_t square = nullptr;
    STRATA_CUBLASLT(cublaslt_library().cublasLtMatrixLayoutCreate(&square, CUDA_R_16BF, kExtent,
                                                                  kExtent, kExtent));
    square_ = {square, [](cublasLtMatrixLayout_t handle) noexcept {
                 cublaslt_library().cublasLtMatrixLayoutDestroy(handle);
               }};
    choose();
  }

  void run(const Tensor& a, const Tensor& b, Tensor& c) const {
    const float alpha = 1, beta = 0;
    STRATA_CUBLASLT(cublaslt_library().cublasLtMatmul(
        cuda::cublaslt_handle(), operation_.get(), &alpha, a.data<int32_t>(), square_.get(),
        b.data<int32_t>(), square_.get(), &beta, c.data<int32_t>(), square_.get(),
        c.data<int32_t>(), square_.get(), &choice_.algo, nullptr, 0, cuda::stream()));
  }

 private:
  void choose() {
    cublasLtMatmulPreference_t created = nullptr;
    STRATA_CUBLASLT(cublaslt_library().cublasLtMatmulPreferenceCreate(&created));
    const Owned<cublasLtMatmulPreference_t> preference(
        created, [](cublasLtMatmulPreference_t handle) noexcept {
          cublaslt_library().cublasLtMatmulPreferenceDestroy(handle);
        });
    int found = 0;
    STRATA_CUBLASLT(cublaslt_library().cublasLtMatmulAlgoGetHeuristic(
        cuda::cublaslt_handle(), operation_.get(), square_.get(), square_.get(), square_.get(),
        square_.get(), created, 1, &choice_, &found));
    if (found == 0) fail(ErrorKind::device, "cuBLASLt: no algorithm for a bfloat16 product");
  }

  Owned<cublasLtMatmulDesc_t> operation_;
  Owned<cublasLtMatrixLayout_t> square_;
  cublasLtMatmulHeuristicResult_t choice_{};
};

double bf16_rate() {
  constexpr int64_t kWords = kExtent * kExtent / 2;
  const Tensor a = random_words(kWords), b = random_words(kWords);
  Tensor c = Tensor::empty({kWords}, DType::int32, Device::gpu);
  const BfloatProduct product;
  return rate_of([&] { product.run(a, b, c); });
}

}  // namespace

std::optional<double> measure_product_flops(ProductType type, std::string& why_not) {
  if (const auto& reason = cuda::why_no_cublaslt()) {
    why_not = *reason;
    return std::nullopt;
  }
  try {
    return type == ProductType::tf32 ? tf32_rate() : bf16_rate();
  } catch (const Error& error) {  // a card without such tensor cores
    why_not = error.what();
    return std::nullopt;
  }
}

}  // namespace strata::bench::gpu
