#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>

#include "tools/stack_check/system/machine.h"
#include "tools/stack_check/system/texts.h"

namespace strata::stack_check {
namespace {

constexpr int kOpenMilliseconds = 5000;

int error_of_open(const Root& root, const std::string& path) {
  const int node = ::open(root.path(path).c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (node < 0) return errno;
  ::close(node);
  return 0;
}

/// Reads one error until the deadline; ETIMEDOUT if none comes.
int read_error(int from, std::chrono::steady_clock::time_point deadline) {
  using std::chrono::milliseconds;
  const auto left =
      std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now());
  pollfd source = {from, POLLIN, 0};
  int error = 0;
  const bool told = ::poll(&source, 1, std::max(0, static_cast<int>(left.count()))) > 0 &&
                    ::read(from, &error, sizeof error) == sizeof error;
  return told ? error : ETIMEDOUT;
}

/// Opens the nodes in a child: the first open starts the card, and with a broken one it may never
/// return, not even for a signal.
std::vector<DeviceNode> try_nodes(const Root& root, const std::vector<std::string>& paths) {
  std::vector<DeviceNode> nodes;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return nodes;
  const pid_t child = ::fork();
  if (child == 0) {
    for (const std::string& path : paths) {
      const int error = error_of_open(root, path);
      if (::write(ends[1], &error, sizeof error) != sizeof error) break;
    }
    ::_exit(0);
  }
  ::close(ends[1]);
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(kOpenMilliseconds);
  for (const std::string& path : paths) nodes.push_back({path, read_error(ends[0], deadline)});
  ::close(ends[0]);
  const bool hangs = std::any_of(nodes.begin(), nodes.end(),
                                 [](const DeviceNode& node) { return node.error == ETIMEDOUT; });
  if (child > 0 && hangs) ::kill(child, SIGKILL);
  if (child > 0) ::waitpid(child, nullptr, hangs ? WNOHANG : 0);
  return nodes;
}

bool is_gpu_node(const std::string& name) {
  return name.starts_with("nvidia") && is_number(name.substr(6));
}

std::vector<DeviceNode> read_nodes(const Root& root, bool wsl) {
  std::vector<std::string> paths;
  if (wsl) paths.push_back("/dev/dxg");
  paths.insert(paths.end(), {"/dev/nvidiactl", "/dev/nvidia-uvm"});
  for (const std::string& name : root.list("/dev").value_or(std::vector<std::string>()))
    if (is_gpu_node(name)) paths.push_back("/dev/" + name);
  std::vector<DeviceNode> nodes = try_nodes(root, paths);
  // On WSL the Windows driver serves dxg, and the others are rightly absent.
  std::erase_if(nodes, [&](const DeviceNode& node) {
    return wsl && node.error == ENOENT && node.path != "/dev/dxg";
  });
  return nodes;
}

std::string read_container(const Root& root) {
  const std::string by_cgroup = container_of_cgroup(root.read("/proc/1/cgroup").value_or(""));
  if (root.exists("/var/run/secrets/kubernetes.io") || by_cgroup == "kubernetes")
    return "kubernetes";
  if (root.exists("/run/.containerenv")) return "podman";
  std::string by_name = container_of_name(root.line("/run/systemd/container"));
  const char* own = root.is_real() ? std::getenv("container") : nullptr;
  if (by_name.empty() && own != nullptr) by_name = container_of_name(own);
  if (root.exists("/.dockerenv") && by_name != "podman") return "docker";
  // "container" says less than any other name.
  return by_name.empty() || (by_name == "container" && !by_cgroup.empty()) ? by_cgroup : by_name;
}

bool is_wsl(const Root& root) {
  return contains_words(root.line("/proc/version"), "microsoft") ||
         contains_words(root.line("/proc/sys/kernel/osrelease"), "microsoft");
}

void read_shm(const Root& root, Access& access) {
  const std::string folder = root.path("/dev/shm");
  struct statvfs status = {};
  if (::statvfs(folder.c_str(), &status) != 0) return;
  if (status.f_blocks != 0) access.shm_bytes = uint64_t{status.f_blocks} * status.f_frsize;
  access.shm_writable = ::access(folder.c_str(), W_OK | X_OK) == 0;
}

}  // namespace

Access read_access(const Root& root) {
  Access access;
  access.wsl = is_wsl(root);
  access.dxg = root.exists("/dev/dxg");
  access.nodes = read_nodes(root, access.wsl);
  access.container = read_container(root);
  read_shm(root, access);
  return access;
}

std::vector<int> holders_of_gpus(const Root& root) {
  constexpr size_t kMaxPid = 9;  // digits; the kernel's own limit is 4194304
  std::vector<int> holders;
  for (const std::string& name : root.list("/proc").value_or(std::vector<std::string>())) {
    if (!is_number(name) || name.size() > kMaxPid) continue;
    const int pid = std::stoi(name);
    if (root.is_real() && pid == ::getpid()) continue;
    const std::string folder = "/proc/" + name + "/fd";
    for (const std::string& file : root.list(folder).value_or(std::vector<std::string>())) {
      const std::string target = root.link_target(folder + "/" + file);
      if (!target.starts_with("/dev/") || !is_gpu_node(target.substr(5))) continue;
      holders.push_back(pid);
      break;
    }
  }
  return holders;
}

}  // namespace strata::stack_check
