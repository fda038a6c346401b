// cuBLASLt reads matrices column by column, where a row-major matrix is its own transpose. So it is
// asked for c^T = op(b)^T op(a)^T: the operands swap places and nothing is copied.
#include "ops/cublas/product.h"

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "ops/cublas/algorithm.h"
#include "ops/cuda/result_check.h"
#include "ops/tuning.h"
#include "tensor/cuda/alignment.h"
#include "tensor/cuda/context.h"
#include "tensor/cuda/cublaslt_library.h"
#include "tensor/cuda/libraries.h"
#include "tensor/cuda/memory.h"
#include "tensor/owned.h"
#include "tensor/pool.h"
#include "tensor/tensor.h"
#include "tensor/trace.h"

namespace strata::cublas {
namespace {

using cuda::cublaslt_handle;
using cuda::cublaslt_library;
using OperationDescriptor = Owned<cublasLtMatmulDesc_t>;
using Layout = Owned<cublasLtMatrixLayout_t>;
using Preference = Owned<cublasLtMatmulPreference_t>;

// What NVIDIA recommends for Hopper; an algorithm takes less or none where it can.
constexpr uint64_t kWorkspaceLimit = uint64_t{32} << 20;

template <class T>
void set(const OperationDescriptor& operation, cublasLtMatmulDescAttributes_t name, T value) {
  STRATA_CUBLASLT(cublaslt_library().cublasLtMatmulDescSetAttribute(operation.get(), name, &value,
                                                                    sizeof value));
}

template <class T>
void set(const Layout& layout, cublasLtMatrixLayoutAttribute_t name, T value) {
  STRATA_CUBLASLT(cublaslt_library().cublasLtMatrixLayoutSetAttribute(layout.get(), name, &value,
                                                                      sizeof value));
}

template <class T>
void set(const Preference& preference, cublasLtMatmulPreferenceAttributes_t name, T value) {
  STRATA_CUBLASLT(cublaslt_library().cublasLtMatmulPreferenceSetAttribute(preference.get(), name,
                                                                          &value, sizeof value));
}

cublasLtEpilogue_t epilogue_of(Epilogue epilogue) {
  constexpr cublasLtEpilogue_t kEpilogues[] = {
      CUBLASLT_EPILOGUE_DEFAULT, CUBLASLT_EPILOGUE_RELU, CUBLASLT_EPILOGUE_BIAS,
      CUBLASLT_EPILOGUE_RELU_BIAS,
      CUBLASLT_EPILOGUE_BGRADB  // our a is cuBLASLt's B
  };
  return kEpilogues[static_cast<int>(epilogue)];
}

OperationDescriptor describe_operation(const Product& product) {
  // Tensor cores round inputs to TF32 under FAST_TF32 only; plain 32F is float32 arithmetic.
  const auto compute =
      product.precision != Precision::fp32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  cublasLtMatmulDesc_t created = nullptr;
  STRATA_CUBLASLT(cublaslt_library().cublasLtMatmulDescCreate(&created, compute, CUDA_R_32F));
  OperationDescriptor operation(created, [](cublasLtMatmulDesc_t handle) noexcept {
    cublaslt_library().cublasLtMatmulDescDestroy(handle);
  });
  const auto op = [](bool transpose) -> int32_t { return transpose ? CUBLAS_OP_T : CUBLAS_OP_N; };
  set(operation, CUBLASLT_MATMUL_DESC_TRANSA, op(product.transpose_b));
  set(operation, CUBLASLT_MATMUL_DESC_TRANSB, op(product.transpose_a));
  set(operation, CUBLASLT_MATMUL_DESC_EPILOGUE,
      static_cast<uint32_t>(epilogue_of(product.epilogue)));
  return operation;
}

// `batch` row-major matrices, one after another.
Layout describe_matrix(int64_t batch, int64_t rows, int64_t columns) {
  cublasLtMatrixLayout_t created = nullptr;
  STRATA_CUBLASLT(cublaslt_library().cublasLtMatrixLayoutCreate(
      &created, CUDA_R_32F, static_cast<uint64_t>(columns), static_cast<uint64_t>(rows), columns));
  Layout layout(created, [](cublasLtMatrixLayout_t handle) noexcept {
    cublaslt_library().cublasLtMatrixLayoutDestroy(handle);
  });
  set(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, static_cast<int32_t>(batch));
  set(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, rows * columns);
  return layout;
}

Preference describe_preference(int64_t alignment) {
  cublasLtMatmulPreference_t created = nullptr;
  STRATA_CUBLASLT(cublaslt_library().cublasLtMatmulPreferenceCreate(&created));
  Preference preference(created, [](cublasLtMatmulPreference_t handle) noexcept {
    cublaslt_library().cublasLtMatmulPreferenceDestroy(handle);
  });
  set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kWorkspaceLimit);
  // The parts of a product that is split along k are summed in a step of its own, which has one
  // order. Left out: INPLACE, where parts add to the output as they finish, and OUTPUT_TYPE, which
  // is the same as this one when the output is float32. Unsplit products need no leave.
  set(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
      static_cast<uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
  for (const auto name :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
    set(preference, name, static_cast<uint32_t>(alignment));
  return preference;
}

// A product with all that cuBLASLt wants to know of it.
struct Plan {
  OperationDescriptor operation;
  Layout a, b, c;
  std::vector<Algorithm> algorithms;  // the heuristics' order; none: there is no algorithm
  size_t chosen = 0;
  // For the x-ray: "cublas 1x 256x800 by 800x256', bias and relu, tf32", and the algorithm's name.
  std::string words = {}, engine = {};
  double flops = 0;
};

std::vector<Algorithm> ask_heuristics(const Plan& plan, int64_t alignment) {
  // The heuristics read no more of this address than its alignment.
  set(plan.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, reinterpret_cast<void*>(alignment));
  const Preference preference = describe_preference(alignment);
  std::array<cublasLtMatmulHeuristicResult_t, 16> results{};
  int found = 0;
  const cublasStatus_t status = cublaslt_library().cublasLtMatmulAlgoGetHeuristic(
      cublaslt_handle(), plan.operation.get(), plan.b.get(), plan.a.get(), plan.c.get(),
      plan.c.get(), preference.get(), results.size(), results.data(), &found);
  if (status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_INVALID_VALUE) return {};
  STRATA_CUBLASLT(status);
  std::vector<Algorithm> algorithms;
  for (const auto& result : std::span(results).first(static_cast<size_t>(found)))
    if (result.state == CUBLAS_STATUS_SUCCESS) algorithms.emplace_back(result);
  return algorithms;
}

Plan make_plan(const Product& p, int64_t alignment) {
  Plan plan{describe_operation(p),
            p.transpose_a ? describe_matrix(p.batch, p.k, p.m) : describe_matrix(p.batch, p.m, p.k),
            p.transpose_b ? describe_matrix(p.batch, p.n, p.k) : describe_matrix(p.batch, p.k, p.n),
            describe_matrix(p.batch, p.m, p.n),
            {}};
  plan.algorithms = ask_heuristics(plan, alignment);
  return plan;
}

void run(const Plan& plan, const Algorithm& algorithm, const Operands& operands) {
  TraceScope trace(TraceLayer::library, "cublasLtMatmul");
  if (trace) {
    trace->detail = plan.words;
    trace->flops = plan.flops;
    trace->notes = {{"algorithm", plan.engine.substr(plan.engine.find(' ') + 1)},
                    {"workspace", fmt::format("{} bytes", algorithm.workspace_bytes())},
                    {"chosen by", plan.chosen == 0 ? "cuBLASLt's heuristics" : "the tuner"},
                    {"not taken", fmt::format("{} other algorithms, behind it in that order",
                                              plan.algorithms.size() - 1)}};
  }
  const auto& [a, b, c, vector] = operands;
  set(plan.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, vector);
  const MemoryScope scope(MemoryUse::workspace);
  const auto bytes = static_cast<int64_t>(algorithm.workspace_bytes());
  const Tensor workspace = Tensor::empty({bytes}, DType::uint8, Device::gpu);
  const float one = 1, zero = 0;
  STRATA_CUBLASLT(cublaslt_library().cublasLtMatmul(
      cublaslt_handle(), plan.operation.get(), &one, b, plan.b.get(), a, plan.a.get(), &zero, c,
      plan.c.get(), c, plan.c.get(), algorithm.get(), workspace.data<uint8_t>(),
      algorithm.workspace_bytes(), cuda::stream()));
}

std::string words_for(const Product& p, int64_t alignment) {
  constexpr std::string_view kEpilogues[] = {"", ", relu", ", bias", ", bias and relu",
                                             ", row sums"};
  return fmt::format("cublas {}x {}x{}{} by {}x{}{}{}{}, {}", p.batch, p.m, p.k,
                     p.transpose_a ? "'" : "", p.k, p.n, p.transpose_b ? "'" : "",
                     kEpilogues[static_cast<int>(p.epilogue)], alignment < 16 ? ", unaligned" : "",
                     name_of(p.precision));
}

// The tuner's choice among the algorithms, the heuristics' first by default.
size_t choose(const Plan& plan, const Product& product, int64_t alignment,
              const Operands& operands) {
  if (tuner().idle() || plan.algorithms.empty()) return 0;
  Contest contest{.key = words_for(product, alignment), .version_of = [](const std::string&) {
                    return "cuBLASLt " + cuda::loaded_cublaslt()->version;
                  }};
  std::vector<std::string> names;
  for (const Algorithm& algorithm : plan.algorithms) {
    names.push_back(algorithm.name());
    contest.candidates.push_back({names.back(), [&] { run(plan, algorithm, operands); }});
  }
  const ArenaScope memory(std::make_shared<Arena>(pool_of(Device::gpu)));  // of the losers, too
  cuda::ResultCheck check(operands.c, product.batch * product.m * product.n,
                          cuda::tolerance_of_sums(product.precision != Precision::fp32));
  if (tuner().measuring()) {
    run(plan, plan.algorithms.front(), operands);
    check.keep();
  }
  contest.objection = [&] { return check.objection(); };
  const auto place = std::ranges::find(names, tuner().choose(contest));
  return place == names.end() ? 0 : static_cast<size_t>(place - names.begin());
}

const Plan& plan_of(const Product& product, int64_t alignment, const Operands& operands) {
  // Never destroyed: cuBLASLt may be gone by the time that static objects go.
  static auto& plans = *new std::map<std::tuple<int, Product, int64_t>, Plan>;
  const std::tuple key(tuner().id(), product, alignment);
  auto found = plans.find(key);
  if (found == plans.end()) {
    Plan plan = make_plan(product, alignment);
    plan.chosen = choose(plan, product, alignment, operands);
    plan.words = words_for(product, alignment);
    plan.flops = 2.0 * static_cast<double>(product.batch * product.m * product.n) *
                 static_cast<double>(product.k);
    if (!plan.algorithms.empty()) plan.engine = plan.algorithms[plan.chosen].name();
    found = plans.emplace(key, std::move(plan)).first;
  }
  return found->second;
}

}  // namespace

bool try_multiply(const Product& product, const Operands& operands) {
  const auto& [a, b, c, vector] = operands;
  const Plan& plan = plan_of(product, cuda::common_alignment({a, b, c, vector}), operands);
  if (plan.algorithms.empty()) return false;
  run(plan, plan.algorithms[plan.chosen], operands);
  return true;
}

void multiply(const Product& p, const Operands& operands) {
  const int64_t size = p.batch * p.m * p.n;
  if (size == 0) return;
  if (p.k == 0) {
    cuda::fill_zero(operands.c, static_cast<size_t>(size) * sizeof(float));
    return;
  }
  if (!try_multiply(p, operands))
    fail(ErrorKind::device,
         "cuBLASLt: no algorithm for {} products of {}x{} by {}x{} (transposed: {}, {}) at {}; use "
         "--kernels own",
         p.batch, p.m, p.k, p.k, p.n, p.transpose_a, p.transpose_b, name_of(p.precision));
}

}  // namespace strata::cublas
