// Layer 12: may this process open the card's device files, from where it runs?
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tools/stack_check/judge/common.h"

namespace strata::stack_check {
namespace {

std::vector<std::string> nodes_with(const Access& access, int error) {
  std::vector<std::string> paths;
  for (const DeviceNode& node : access.nodes)
    if (node.error == error) paths.push_back(node.path);
  return paths;
}

bool is_card(const std::string& path) {
  constexpr std::string_view kPrefix = "/dev/nvidia";
  return path.size() > kPrefix.size() && path[kPrefix.size()] >= '0' && path[kPrefix.size()] <= '9';
}

std::string refused(const std::vector<std::string>& paths, int error) {
  return fmt::format("open({}) = {}", joined(paths), strerror(error));
}

void judge_nodes(const Machine& machine, Judgement& judgement) {
  const Access& access = machine.access;
  const auto opened = nodes_with(access, 0);
  // A scheduler or a container may keep the cards of others from us.
  const bool a_card = std::any_of(opened.begin(), opened.end(), is_card);
  for (const auto& [error, id] : {std::pair{EACCES, "2-PERM"}, std::pair{EPERM, "2-CGROUP"}}) {
    auto paths = nodes_with(access, error);
    if (a_card) std::erase_if(paths, is_card);
    if (!paths.empty()) judgement.fail(id, refused(paths, error), {{"nodes", joined(paths)}});
  }
  if (judgement.failed() || access.wsl) return;
  const auto missing = nodes_with(access, ENOENT);
  if (!opened.empty() || missing.empty()) return;
  if (!access.container.empty())
    judgement.fail(
        "2-NOPASS",
        fmt::format("in a container ({}), {}", access.container, refused(missing, ENOENT)),
        {{"container", access.container}});
  else if (machine.driver.loaded)
    // NVIDIA's setuid helper makes them when cuInit asks for them: no fault as long as that works.
    judgement.fail("2-NODES", refused(missing, ENOENT), {{"nodes", joined(missing)}});
}

std::string summary(const Access& access) {
  std::vector<std::string> parts;
  std::vector<std::string> names;
  for (const std::string& path : nodes_with(access, 0))
    names.push_back(path.substr(path.rfind('/') + 1));
  parts.push_back(names.empty() ? "no device files" : joined(names, " ") + " open");
  if (access.wsl) parts.push_back("WSL");
  if (!access.container.empty()) parts.push_back(access.container);
  if (access.shm_bytes) parts.push_back(fmt::format("shm {} MiB", *access.shm_bytes >> 20));
  return joined(parts, "; ");
}

}  // namespace

Judgement judge_access(const Evidence& evidence) {
  Judgement judgement(Layer::access);
  const Access& access = evidence.machine.access;
  judgement.row.text = summary(access);
  if (access.wsl && !access.dxg)
    judgement.fail("2-WSL", "/dev/dxg is missing");
  else
    judge_nodes(evidence.machine, judgement);
  return judgement;
}

}  // namespace strata::stack_check
