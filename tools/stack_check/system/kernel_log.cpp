#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "tools/stack_check/system/kernel_log_text.h"
#include "tools/stack_check/system/texts.h"

namespace strata::stack_check {
namespace {

constexpr size_t kMaxBytes = 4 << 20;
constexpr size_t kMaxRecord = 8192;  // a shorter buffer is refused
constexpr const char* kKmsg = "/dev/kmsg";

/// Every read gives one record; some containers put another device or a link at this path.
std::optional<std::string> read_kmsg_device() {
  struct stat status = {};
  if (::stat(kKmsg, &status) != 0 || !S_ISCHR(status.st_mode) || status.st_rdev != makedev(1, 11))
    return std::nullopt;
  const int log = ::open(kKmsg, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (log < 0) return std::nullopt;
  std::string records;
  std::array<char, kMaxRecord> record;
  bool readable = true;
  while (records.size() < kMaxBytes) {
    const ssize_t size = ::read(log, record.data(), record.size());
    if (size > 0) {
      records.append(record.data(), static_cast<size_t>(size));
    } else if (size == 0 || (errno != EPIPE && errno != EINTR)) {  // EPIPE: some were overwritten
      readable = size == 0 || errno == EAGAIN;
      break;
    }
  }
  ::close(log);
  return readable || !records.empty() ? std::optional(records) : std::nullopt;
}

}  // namespace

KernelLog read_kernel_log(const Root& root) {
  const auto records = root.is_real() ? read_kmsg_device() : root.read(kKmsg, kMaxBytes);
  std::vector<LogMessage> messages = parse_kmsg(records.value_or(""));
  bool readable = records.has_value();
  for (const char* file :
       {"/var/log/kern.log", "/var/log/messages", "/var/log/syslog", "/var/log/dmesg"}) {
    if (readable) break;
    messages = parse_log_file(root.read_end(file, kMaxBytes).value_or(""));
    readable = !messages.empty();
  }
  KernelLog log = pick_gpu_lines(messages);
  log.readable = readable;
  return log;
}

std::string KernelLog::find(std::string_view words) const {
  const std::string lower_words = lowered(words);
  for (const std::string& line : lines)
    if (contains_words(line, lower_words)) return line;
  return {};
}

}  // namespace strata::stack_check
