#include "tools/stack_check/probe/cuda/cudnn_files.h"

#include <cudnn.h>

#include <filesystem>
#include <set>

#include "tools/stack_check/probe/cuda/library_api.h"

namespace strata::stack_probe {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPrefix = "libcudnn_";
constexpr const char* kSuffix = ".so." STRATA_PROBE_TEXT(CUDNN_MAJOR);

}  // namespace

nlohmann::json list_sublibraries(const std::string& folder) {
  std::set<std::string> names;
  for (const char* part : {"graph", "ops", "cnn", "adv", "heuristic", "engines_precompiled",
                           "engines_runtime_compiled"})
    names.insert(kPrefix + std::string(part) + kSuffix);
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with(kPrefix) && name.ends_with(kSuffix)) names.insert(name);
  }
  nlohmann::json list = nlohmann::json::array();
  for (const std::string& name : names)
    list.push_back({{"name", name}, {"present", fs::exists(fs::path(folder) / name, error)}});
  return list;
}

}  // namespace strata::stack_probe
