// The climb: from the card to a trained model, layer by layer, up to the first broken one.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "tools/stack_check/report.h"

namespace strata::stack_check {

struct ClimbOptions {
  std::string root = "/";
  std::string probe;  // the program stack_probe
  Layer from = Layer::pci;
  Layer to = Layer::training;
  bool quick = false;
  std::optional<double> timeout_seconds;               // of each probe; none: the facts' own
  std::function<void(Layer)> on_layer = [](Layer) {};  // called before a layer is looked at
};

/// Never throws for what the machine or a probe does. Throws std::runtime_error when the probe
/// program is needed and not there.
Report climb(const ClimbOptions& options);

}  // namespace strata::stack_check
