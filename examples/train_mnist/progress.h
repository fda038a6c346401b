// What a run shows while it trains: a bar on a terminal, otherwise a line an epoch.
#pragma once

#include <chrono>
#include <cstdint>

namespace strata::train_mnist {

/// What is known in the middle of an epoch.
struct Moment {
  int64_t epoch, epochs;  // the epoch that runs, from 1
  int64_t step, steps;    // steps done in it, and its steps
  double loss;            // mean over the epoch so far
  double accuracy;        // percent of the training images so far
  double images_per_second;
  double seconds_left;  // of the whole run
};

/// What an epoch came to.
struct EpochSummary {
  int64_t epoch, epochs;
  double loss, train_accuracy, test_accuracy;  // accuracies in percent
  double seconds, images_per_second;
};

class Progress {
 public:
  /// A bar only when standard output is a terminal and `quiet` is false.
  explicit Progress(bool quiet);

  /// Whether it is time for another look: reading the metrics makes the host wait for the GPU, so
  /// the caller asks first. Never without a bar.
  bool due() const;
  void show(const Moment& moment);
  void finish_epoch(const EpochSummary& summary);
  /// Clears the bar, so that other lines can be printed.
  void clear();

 private:
  bool bar_;
  std::chrono::steady_clock::time_point next_look_;
};

}  // namespace strata::train_mnist
