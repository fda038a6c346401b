#include "tools/stack_check/probe/reporter.h"

#include <unistd.h>

namespace strata::stack_probe {

void Reporter::facts(const nlohmann::json& facts) {
  send({{"facts", facts}});
}

void Reporter::begin(std::string_view name) {
  nlohmann::json line = {{"call", name}};
  if (gpu_) line["gpu"] = *gpu_;
  send(line);
}

void Reporter::end(const Status& status) {
  send({{"code", status.code}, {"name", status.name}, {"words", status.words}});
}

void Reporter::send(const nlohmann::json& line) {
  // Words of a broken library may hold anything: what is not UTF-8 is replaced.
  std::string text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
  for (size_t sent = 0; sent < text.size();) {
    const ssize_t count = write(kReportDescriptor, text.data() + sent, text.size() - sent);
    if (count <= 0) return;  // nobody listens: a probe started by hand
    sent += static_cast<size_t>(count);
  }
}

}  // namespace strata::stack_probe
