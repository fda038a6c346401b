#include "tools/stack_check/system/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace strata::stack_check {
namespace {

constexpr size_t kChunk = 64 << 10;

int error_of_kind(const struct stat& status) {
  if (S_ISREG(status.st_mode)) return 0;
  return S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
}

}  // namespace

File::File(const std::string& path, int extra_flags) {
  struct stat status = {};
  // To open a device can already do something to it, so its kind is looked at first.
  if (::stat(path.c_str(), &status) != 0) {
    error_ = errno;
    return;
  }
  if ((error_ = error_of_kind(status)) != 0) return;
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | extra_flags);
  if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0) {
    error_ = errno;
    return;
  }
  error_ = error_of_kind(status);
  size_ = static_cast<uint64_t>(status.st_size);
}

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::optional<std::string> File::read(uint64_t offset, size_t count) const {
  std::string bytes;
  if (error_ != 0 || offset > INT64_MAX - count) return std::nullopt;
  while (bytes.size() < count) {
    const size_t old_size = bytes.size();
    bytes.resize(old_size + std::min(count - old_size, kChunk));
    const ssize_t got = ::pread(descriptor_, bytes.data() + old_size, bytes.size() - old_size,
                                static_cast<off_t>(offset + old_size));
    bytes.resize(old_size + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && bytes.empty()) return std::nullopt;
    if (got <= 0) break;
  }
  return bytes;
}

}  // namespace strata::stack_check
