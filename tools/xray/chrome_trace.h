// An x-ray as a trace in Chrome's JSON format, which ui.perfetto.dev and chrome://tracing open.
#pragma once

#include <string>

#include "tools/xray/xray.h"

namespace strata::xray {

/// A process a view; in it a track for each layer of the host and each stream of the GPU, and one
/// more where work on a stream overlaps. Flows lead from the op through the call to the GPU's work.
/// What was done while a graph was recorded is no part of the step's time, so it stands with the
/// kernels as an argument, "op". Format: Trace Event Format, Google (2016).
std::string to_chrome_trace(const Xray& xray);

}  // namespace strata::xray
