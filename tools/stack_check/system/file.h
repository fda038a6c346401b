// A regular file opened for reading, whatever lies at its path: never a device, a FIFO or a folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace strata::stack_check {

class File {
 public:
  /// Sets error() to an errno when the path cannot be opened or is no regular file.
  explicit File(const std::string& path, int extra_flags = 0);
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int error() const { return error_; }
  uint64_t size() const { return size_; }  // 0 for most files of /proc and /sys
  /// Up to `count` bytes from `offset` on; fewer at the end; none when nothing could be read.
  std::optional<std::string> read(uint64_t offset, size_t count) const;

 private:
  int descriptor_ = -1;
  int error_ = 0;
  uint64_t size_ = 0;
};

}  // namespace strata::stack_check
