// Taking x-rays of a training step.
#pragma once

#include <string>
#include <vector>

#include "nn/training_step.h"
#include "tools/xray/xray.h"

namespace strata::xray {

/// How many steps are run for it. An odd number of traced ones has one of median length.
struct Effort {
  int untraced = 20, warm_up = 3, traced = 7;
};

struct TakeOptions {
  bool captured = true;  // on a GPU, also the replay of the step's graph
  Precision precision = Precision::fp32;
  bool roofline = true;  // whether to measure what the device can do, which takes a second
  Effort effort = {};
  bool use_cupti = true;  // for tests: whether to ask for it
};

/// Runs steps that have run before, some to measure them and some to look at them, and shows the
/// one of median length: by itself, with the device idle before and waited for after it. What the
/// steps change stays changed. A CUPTI that is not there, refused or taken is said in `notes`; what
/// remains is the framework's own part and, on a GPU, the time of each op between two events.
Xray take(nn::TrainingStep& step, const TakeOptions& options);

}  // namespace strata::xray
