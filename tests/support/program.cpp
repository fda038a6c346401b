#include "tests/support/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

namespace strata::test {
namespace {

[[noreturn]] void become(const std::string& file, const std::vector<std::string>& arguments,
                         const ProgramOptions& options, int output, int errors) {
  dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(errors, STDERR_FILENO);
  for (const auto& [name, value] : options.environment) setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> argv{const_cast<char*>(file.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execv(file.c_str(), argv.data());
  _exit(127);
}

/// Appends what can be read; false at the end of the file.
bool drain(int from, std::string& text) {
  char buffer[4096];
  const ssize_t count = read(from, buffer, sizeof buffer);
  if (count > 0) text.append(buffer, static_cast<size_t>(count));
  return count > 0;
}

}  // namespace

ProgramResult run_program(const std::string& file, const std::vector<std::string>& arguments,
                          const ProgramOptions& options) {
  int output[2], errors[2];
  if (pipe2(output, O_CLOEXEC) != 0 || pipe2(errors, O_CLOEXEC) != 0) std::abort();
  const pid_t child = fork();
  if (child == 0) become(file, arguments, options, output[1], errors[1]);
  close(output[1]);
  close(errors[1]);

  ProgramResult result;
  bool to_interrupt = !options.interrupt_after.empty();
  bool output_open = true, errors_open = true;
  while (output_open || errors_open) {
    pollfd sources[] = {{output_open ? output[0] : -1, POLLIN, 0},
                        {errors_open ? errors[0] : -1, POLLIN, 0}};
    if (poll(sources, 2, -1) < 0) break;
    if (sources[0].revents) output_open = drain(output[0], result.output);
    if (sources[1].revents) errors_open = drain(errors[0], result.errors);
    if (to_interrupt && result.output.find(options.interrupt_after) != std::string::npos) {
      kill(child, SIGINT);
      to_interrupt = false;
    }
  }
  close(output[0]);
  close(errors[0]);
  int status = 0;
  waitpid(child, &status, 0);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace strata::test
