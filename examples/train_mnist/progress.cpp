#include "examples/train_mnist/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

namespace strata::train_mnist {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kBetweenLooks = std::chrono::milliseconds(100);
constexpr int kBarWidth = 24;

std::string drawn_bar(double fraction) {
  const int filled = std::clamp(static_cast<int>(fraction * kBarWidth), 0, kBarWidth);
  std::string bar;
  for (int i = 0; i < kBarWidth; ++i) bar += i < filled ? "█" : "░";
  return bar;
}

}  // namespace

Progress::Progress(bool quiet)
    : bar_(!quiet && isatty(STDOUT_FILENO)), next_look_(Clock::now() + kBetweenLooks) {}

bool Progress::due() const {
  return bar_ && Clock::now() >= next_look_;
}

void Progress::show(const Moment& moment) {
  const double fraction = static_cast<double>(moment.step) / static_cast<double>(moment.steps);
  fmt::print(
      "\r\x1b[Kepoch {}/{} {} {:3.0f}%  loss {:.4f}  accuracy {:.2f}%  {:.0f} images/s  "
      "{:.0f} s left",
      moment.epoch, moment.epochs, drawn_bar(fraction), 100 * fraction, moment.loss,
      moment.accuracy, moment.images_per_second, moment.seconds_left);
  std::fflush(stdout);
  next_look_ = Clock::now() + kBetweenLooks;
}

void Progress::finish_epoch(const EpochSummary& summary) {
  clear();
  fmt::print("epoch {}/{}  loss {:.4f}  train {:.2f}%  test {:.2f}%  {:.2f} s  {:.0f} images/s\n",
             summary.epoch, summary.epochs, summary.loss, summary.train_accuracy,
             summary.test_accuracy, summary.seconds, summary.images_per_second);
  std::fflush(stdout);
}

void Progress::clear() {
  if (bar_) fmt::print("\r\x1b[K");
}

}  // namespace strata::train_mnist
