#include "ops/op_trace.h"

#include <set>

#include "tensor/parallel.h"

namespace strata {

void OpTrace::finish() {
  std::erase_if(tensors_, [](const Tensor& tensor) { return !tensor.defined(); });
  scope_->detail = detail_;
  if (detail_.empty())
    for (const Tensor& tensor : tensors_)
      scope_->detail += fmt::format("{}{}", scope_->detail.empty() ? "" : ", ", tensor.shape());
  scope_->flops = flops_ * products_;
  std::set<const void*> seen;
  for (const Tensor& tensor : tensors_)
    if (seen.insert(tensor.location().address).second)
      scope_->bytes += static_cast<double>(tensor.bytes());
  if (const TraceSpan* op = scope_.outer(); op && op->bytes > 0) scope_->bytes = op->bytes;
  if (scope_->name.starts_with("cpu::"))
    scope_->notes.emplace_back("threads", std::to_string(thread_count()));
  tensors_.clear();  // memory is not kept for being looked at
}

}  // namespace strata
