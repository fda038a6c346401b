// Running one test with each set of instructions that this processor has.
#pragma once

#include <string>
#include <vector>

#include "ops/cpu/instructions.h"

namespace strata::test {

/// From the baseline to the processor's best.
inline std::vector<Instructions> all_instructions() {
  std::vector<Instructions> all;
  for (int i = 0; i <= static_cast<int>(best_instructions()); ++i)
    all.push_back(static_cast<Instructions>(i));
  return all;
}

class InstructionsScope {
 public:
  explicit InstructionsScope(Instructions chosen) : previous_(instructions()) {
    use_instructions(chosen);
  }
  ~InstructionsScope() { use_instructions(previous_); }
  InstructionsScope(const InstructionsScope&) = delete;
  InstructionsScope& operator=(const InstructionsScope&) = delete;

 private:
  Instructions previous_;
};

}  // namespace strata::test
