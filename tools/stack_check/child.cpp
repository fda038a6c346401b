#include "tools/stack_check/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <set>
#include <thread>
#include <utility>

namespace strata::stack_check {
namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

constexpr int kReportDescriptor = 3;
constexpr size_t kReportLimit = 4 << 20;
constexpr size_t kOutputLimit = 8 << 10;
constexpr size_t kCallLimit = 10000;
constexpr int kDepthLimit = 64;  // merging facts recurses
/// A process that waits inside the driver may not die at all.
constexpr auto kReapTime = std::chrono::seconds(5);

/// A pipe to a child, and the part of what came through it that is worth keeping.
class Stream {
 public:
  Stream() {
    if (pipe2(ends_, O_CLOEXEC) == 0) fcntl(ends_[0], F_SETFL, O_NONBLOCK);
  }
  Stream(const Stream&) = delete;
  ~Stream() {
    close_end(0);
    close_end(1);
  }
  bool is_open() const { return ends_[0] >= 0; }
  int reader() const { return ends_[0]; }
  int writer() const { return ends_[1]; }
  void close_writer() { close_end(1); }

  /// Reads what is there. Rounds are bounded: a child that never stops writing must not hold its
  /// reader.
  void drain() {
    char buffer[65536];
    for (int round = 0; round < 64 && is_open(); ++round) {
      const ssize_t count = read(ends_[0], buffer, sizeof buffer);
      if (count == 0) close_end(0);
      if (count <= 0) return;
      text.append(buffer, static_cast<size_t>(count));
      trim();
    }
  }

  bool keep_end = false;  // of a text over the limit; otherwise its start
  size_t limit = 0;
  std::string text;

 private:
  void trim() {
    if (text.size() <= limit) return;
    if (keep_end)
      text.erase(0, text.size() - limit);
    else
      text.resize(limit);
  }
  void close_end(int end) {
    if (ends_[end] >= 0) close(std::exchange(ends_[end], -1));
  }

  int ends_[2] = {-1, -1};
};

[[noreturn]] void become(const std::string& program, const std::vector<std::string>& arguments,
                         const ChildOptions& options, int report, int output) {
  setsid();  // so that all it starts can be killed as one group
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // Too small for any file; and unlike 0 it also keeps the core from a program that collects them.
  const rlimit no_core{1, 1};
  if (setrlimit(RLIMIT_CORE, &no_core) != 0) {
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
  }
  // Out of the way of 0 to 3 first; dup2 clears close-on-exec.
  report = fcntl(report, F_DUPFD_CLOEXEC, 10);
  output = fcntl(output, F_DUPFD_CLOEXEC, 10);
  dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  dup2(report, kReportDescriptor);
  for (const auto& [name, value] : options.environment)
    value ? setenv(name.c_str(), value->c_str(), 1) : unsetenv(name.c_str());
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execv(program.c_str(), argv.data());
  _exit(127);
}

std::set<pid_t> children_of_this_process() {
  std::set<pid_t> children;
  std::ifstream file(fmt::format("/proc/self/task/{}/children", gettid()));
  for (pid_t child = 0; file >> child;) children.insert(child);
  return children;
}

/// Ends what a probe left behind. As the subreaper, this process inherits even what detached itself
/// from the probe's session.
void kill_leftovers(pid_t group, const std::set<pid_t>& not_ours) {
  kill(-group, SIGKILL);
  const auto deadline = Clock::now() + kReapTime;
  while (Clock::now() < deadline) {
    bool found = false;
    for (const pid_t child : children_of_this_process()) {
      if (not_ours.contains(child)) continue;
      found = true;
      kill(child, SIGKILL);
      waitpid(child, nullptr, WNOHANG);
    }
    if (!found) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void kill_child(pid_t child, int& status) {
  kill(-child, SIGKILL);
  kill(child, SIGKILL);
  const auto deadline = Clock::now() + kReapTime;
  while (waitpid(child, &status, WNOHANG) == 0 && Clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

/// Waits for the child until the deadline, collecting what it says; then it is killed.
int wait_for(pid_t child, Clock::time_point deadline, Stream& report, Stream& output,
             bool& timed_out) {
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (Clock::now() >= deadline) {
      timed_out = true;
      kill_child(child, status);
      break;
    }
    pollfd sources[] = {{report.reader(), POLLIN, 0}, {output.reader(), POLLIN, 0}};
    poll(sources, 2, 5);
    report.drain();
    output.drain();
    // Ends of both pipes closed: poll no longer waits.
    if (!report.is_open() && !output.is_open())
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  report.drain();
  output.drain();
  return status;
}

bool nests_too_deep(std::string_view line) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '"') quoted = !quoted;
    if (quoted && c == '\\') ++i;
    if (quoted) continue;
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    if (depth > kDepthLimit) return true;
  }
  return false;
}

void read_line(const json& line, ProbeResult& result) {
  if (!line.is_object()) return;
  const auto text = [&](const char* key) {
    const auto found = line.find(key);
    return found != line.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  const auto number = [&](const char* key) -> std::optional<int> {
    const auto found = line.find(key);
    if (found == line.end() || !found->is_number_integer()) return std::nullopt;
    // As an int, 2^32 would be 0: no error.
    const bool fits = found->is_number_unsigned() ? std::in_range<int>(found->get<uint64_t>())
                                                  : std::in_range<int>(found->get<int64_t>());
    return fits ? std::optional(found->get<int>()) : std::nullopt;
  };
  if (line.contains("call") && result.calls.size() < kCallLimit)
    result.calls.push_back({text("call"), number("gpu"), std::nullopt, {}, {}});
  if (const auto code = number("code");
      code && !result.calls.empty() && !result.calls.back().code) {
    Call& call = result.calls.back();
    call.code = code;
    call.code_name = text("name");
    call.words = text("words");
  }
  if (const auto facts = line.find("facts"); facts != line.end() && facts->is_object())
    result.facts.merge_patch(*facts);
}

}  // namespace

std::string Call::to_string() const {
  if (!code) return name + " did not return";
  std::string text = fmt::format("{} = {}", name, *code);
  if (!code_name.empty()) text += fmt::format(" ({})", code_name);
  if (!words.empty()) text += ": " + words;
  return text;
}

const Call* ProbeResult::failed(std::string_view name) const {
  for (const Call& call : calls)
    if (call.name == name && call.code != 0) return &call;
  return nullptr;
}

const Call* ProbeResult::first_failure() const {
  for (const Call& call : calls)
    if (call.code != 0) return &call;
  return nullptr;
}

void read_report(std::string_view lines, ProbeResult& result) {
  while (!lines.empty()) {
    const size_t end = std::min(lines.find('\n'), lines.size());
    const std::string_view line = lines.substr(0, end);
    if (!nests_too_deep(line))
      read_line(json::parse(line, nullptr, /*allow_exceptions=*/false), result);
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
}

ProbeResult run_probe(const std::string& program, const std::vector<std::string>& arguments,
                      const ChildOptions& options) {
  ProbeResult result;
  Stream report, output;
  if (access(program.c_str(), X_OK) != 0 || !report.is_open() || !output.is_open()) return result;
  report.limit = kReportLimit;
  output.limit = kOutputLimit;
  output.keep_end = true;

  prctl(PR_SET_CHILD_SUBREAPER, 1);
  signal(SIGCHLD,
         SIG_DFL);  // ignored by whoever started this program, it would hide how a child ended
  const std::set<pid_t> not_ours = children_of_this_process();
  const auto start = Clock::now();
  const pid_t child = fork();
  if (child < 0) return result;
  if (child == 0) become(program, arguments, options, report.writer(), output.writer());
  report.close_writer();
  output.close_writer();

  bool timed_out = false;
  const auto limit = std::chrono::duration<double>(options.timeout_seconds);
  const auto deadline = start + std::chrono::duration_cast<Clock::duration>(limit);
  const int status = wait_for(child, deadline, report, output, timed_out);
  kill_leftovers(child, not_ours);

  result.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  result.output = output.text;
  read_report(report.text, result);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
  result.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  if (timed_out)
    result.end = ProbeResult::End::timed_out;
  else if (result.signal != 0)
    result.end = ProbeResult::End::crashed;
  else if (result.exit_code != 127)
    result.end = ProbeResult::End::finished;
  return result;
}

}  // namespace strata::stack_check
