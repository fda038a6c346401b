#include "examples/train_mnist/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

namespace strata::train_mnist {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kBetweenLooks = std::chrono::milliseconds(100);
constexpr int kBarWidth = 24;

int terminal_columns() {
  winsize size{};
  constexpr int kUsual = 80;
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsual;
}

std::string drawn_bar(double fraction, int width) {
  const int filled = std::clamp(static_cast<int>(fraction * width), 0, width);
  std::string bar;
  for (int i = 0; i < width; ++i) bar += i < filled ? "█" : "░";
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
  const std::string epoch = fmt::format("epoch {}/{} ", moment.epoch, moment.epochs);
  const std::string facts = fmt::format(
      " {:3.0f}%  loss {:.4f}  accuracy {:.2f}%  {:.0f} images/s  {:.0f} s left", 100 * fraction,
      moment.loss, moment.accuracy, moment.images_per_second, moment.seconds_left);
  // A line that wraps could not be overwritten: the bar gives way first, then the last facts.
  const int room = terminal_columns() - 1 - static_cast<int>(epoch.size() + facts.size());
  const std::string bar = drawn_bar(fraction, std::clamp(room, 0, kBarWidth));
  const size_t kept =
      facts.size() - static_cast<size_t>(std::clamp<int>(-room, 0, static_cast<int>(facts.size())));
  fmt::print("\r\x1b[K{}{}{}", epoch, bar, facts.substr(0, kept));
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
