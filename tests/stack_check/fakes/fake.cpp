#include "tests/stack_check/fakes/fake.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace strata::fakes {
namespace {

constexpr int kReportDescriptor = 3;
constexpr unsigned kSleepSeconds = 600;

std::string scripted(const std::string& function) {
  for (const std::string& entry : fake_split(fake_text("FAKE_CALLS", ""), ';'))
    if (entry.starts_with(function + "=")) return entry.substr(function.size() + 1);
  return "";
}

void die_of(int signal_number) {
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

void print_a_megabyte() {
  const std::string line = std::string(1023, 'x') + '\n';
  for (const int descriptor : {STDOUT_FILENO, STDERR_FILENO, kReportDescriptor})
    for (int i = 0; i < 1024; ++i)
      if (write(descriptor, line.data(), line.size()) < 0) break;
}

void leave_children() {
  for (const bool own_session : {false, true}) {
    if (fork() != 0) continue;
    if (own_session) setsid();
    sleep(kSleepSeconds);
    _exit(0);
  }
}

bool has(const char* variable, std::string_view entry) {
  const auto entries = fake_split(fake_text(variable, ""), ';');
  return std::find(entries.begin(), entries.end(), entry) != entries.end();
}

}  // namespace

int fake_answer(std::string_view function, int gpu) {
  const std::string name(function);
  std::string answer = gpu < 0 ? "" : scripted(name + "@" + std::to_string(gpu));
  if (answer.empty()) answer = scripted(name);
  if (answer == "hang") {
    while (true) pause();
  }
  if (answer == "abort") die_of(SIGABRT);
  if (answer == "crash") die_of(SIGSEGV);
  if (answer == "print") print_a_megabyte();
  if (answer == "fork") leave_children();
  return std::atoi(answer.c_str());
}

bool fake_wrong(std::string_view function) {
  return has("FAKE_WRONG", function);
}

double fake_slowness(std::string_view thing) {
  return has("FAKE_SLOW", thing) ? 10 : 1;
}

long long fake_number(const char* variable, long long fallback) {
  const char* text = std::getenv(variable);
  return text ? std::atoll(text) : fallback;
}

std::string fake_text(const char* variable, const std::string& fallback) {
  const char* text = std::getenv(variable);
  return text ? text : fallback;
}

std::vector<std::string> fake_split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

}  // namespace strata::fakes
