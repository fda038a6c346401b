// One line of the failure tables: a fault, and what stack_check must say of it. Every line is run
// broken in both languages, and once more without the fault.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "tests/stack_check/fake_stack.h"

namespace strata::test {

using Change = std::function<void(FakeStack&)>;

struct FailureMode {
  std::string id;     // of the catalogue
  std::string how;    // of several ways to break it
  int exit_code = 0;  // with --strict, where a warning makes it 1
  std::string fix;    // a command of the fix, the same in both languages
  Change fault;
  Change setting = {};  // what is so with and without the fault
  std::vector<std::string> flags = {"--quick"};
};

inline void PrintTo(const FailureMode& mode, std::ostream* stream) {
  *stream << mode.id << mode.how;
}
std::string name_of_mode(const testing::TestParamInfo<FailureMode>& info);

class FailureModeTest : public testing::TestWithParam<FailureMode> {
 protected:
  /// The whole line, as above.
  void expect_found();
};

// What tables break most.
void add_order(FakeStack& stack, const std::string& call);  // "cuInit=999" to FAKE_CALLS
void no_gpu_for_cuda(FakeStack& stack);                     // cuInit finds no device
void in_container(FakeStack& stack);
void no_nodes(FakeStack& stack);  // no /dev/nvidia*

/// A build without GPU code ends with 8-CPU: these lines end where theirs do.
std::vector<FailureMode> to_libcuda(std::vector<FailureMode> modes);

}  // namespace strata::test
