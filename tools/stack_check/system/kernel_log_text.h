// The kernel's log as text, and what of it bears on the GPU: pure functions that take any bytes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/stack_check/system/machine.h"

namespace strata::stack_check {

struct LogMessage {
  std::string stamp;  // when, in the log's own words; empty: too coarse to tell messages apart
  std::string text;
};

/// Records of /dev/kmsg, "priority,number,microseconds,flags;text"; lines of properties are left
/// out.
std::vector<LogMessage> parse_kmsg(std::string_view records);

/// Lines of dmesg or of a system log, from the last start of the machine on; what is not from the
/// kernel or about sleep is left out. Empty for a file without a line of the kernel's.
std::vector<LogMessage> parse_log_file(std::string_view text);

/// The lines that bear on the GPU. A message of the driver that was cut into lines becomes one
/// again.
KernelLog pick_gpu_lines(const std::vector<LogMessage>& messages);

}  // namespace strata::stack_check
