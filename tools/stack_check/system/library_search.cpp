#include "tools/stack_check/system/library_search.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "tools/stack_check/system/elf.h"
#include "tools/stack_check/system/file.h"
#include "tools/stack_check/system/visible_devices.h"

namespace strata::stack_check {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxCache = 16 << 20;

void replace_all(std::string& text, std::string_view from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

std::string folder_of(const std::string& program) {
  std::error_code error;
  const fs::path real = fs::canonical(program, error);
  return (error ? fs::path(program) : real).parent_path().string();
}

/// The folders of LD_LIBRARY_PATH or a runpath; an empty one is the current folder.
std::vector<std::string> folders_in(const std::string& list, const std::string& separators,
                                    const std::string& origin) {
  std::vector<std::string> folders;
  if (list.empty()) return folders;
  for (size_t start = 0; start <= list.size();) {
    const size_t end = std::min(list.find_first_of(separators, start), list.size());
    std::string folder = list.substr(start, end - start);
    replace_all(folder, "$ORIGIN", origin);
    replace_all(folder, "${ORIGIN}", origin);
    folders.push_back(folder.empty() ? "." : folder);
    start = end + 1;
  }
  return folders;
}

class Search {
 public:
  explicit Search(std::string soname) : soname_(std::move(soname)) {}

  void look_in(const std::vector<std::string>& folders, const char* reason) {
    for (const std::string& folder : folders)
      look_at(folder + (folder.ends_with('/') ? "" : "/") + soname_, reason);
  }

  void look_at(const std::string& path, const char* reason) {
    std::error_code error;
    if (!fs::exists(fs::symlink_status(path, error))) return;
    const std::string target = fs::canonical(path, error).string();
    // Of links that lead nowhere, those in one real folder are the same.
    const std::string identity =
        target.empty() ? fs::weakly_canonical(fs::path(path).parent_path(), error) / soname_
                       : fs::path(target);
    if (std::find(seen_.begin(), seen_.end(), identity) != seen_.end()) return;
    seen_.push_back(identity);
    found_.push_back({path, target, reason});
  }

  std::vector<LibraryCandidate> take() { return std::move(found_); }

 private:
  std::string soname_;
  std::vector<std::string> seen_;
  std::vector<LibraryCandidate> found_;
};

}  // namespace

std::vector<LibraryCandidate> find_library(const std::string& soname, const SearchPlaces& places) {
  // A name with a slash is a path, for which the loader searches nowhere.
  if (soname.empty() || soname.find('/') != std::string::npos) return {};
  Search search(soname);
  const ElfFile program = places.program.empty() ? ElfFile() : read_elf(places.program);
  const std::string origin = folder_of(places.program);
  if (program.runpath.empty()) search.look_in(folders_in(program.rpath, ":", origin), kByRunpath);
  search.look_in(folders_in(places.ld_library_path, ":;", origin), kByLdLibraryPath);
  search.look_in(folders_in(program.runpath, ":", origin), kByRunpath);
  const std::string cache = File(places.cache).read(0, kMaxCache).value_or("");
  for (const auto& [name, path] : parse_loader_cache(cache))
    if (name == soname) search.look_at(path, kByCache);
  search.look_in(places.default_folders, kByDefault);
  return search.take();
}

std::string version_in_name(std::string_view path) {
  constexpr std::string_view kEnding = ".so.";
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const size_t ending = name.find(kEnding);
  if (ending == std::string_view::npos) return {};
  const std::string_view version = name.substr(ending + kEnding.size());
  return parse_version(version).size() >= 2 ? std::string(version) : std::string();
}

}  // namespace strata::stack_check
