// Each line of the input is a path, and every other one the target of a link at the path before it:
// wherever these lead, nothing outside of the root folder may be seen.
#include <filesystem>
#include <string>

#include "tests/fuzz/targets.h"
#include "tools/stack_check/system/root.h"
#include "tools/stack_check/system/texts.h"

namespace strata::fuzz {
namespace {

namespace fs = std::filesystem;

struct Folder {
  fs::path path = fs::temp_directory_path() / "strata_fuzz_XXXXXX";

  Folder() {
    std::string name = path.string();
    require(mkdtemp(name.data()) != nullptr);
    path = fs::canonical(name);
    fs::create_directories(path / "root/etc");
  }
  ~Folder() {
    std::error_code error;
    fs::remove_all(path, error);
  }
};

/// A name in the root that a link can be made at; empty: the text gives none.
std::string plain_name(std::string_view text) {
  std::string name;
  for (const char c : text.substr(0, 8))
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) name += c;
  return name;
}

}  // namespace

void root_paths(std::string_view input) {
  static const Folder folder;
  const fs::path top = folder.path / "root";
  const stack_check::Root root(top.string());
  std::vector<fs::path> links;
  std::vector<std::string> paths;
  for (const std::string_view line : stack_check::lines_of(input.substr(0, 2000))) {
    if (line.find('\0') != std::string_view::npos || paths.size() > 20) continue;
    const std::string name = paths.empty() ? "" : plain_name(paths.back());
    paths.emplace_back(line);
    std::error_code error;
    if (name.empty() || line.empty()) continue;
    fs::create_symlink(line, top / name, error);
    if (!error) links.push_back(top / name);
  }
  for (const std::string& path : paths) {
    const std::string real = root.path(path);
    require(real == top.string() || real.starts_with(top.string() + "/") ||
            real.starts_with("/dev/null/"));
    std::error_code error;
    require(!fs::is_symlink(real, error));
    root.read(path, 100);
    root.list(path);
    root.link_name(path);
  }
  for (const fs::path& link : links) fs::remove(link);
}

}  // namespace strata::fuzz
