#include "tools/stack_check/system/kernel_log_text.h"

#include "tests/fuzz/targets.h"

namespace strata::fuzz {

void kernel_log(std::string_view input) {
  for (const auto& messages :
       {stack_check::parse_kmsg(input), stack_check::parse_log_file(input)}) {
    const stack_check::KernelLog log = stack_check::pick_gpu_lines(messages);
    require(log.lines.size() <= messages.size());
    require(log.xids.size() <= input.size() / 10);
    for (const int xid : log.xids) require(xid >= 0);
    for (const std::string& line : log.lines) require(!log.find(line).empty());
  }
}

}  // namespace strata::fuzz
