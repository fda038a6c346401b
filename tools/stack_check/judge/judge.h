// From what was seen to what is wrong: one pure function per layer.
#pragma once

#include <string>
#include <vector>

#include "tools/stack_check/evidence.h"
#include "tools/stack_check/report.h"

namespace strata::stack_check {

/// A layer's row and what was found on the way. A finding may blame a lower layer than the one that
/// was looked at: an error of libcuda often means a module that is not loaded.
struct Judgement {
  Row row;
  std::vector<Finding> findings;

  explicit Judgement(Layer layer) : row{.layer = layer, .status = Status::ok, .text = {}} {}

  void add(Severity severity, std::string id, std::string saw, Values values = {});
  void fail(std::string id, std::string saw, Values values = {}) {
    add(Severity::fail, std::move(id), std::move(saw), std::move(values));
  }
  void warn(std::string id, std::string saw, Values values = {}) {
    add(Severity::warn, std::move(id), std::move(saw), std::move(values));
  }
  void note(std::string id, std::string saw, Values values = {}) {
    add(Severity::note, std::move(id), std::move(saw), std::move(values));
  }
  /// Whether a fault was found, of the present GPU if there is one.
  bool failed() const;

  std::optional<int> gpu = {};  // that findings added now concern
};

Judgement judge_pci(const Evidence& evidence);
Judgement judge_driver(const Evidence& evidence);
Judgement judge_access(const Evidence& evidence);
Judgement judge_libcuda(const Evidence& evidence);
Judgement judge_runtime(const Evidence& evidence);
Judgement judge_cublas(const Evidence& evidence);
Judgement judge_cudnn(const Evidence& evidence);
Judgement judge_nccl(const Evidence& evidence);
Judgement judge_ops(const Evidence& evidence);
Judgement judge_training(const Evidence& evidence);

/// By layer.
Judgement judge(Layer layer, const Evidence& evidence);

}  // namespace strata::stack_check
