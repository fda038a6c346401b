// Ctrl-C asks the training loop to stop after the steps that are under way; a second one ends the
// program.
#pragma once

#include <csignal>

namespace strata::train_mnist {

inline volatile std::sig_atomic_t interrupted = 0;

inline void stop_on_ctrl_c() {
  std::signal(SIGINT, [](int) {
    interrupted = 1;
    std::signal(SIGINT, SIG_DFL);
  });
}

}  // namespace strata::train_mnist
