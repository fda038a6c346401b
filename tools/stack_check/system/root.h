// Reading the machine below a root folder: "/" or, in tests, a tree that plays a machine.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace strata::stack_check {

/// Opens nothing for writing, follows no path out of the root, and reads no more than a bound of
/// any file, so that a strange /proc cannot hold it up. Never throws.
class Root {
 public:
  explicit Root(std::string folder = "/");

  bool is_real() const { return folder_ == "/"; }
  /// The path on this machine of "/proc/version".
  std::string path(const std::string& file) const;
  bool exists(const std::string& file) const;
  /// The content, at most `limit` bytes; none when it cannot be read. Never blocks on a device.
  std::optional<std::string> read(const std::string& file, size_t limit = 1 << 20) const;
  /// The last `limit` bytes of a file that may be longer, such as a log.
  std::optional<std::string> read_end(const std::string& file, size_t limit) const;
  /// read() without the white space around it; empty when it cannot be read.
  std::string line(const std::string& file) const;
  /// Names in a folder, sorted, at most 100000; none when it cannot be read.
  std::optional<std::vector<std::string>> list(const std::string& folder) const;
  /// What a symbolic link points at, as written in it; empty when it is none.
  std::string link_target(const std::string& link) const;
  /// The last part of it.
  std::string link_name(const std::string& link) const;

 private:
  std::string resolved(const std::string& file, bool follow_last) const;

  std::string folder_;
};

}  // namespace strata::stack_check
