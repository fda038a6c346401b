#include "tools/bench/setup.h"

#include <fmt/format.h>

#include "nn/digits.h"
#include "nn/idx.h"
#include "tensor/parallel.h"

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

ModelKind model_named(std::string_view name) {
  for (const ModelKind model : {ModelKind::lenet, ModelKind::mlp})
    if (name == name_of(model)) return model;
  fail(ErrorKind::usage, "there is no model {}", name);
}

std::string_view name_of(Launch launch) {
  return launch == Launch::captured ? "captured" : "eager";
}

std::string Configuration::model_name() const {
  const std::string name(name_of(model));
  return model == ModelKind::mlp && width > 0 ? fmt::format("{} {}", name, width) : name;
}

std::string Configuration::to_string() const {
  return fmt::format("{}, batch {}, {}, {}, {}{}", model_name(), batch_size,
                     strata::name_of(kernels), strata::name_of(precision), name_of(launch),
                     threads > 0 ? fmt::format(", threads: {}", threads) : "");
}

void use_threads(int count) {
  if (count > 0) set_thread_count(count);
}

Data::Data(const std::string& folder, Device device)
    : dataset(load(folder)), on_device(dataset, device) {}

}  // namespace strata::bench
