#include "tools/stack_check/system/root.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <filesystem>
#include <system_error>

#include "tools/stack_check/system/file.h"
#include "tools/stack_check/system/texts.h"

namespace strata::stack_check {
namespace {

constexpr size_t kMaxNames = 100'000;
constexpr int kMaxLinks = 40;
constexpr const char* kNowhere = "/dev/null/too many links";  // below a file, so never there

std::string link_text(const std::string& path) {
  std::array<char, PATH_MAX> text;
  const ssize_t size = ::readlink(path.c_str(), text.data(), text.size());
  return size > 0 ? std::string(text.data(), static_cast<size_t>(size)) : std::string();
}

}  // namespace

Root::Root(std::string folder) {
  std::error_code error;
  folder_ = std::filesystem::canonical(folder, error).string();
  if (error) folder_ = std::filesystem::absolute(folder, error).string();
  if (folder_.empty()) folder_ = kNowhere;
}

// The kernel would follow a link out of the tree that plays a machine, so links are followed here:
// an absolute one starts at the root folder and ".." stops there.
std::string Root::resolved(const std::string& file, bool follow_last) const {
  std::string rest = file;
  std::string done;
  int links = 0;
  while (!rest.empty()) {
    const size_t slash = rest.find('/');
    const std::string part = rest.substr(0, slash);
    rest = slash == std::string::npos ? "" : rest.substr(slash + 1);
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      done.erase(std::min(done.rfind('/'), done.size()));
      continue;
    }
    const bool last = rest.find_first_not_of('/') == std::string::npos;
    const std::string link =
        last && !follow_last ? std::string() : link_text(folder_ + done + "/" + part);
    if (link.empty()) {
      done += "/" + part;
      continue;
    }
    if (++links > kMaxLinks) return kNowhere;
    if (link.front() == '/') done.clear();
    rest = link + "/" + rest;
  }
  return folder_ + done;
}

std::string Root::path(const std::string& file) const {
  return is_real() ? file : resolved(file, true);
}

bool Root::exists(const std::string& file) const {
  std::error_code error;
  return std::filesystem::exists(path(file), error);
}

std::optional<std::string> Root::read(const std::string& file, size_t limit) const {
  return File(path(file), is_real() ? 0 : O_NOFOLLOW).read(0, limit);
}

std::optional<std::string> Root::read_end(const std::string& file, size_t limit) const {
  const File opened(path(file), is_real() ? 0 : O_NOFOLLOW);
  return opened.read(opened.size() > limit ? opened.size() - limit : 0, limit);
}

std::string Root::line(const std::string& file) const {
  return std::string(trimmed(read(file).value_or("")));
}

std::optional<std::vector<std::string>> Root::list(const std::string& folder) const {
  std::error_code error;
  std::filesystem::directory_iterator entry(path(folder), error);
  if (error) return std::nullopt;
  std::vector<std::string> names;
  while (entry != std::filesystem::directory_iterator() && names.size() < kMaxNames) {
    names.push_back(entry->path().filename().string());
    entry.increment(error);
    if (error) break;
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string Root::link_target(const std::string& link) const {
  return link_text(is_real() ? link : resolved(link, false));
}

std::string Root::link_name(const std::string& link) const {
  return std::filesystem::path(link_target(link)).filename().string();
}

}  // namespace strata::stack_check
