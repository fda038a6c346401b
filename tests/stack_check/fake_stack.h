// A whole machine in which stack_check climbs for real: a tree for --root, and a folder of
// stand-ins for the libraries, all healthy until a test breaks one thing.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/stack_check/fake_machine.h"

namespace strata::test {

struct StackCheckRun {
  int exit_code = -1;
  std::string text;  // in the language asked for
  std::string errors;
  nlohmann::json report;  // null if there is none
};

/// An H100 at 0000:3b:00.0, driver 580.65.06, on a machine that is no container.
class FakeStack {
 public:
  FakeStack();

  FakeMachine machine;
  std::map<std::string, std::string> environment;  // the stand-ins' orders among it
  std::string probe;                               // the hidden one, unless replaced

  /// The folder that LD_LIBRARY_PATH names.
  std::filesystem::path libraries() const { return folder_.path() / "lib"; }
  /// Another folder, which a test may put before it.
  std::filesystem::path folder(const std::string& name) const;
  /// Takes a library away.
  void remove(const std::string& soname);
  /// Puts a file in a library's place.
  void write(const std::string& soname, const std::string& content);
  /// Puts a stand-in that was built in a folder of its own in a library's place: "old", "foreign".
  void replace(const std::string& soname, const std::string& folder);
  /// A second card, at 0000:5e:00.0.
  void add_gpu();
  /// The machine's own words in the kernel's log.
  void log(const std::string& line);
  /// One layer's probe is a script: what it does instead.
  void script(const std::string& layer, const std::string& shell);

  StackCheckRun run(std::vector<std::string> flags) const;

 private:
  TemporaryFolder folder_;
  std::string log_ = "Nov 23 10:00:00 host kernel: Linux version 6.8.0-41-generic\n";
};

}  // namespace strata::test
