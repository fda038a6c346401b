#include "ops/cublas/algorithm.h"

#include "tensor/error.h"

namespace strata::cublas {
namespace {

template <class T>
T setting(const cublasLtMatmulAlgo_t& algorithm, cublasLtMatmulAlgoConfigAttributes_t name) {
  T value{};
  size_t written = 0;
  STRATA_CUBLASLT(cuda::cublaslt_library().cublasLtMatmulAlgoConfigGetAttribute(
      &algorithm, name, &value, sizeof value, &written));
  return value;
}

}  // namespace

std::string Algorithm::name() const {
  struct Setting {
    cublasLtMatmulAlgoConfigAttributes_t attribute;
    const char* word;
    bool is_short = false;
  };
  constexpr Setting kSettings[] = {{CUBLASLT_ALGO_CONFIG_TILE_ID, "tile"},
                                   {CUBLASLT_ALGO_CONFIG_STAGES_ID, "stages"},
                                   {CUBLASLT_ALGO_CONFIG_SPLITK_NUM, "split"},
                                   {CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME, "reduction"},
                                   {CUBLASLT_ALGO_CONFIG_CTA_SWIZZLING, "swizzle"},
                                   {CUBLASLT_ALGO_CONFIG_CUSTOM_OPTION, "option"},
                                   {CUBLASLT_ALGO_CONFIG_INNER_SHAPE_ID, "inner", true},
                                   {CUBLASLT_ALGO_CONFIG_CLUSTER_SHAPE_ID, "cluster", true}};
  std::string text =
      fmt::format("algorithm {}", setting<int32_t>(result_.algo, CUBLASLT_ALGO_CONFIG_ID));
  for (const auto& [attribute, word, is_short] : kSettings) {
    const uint32_t value = is_short ? setting<uint16_t>(result_.algo, attribute)
                                    : setting<uint32_t>(result_.algo, attribute);
    if (value != 0) text += fmt::format(" {} {}", word, value);
  }
  return text;
}

}  // namespace strata::cublas
