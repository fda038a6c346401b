// cuBLAS: which files, which versions, a handle, and a product against the CPU.
#include "tools/stack_check/probe/cuda/cublas_api.h"

#include <cublasLt.h>
#include <fmt/format.h>

#include "tools/stack_check/probe/cuda/device_block.h"
#include "tools/stack_check/probe/probes.h"

namespace strata::stack_probe {
namespace {

std::string version_text(int version) {
  return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

/// 130100 for 13.1.0; 0 if a part cannot be had.
int version_of(Reporter& report, const CublasApi& cublas) {
  int parts[3] = {};
  const libraryPropertyType names[3] = {MAJOR_VERSION, MINOR_VERSION, PATCH_LEVEL};
  for (int i = 0; i < 3; ++i)
    if (!cublas.call(report, cublas.cublasGetProperty, names[i], &parts[i])) return 0;
  return parts[0] * 10000 + parts[1] * 100 + parts[2];
}

int lt_version_of(Reporter& report, LoadedLibrary& library) {
  LibraryFunction<decltype(::cublasLtGetVersion)> get{"cublasLtGetVersion"};
  size_t version = 0;
  if (!library || !get.load(library)) return 0;
  report.call(get.name, [&] {
    version = get();
    return Status{};
  });
  return static_cast<int>(version);
}

void report_libraries(Reporter& report, int version, int lt_version) {
  nlohmann::json libraries = mapped_libraries("libcublas");
  for (nlohmann::json& library : libraries) {
    const bool lt = library["name"].get<std::string>().starts_with("libcublasLt");
    if (const int number = lt ? lt_version : version) library["version"] = version_text(number);
  }
  report.facts({{"libraries", libraries}});
  if (version) report.facts({{"version", version}});
  if (lt_version) report.facts({{"lt_version", lt_version}});
}

/// c = a b, all matrices by columns: m x k, k x n, m x n.
std::vector<double> product(const std::vector<float>& a, const std::vector<float>& b, int m, int n,
                            int k) {
  std::vector<double> c(static_cast<size_t>(m) * n);
  for (int column = 0; column < n; ++column)
    for (int inner = 0; inner < k; ++inner)
      for (int row = 0; row < m; ++row)
        c[column * m + row] += static_cast<double>(a[inner * m + row]) * b[column * k + inner];
  return c;
}

bool check_product(Reporter& report, const CublasApi& cublas, cublasHandle_t handle) {
  constexpr int m = 37, n = 29, k = 53;
  const float one = 1, zero = 0;
  const std::vector<float> a = test_values(m * k, 1), b = test_values(k * n, 2);
  std::vector<float> c(m * n);
  const DeviceBlock a_block(report, a), b_block(report, b), c_block(report, c);
  const bool made =
      a_block && b_block && c_block &&
      cublas.call(report, cublas.cublasSetMathMode, handle, CUBLAS_PEDANTIC_MATH) &&
      cublas.call(report, cublas.cublasSgemm_v2, handle, CUBLAS_OP_N, CUBLAS_OP_N, m, n, k, &one,
                  a_block.floats(), m, b_block.floats(), k, &zero, c_block.floats(), m) &&
      report.call("cudaDeviceSynchronize", gpu::synchronize) && c_block.read(c);
  if (made) report.facts({{"product_error", relative_error(c, product(a, b, m, n, k))}});
  return made;
}

}  // namespace

void probe_cublas(Reporter& report, const ProbeOptions& options) {
  report.facts({{"built", CUBLAS_VERSION}});
  // cuBLAS first: opened before it, the Lt would be the one that this program finds, not the one
  // that cuBLAS does.
  LoadedLibrary library(report, "libcublas.so." STRATA_PROBE_TEXT(CUBLAS_VER_MAJOR));
  LoadedLibrary lt_library(report, "libcublasLt.so." STRATA_PROBE_TEXT(CUBLAS_VER_MAJOR));
  const int lt_version = lt_version_of(report, lt_library);
  report_libraries(report, 0, lt_version);
  CublasApi cublas;
  if (!library || !cublas.load(library)) return;
  report_libraries(report, version_of(report, cublas), lt_version);

  const size_t memory_free = report_free_memory(report);
  cublasHandle_t handle = nullptr;  // the process ends with the probe: nothing is destroyed
  if (!cublas.call(report, cublas.cublasCreate_v2, &handle)) return;
  if (!check_product(report, cublas, handle)) return;
  if (!options.quick) measure_products(report, cublas, handle, memory_free);
}

}  // namespace strata::stack_probe
