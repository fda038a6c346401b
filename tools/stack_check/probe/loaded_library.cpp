#include "tools/stack_check/probe/loaded_library.h"

#include <dlfcn.h>
#include <link.h>

#include <filesystem>
#include <fstream>
#include <set>

namespace strata::stack_probe {
namespace {

namespace fs = std::filesystem;

nlohmann::json describe_file(const std::string& name, const std::string& path) {
  std::error_code error;
  const fs::path target = fs::canonical(path, error);
  nlohmann::json library = {{"name", name}, {"path", path}};
  if (!error) library["target"] = target.string();
  return library;
}

Status refused(const char* fallback) {
  const char* words = dlerror();
  return {.code = 1, .words = words ? words : fallback};
}

}  // namespace

LoadedLibrary::LoadedLibrary(Reporter& report, std::string name, Need need)
    : report_(report), name_(std::move(name)) {
  report_.call("dlopen(" + name_ + ")", [&]() -> Status {
    handle_ = dlopen(name_.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_) return {};
    Status status = refused("the loader does not say why");
    if (need == Need::optional) status.code = 0;
    return status;
  });
}

void* LoadedLibrary::find_quietly(const char* name) const {
  return handle_ ? dlsym(handle_, name) : nullptr;
}

bool LoadedLibrary::find(const char* name, void*& function) {
  return report_.call("dlsym(" + std::string(name) + ")", [&]() -> Status {
    function = handle_ ? dlsym(handle_, name) : nullptr;
    return function ? Status{} : refused("the library is not open");
  });
}

nlohmann::json LoadedLibrary::describe() const {
  const link_map* map = nullptr;
  if (!handle_ || dlinfo(handle_, RTLD_DI_LINKMAP, &map) != 0 || !map) return {{"name", name_}};
  return describe_file(name_, map->l_name);
}

nlohmann::json mapped_libraries(std::string_view prefix) {
  nlohmann::json libraries = nlohmann::json::array();
  std::set<std::string> seen;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const size_t start = line.find('/');  // the five columns before the path hold none
    if (start == std::string::npos) continue;
    const std::string path = line.substr(start);
    const std::string name = fs::path(path).filename().string();
    if (!name.starts_with(prefix) || name.find(".so") == std::string::npos) continue;
    const nlohmann::json library = describe_file(name, path);
    if (seen.insert(library.value("target", path)).second) libraries.push_back(library);
  }
  return libraries;
}

}  // namespace strata::stack_probe
