// The spans of trace.h as NVTX ranges, for Nsight Systems and whatever else listens to NVTX. Needs
// no CUDA header.
#pragma once

#include "tensor/trace.h"

namespace strata::cuda {

/// Whether a tool that listens to NVTX has been put into this process.
bool nvtx_tool_attached();

class NvtxRanges : public TraceListener {
 public:
  void opened(const TraceSpan& span) override;
  void closed(const TraceSpan& span) override;
};

}  // namespace strata::cuda
