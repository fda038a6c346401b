// A tree of small files that plays a machine for --root; it removes itself.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "tests/support/idx_files.h"
#include "tools/stack_check/system/root.h"

namespace strata::test {

class FakeMachine {
 public:
  FakeMachine& file(const std::string& path, std::string_view content) {
    std::ofstream(place(path), std::ios::binary) << content;
    return *this;
  }
  FakeMachine& folder(const std::string& path) {
    std::filesystem::create_directories(place(path));
    return *this;
  }
  FakeMachine& link(const std::string& path, const std::string& target) {
    std::filesystem::create_symlink(target, place(path));
    return *this;
  }
  FakeMachine& remove(const std::string& path) {
    std::filesystem::remove_all(place(path));
    return *this;
  }

  stack_check::Root root() const { return stack_check::Root(folder_.path().string()); }
  /// The path on this machine, in a folder that is there.
  std::filesystem::path place(const std::string& path) const {
    const std::filesystem::path result =
        folder_.path() / path.substr(std::min(path.find_first_not_of('/'), path.size()));
    std::filesystem::create_directories(result.parent_path());
    return result;
  }

 private:
  TemporaryFolder folder_;
};

}  // namespace strata::test
