// data/facts.json to Facts. Every error names the member that is at fault: "facts.json:
// pci_ranges[3].first: ...".
#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tools/stack_check/data/data.h"
#include "tools/stack_check/facts.h"

namespace strata::stack_check {
namespace {

using Json = nlohmann::json;

[[noreturn]] void refuse(const std::string& member, std::string_view fault) {
  throw std::runtime_error(fmt::format("facts.json: {}: {}", member, fault));
}

template <class T>
bool holds(const Json& value) {
  if constexpr (std::is_same_v<T, std::string>) return value.is_string();
  if constexpr (std::is_same_v<T, double>) return value.is_number();
  if constexpr (std::is_same_v<T, int>) return value.is_number_integer();
  if constexpr (std::is_same_v<T, uint64_t>) return value.is_number_unsigned();
  return value.is_array();
}

/// An object of the file and where it stands.
struct Object {
  const Json& json;
  std::string path;  // "pci_ranges[3]."; empty for the whole file

  const Json& at(const char* member) const {
    const auto found = json.find(member);
    if (found == json.end()) refuse(path + member, "is missing");
    return *found;
  }
  template <class T>
  void read(const char* member, T& value) const {
    const Json& found = at(member);
    if (!holds<T>(found)) refuse(path + member, "is of the wrong type");
    try {
      value = found.get<T>();
    } catch (const Json::exception&) {  // of an array's element
      refuse(path + member, "has an element of the wrong type");
    }
  }
  template <class T>
  void read_if_there(const char* member, T& value) const {
    if (json.contains(member)) read(member, value);
  }
};

uint16_t device_id(const std::string& member, std::string_view text) {
  uint16_t id = 0;
  const char* end = text.data() + text.size();
  const bool prefixed = text.starts_with("0x");
  const auto [stop, error] = std::from_chars(text.data() + (prefixed ? 2 : 0), end, id, 16);
  if (!prefixed || error != std::errc() || stop != end)
    refuse(member, fmt::format("'{}' is no device id like 0x2330", text));
  return id;
}

/// Fills `entries` from the array `member`, each by `read(object, entry)`.
template <class Entry, class Read>
void read_all(const Object& file, const char* member, std::vector<Entry>& entries, Read read) {
  const Json& array = file.at(member);
  if (!array.is_array()) refuse(member, "is of the wrong type");
  for (size_t i = 0; i < array.size(); ++i) {
    if (!array[i].is_object()) refuse(fmt::format("{}[{}]", member, i), "is of the wrong type");
    read(Object{array[i], fmt::format("{}[{}].", member, i)}, entries.emplace_back());
  }
}

OpenModules open_modules(const Object& object) {
  std::string word;
  object.read("open_modules", word);
  if (word == "impossible") return OpenModules::impossible;
  if (word == "possible") return OpenModules::possible;
  if (word == "required") return OpenModules::required;
  refuse(object.path + "open_modules", fmt::format("'{}' is not known", word));
}

void read_versions(const Object& file, Facts& facts) {
  file.read("date", facts.date);
  read_all(file, "cuda_majors", facts.cuda_majors, [](const Object& object, CudaMajor& entry) {
    object.read("major", entry.major);
    object.read("minimum_driver", entry.minimum_driver);
    object.read("lowest_cc", entry.lowest_cc);
    object.read("highest_cc", entry.highest_cc);
  });
  read_all(file, "cuda_releases", facts.cuda_releases,
           [](const Object& object, CudaRelease& entry) {
             object.read("cuda", entry.cuda);
             object.read("driver", entry.driver);
           });
  read_all(file, "architectures", facts.architectures,
           [](const Object& object, Architecture& entry) {
             object.read("cc", entry.cc);
             object.read("first_cuda", entry.first_cuda);
           });
  read_all(file, "cudnn_releases", facts.cudnn_releases,
           [](const Object& object, CudnnRelease& entry) {
             object.read("from", entry.from);
             object.read("cuda_majors", entry.cuda_majors);
             object.read("lowest_cc", entry.lowest_cc);
             object.read("highest_cc", entry.highest_cc);
             object.read("sublibraries", entry.sublibraries);
           });
  const Object nccl{file.at("nccl"), "nccl."};
  nccl.read("minimum_version", facts.nccl.minimum_version);
  nccl.read("small_shm_bytes", facts.nccl.small_shm_bytes);
  nccl.read("docker_shm_bytes", facts.nccl.docker_shm_bytes);
}

void read_cards(const Object& file, Facts& facts) {
  read_all(file, "generations", facts.generations, [](const Object& object, Generation& entry) {
    object.read("name", entry.name);
    entry.open_modules = open_modules(object);
    object.read_if_there("first_driver_branch", entry.first_driver_branch);
    object.read_if_there("last_driver_branch", entry.last_driver_branch);
  });
  read_all(file, "pci_ranges", facts.pci_ranges, [](const Object& object, PciRange& entry) {
    std::string first, last;
    object.read("first", first);
    object.read("last", last);
    entry.first = device_id(object.path + "first", first);
    entry.last = device_id(object.path + "last", last);
    object.read("generation", entry.generation);
    object.read("cc", entry.cc);
  });
  const Json& cards = file.at("cards");
  if (!cards.is_object()) refuse("cards", "is of the wrong type");
  for (const auto& [id, name] : cards.items()) {
    if (!name.is_string()) refuse("cards." + id, "is of the wrong type");
    facts.cards[device_id("cards." + id, id)] = name.get<std::string>();
  }
}

void read_speeds(const Object& file, Facts& facts) {
  read_all(file, "flop_per_clock", facts.flop_per_clock,
           [](const Object& object, FlopPerClock& entry) {
             object.read("cc", entry.cc);
             object.read("fp32", entry.fp32);
             object.read("bf16", entry.bf16);
           });
  read_all(file, "pcie_lane_gb_s", facts.pcie_speeds, [](const Object& object, PcieSpeed& entry) {
    object.read("gt_s", entry.gt_s);
    object.read("gb_s", entry.gb_s);
  });
  std::vector<std::pair<std::string, double>> shares;
  read_all(file, "least_shares", shares, [](const Object& object, auto& entry) {
    object.read("name", entry.first);
    object.read("share", entry.second);
  });
  facts.least_shares.insert(shares.begin(), shares.end());
}

void read_training(const Object& file, Facts& facts) {
  read_all(file, "training_steps", facts.training_steps,
           [](const Object& object, TrainingStep& entry) {
             object.read("card", entry.card);
             object.read("step_us", entry.step_us);
           });
  file.read("slow_step_factor", facts.slow_step_factor);
  read_all(file, "training", facts.training, [](const Object& object, TrainingBand& entry) {
    object.read("data", entry.data);
    object.read("least_accuracy", entry.least_accuracy);
    object.read("greatest_loss", entry.greatest_loss);
    object.read("loss_tolerance", entry.loss_tolerance);
  });
  read_all(file, "time_limits", facts.time_limits, [](const Object& object, TimeLimit& entry) {
    object.read("probe", entry.probe);
    object.read("limit", entry.limit);
    object.read("slow", entry.slow);
  });
}

}  // namespace

Facts parse_facts(std::string_view json) {
  const Json parsed = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) refuse("the file", "is no JSON object");
  const Object file{parsed, ""};
  Facts facts;
  read_versions(file, facts);
  read_cards(file, facts);
  read_speeds(file, facts);
  read_training(file, facts);
  return facts;
}

const Facts& facts() {
  static const Facts facts = parse_facts(k_facts_json);
  return facts;
}

}  // namespace strata::stack_check
