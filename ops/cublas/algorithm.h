// One of cuBLASLt's ways to compute a product, as its heuristics offer them.
#pragma once

#include <string>

#include "tensor/cuda/cublaslt_library.h"

namespace strata::cublas {

class Algorithm {
 public:
  explicit Algorithm(const cublasLtMatmulHeuristicResult_t& result) : result_(result) {}

  const cublasLtMatmulAlgo_t* get() const { return &result_.algo; }
  size_t workspace_bytes() const { return result_.workspaceSize; }
  /// Number and settings, the same for the same algorithm of one version: "algorithm 66 tile 20
  /// stages 35".
  std::string name() const;

 private:
  cublasLtMatmulHeuristicResult_t result_;
};

}  // namespace strata::cublas
