#include "tools/bench/setup.h"

#include <fmt/format.h>

#include "nn/digits.h"
#include "nn/idx.h"

namespace strata::bench {
namespace {

nn::Dataset load(const std::string& folder) {
  if (!folder.empty() && folder != "digits") return nn::load_idx(folder);
  if (folder.empty())
    if (const auto found = nn::find_idx(nn::mnist_folders())) return nn::load_idx(*found);
  return nn::draw_digits();
}

}  // namespace

std::string_view name_of(ModelKind model) {
  return model == ModelKind::lenet ? "lenet" : "mlp";
}

std::string_view name_of(Launch launch) {
  return launch == Launch::captured ? "captured" : "eager";
}

std::string Configuration::to_string() const {
  return fmt::format("{}, batch {}, {}, {}, {}", name_of(model), batch_size,
                     strata::name_of(kernels), strata::name_of(precision), name_of(launch));
}

Data::Data(const std::string& folder, Device device)
    : dataset(load(folder)), on_device(dataset, device) {}

}  // namespace strata::bench
