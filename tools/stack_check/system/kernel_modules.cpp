#include "tools/stack_check/system/kernel_modules.h"

#include <sys/stat.h>

#include <ctime>
#include <optional>
#include <string_view>

#include "tools/stack_check/system/texts.h"

namespace strata::stack_check {
namespace {

constexpr int kMaxDepth = 8;
constexpr int kMaxFolders = 20'000;  // a kernel has some 1500 folders of modules
constexpr size_t kMaxLog = 4 << 20;

bool is_nvidia_module(std::string_view name) {
  for (const std::string_view stem : {"nvidia.ko", "nvidia-current.ko"})
    if (name.starts_with(stem)) {
      name.remove_prefix(stem.size());
      return name.empty() || name == ".xz" || name == ".zst" || name == ".gz";
    }
  return false;
}

/// build and source lead to the sources of the kernel.
bool may_be_folder(std::string_view name) {
  return name.find(".ko") == std::string_view::npos && !name.starts_with("modules.") &&
         name != "build" && name != "source";
}

bool search(const Root& root, const std::string& folder, int depth, int& folders_left) {
  if (depth > kMaxDepth || --folders_left < 0) return false;
  const std::vector<std::string> names = root.list(folder).value_or(std::vector<std::string>());
  for (const std::string& name : names)
    if (is_nvidia_module(name) && root.exists(folder + "/" + name)) return true;
  for (const std::string& name : names)
    if (may_be_folder(name) && search(root, folder + "/" + name, depth + 1, folders_left))
      return true;
  return false;
}

std::optional<time_t> modified(const Root& root, const std::string& file) {
  struct stat status = {};
  if (::stat(root.path(file).c_str(), &status) != 0) return std::nullopt;
  return status.st_mtime;
}

}  // namespace

bool has_nvidia_module(const Root& root, const std::string& folder) {
  int folders_left = kMaxFolders;
  return search(root, folder, 0, folders_left);
}

std::string read_dkms_error(const Root& root) {
  const std::string dkms = "/var/lib/dkms/";
  std::optional<time_t> newest;
  std::string newest_log;
  for (const std::string& module : root.list(dkms).value_or(std::vector<std::string>())) {
    if (!module.starts_with("nvidia")) continue;
    for (const std::string& version :
         root.list(dkms + module).value_or(std::vector<std::string>())) {
      const std::string log = dkms + module + "/" + version + "/build/make.log";
      const std::optional<time_t> time = modified(root, log);
      if (!time || (newest && *newest >= *time)) continue;
      newest = time;
      newest_log = log;
    }
  }
  return newest ? failing_line(root.read(newest_log, kMaxLog).value_or("")) : std::string();
}

}  // namespace strata::stack_check
