#include "tensor/cuda/nvtx.h"

#include <nvtx3/nvToolsExt.h>

#include <cstdlib>

namespace strata::cuda {
namespace {

nvtxDomainHandle_t domain() {
  static const nvtxDomainHandle_t created = nvtxDomainCreateA("strata");
  return created;
}

// The colour-blind safe palette of Okabe and Ito (2008), a colour a layer.
constexpr uint32_t kColours[] = {0xff999999, 0xff56b4e9, 0xff0072b2,
                                 0xff009e73, 0xffe69f00, 0xffd55e00};

}  // namespace

// NVTX loads the library that this variable names at its first call; Nsight Systems sets it.
bool nvtx_tool_attached() {
  return std::getenv("NVTX_INJECTION64_PATH") != nullptr;
}

void NvtxRanges::opened(const TraceSpan& span) {
  nvtxEventAttributes_t range = {};
  range.version = NVTX_VERSION;
  range.size = NVTX_EVENT_ATTRIB_STRUCT_SIZE;
  range.category = static_cast<uint32_t>(span.layer) + 1;
  range.colorType = NVTX_COLOR_ARGB;
  range.color = kColours[static_cast<int>(span.layer)];
  range.messageType = NVTX_MESSAGE_TYPE_ASCII;
  range.message.ascii = span.name.c_str();
  nvtxDomainRangePushEx(domain(), &range);
}

void NvtxRanges::closed(const TraceSpan&) {
  nvtxDomainRangePop(domain());
}

}  // namespace strata::cuda
