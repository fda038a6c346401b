#include "ops/tuning.h"

#include <algorithm>
#include <chrono>

#include "tensor/error.h"

namespace strata {
namespace {

// Less is within the noise, and the default has the merit of needing no cache file.
constexpr double kWorthwhile = 1.03;

Tuner* current = nullptr;

/// A candidate ran, but its results must not be taken.
struct Objection : Error {
  using Error::Error;
};

/// Adds the time until it goes, unless it is one of several within each other.
class Clock {
 public:
  Clock(double& seconds, int& depth) : seconds_(seconds), depth_(depth) { ++depth_; }
  ~Clock() {
    if (--depth_ > 0) return;
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start_;
    seconds_ += passed.count();
  }
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;

 private:
  double& seconds_;
  int& depth_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// The winner first, then the others from fast to slow.
void put_in_order(std::vector<Timing>& timings, const std::string& shipped) {
  std::ranges::stable_sort(timings, {}, &Timing::microseconds);
  const auto place = std::ranges::find(timings, shipped, &Timing::name);
  if (place == timings.end()) return;  // it was out
  if (place->microseconds > kWorthwhile * timings.front().microseconds) return;
  std::rotate(timings.begin(), place, place + 1);
}

}  // namespace

std::string_view name_of(Choice::Source source) {
  constexpr std::string_view kNames[] = {"shipped default", "cache file", "measured now"};
  return kNames[static_cast<int>(source)];
}

Tuner::Tuner(Options options) : options_(std::move(options)) {
  static int tuners = 0;
  id_ = ++tuners;
  if (options_.cache_file.empty()) return;
  try {
    cache_ = read_tuning_cache(options_.cache_file);
  } catch (const Error& error) {
    notes_.push_back(fmt::format("{} is not used: {}", options_.cache_file.string(), error.what()));
  }
}

bool Tuner::idle() const {
  return !options_.timer && !options_.keep_defaults && cache_.empty() && choices_.empty();
}

bool Tuner::measuring() const {
  return options_.timer && !(options_.busy && options_.busy());
}

bool Tuner::still_true(const std::vector<Timing>& timings, const VersionOf& version_of) const {
  const auto holds = [&](const Timing& timing) {
    return version_of(timing.name) == timing.version;
  };
  return measuring() ? std::ranges::all_of(timings, holds) : holds(timings.front());
}

std::optional<std::string> Tuner::recall(const std::string& key, const VersionOf& version_of) {
  if (const auto made = choices_.find(key); made != choices_.end()) return made->second.winner;
  const auto cached = cache_.find({options_.machine, key});
  if (cached == cache_.end() || !still_true(cached->second, version_of)) return std::nullopt;
  const std::string& winner = cached->second.front().name;
  choices_[key] = {winner, Choice::Source::cache_file, cached->second, {}};
  return winner;
}

Timing Tuner::time(const Contest& contest, const Candidate& candidate, bool first) const {
  candidate.run();  // loads, plans and allocates, and leaves a result to look at
  const std::string objection = contest.objection ? contest.objection() : "";
  if (!objection.empty()) throw Objection(ErrorKind::device, objection);
  if (first) options_.timer(candidate.run);  // for the GPU to leave its idle clocks
  return {candidate.name, contest.version_of(candidate.name), options_.timer(candidate.run)};
}

std::string Tuner::measure(const Contest& contest) {
  const Clock clock(seconds_measuring_, depth_);
  const Candidate& shipped = contest.candidates.front();
  Choice choice{.source = Choice::Source::measured_now};
  const auto reject = [&](const Candidate& candidate, const Error& error) {
    choice.rejected.push_back(fmt::format("{}: {}", candidate.name, error.what()));
  };
  for (const Candidate& candidate : contest.candidates) {
    try {
      choice.timings.push_back(time(contest, candidate, choice.timings.empty()));
    } catch (const Objection& objection) {
      reject(candidate, objection);
    } catch (const Error& error) {
      if (&candidate == &shipped) throw;
      reject(candidate, error);
    }
  }
  if (choice.timings.empty())
    fail(ErrorKind::device, "{}: nothing computes it rightly ({}); use --kernels own", contest.key,
         choice.rejected.front());
  put_in_order(choice.timings, shipped.name);
  choice.winner = choice.timings.front().name;
  measured_[{options_.machine, contest.key}] = choice.timings;
  choices_[contest.key] = choice;
  return choice.winner;
}

void Tuner::take_default(const std::string& key, const std::string& name) {
  if (idle()) return;
  choices_[key] = {.winner = name};
}

std::string Tuner::choose(const Contest& contest) {
  if (auto known = recall(contest.key, contest.version_of)) return *known;
  if (measuring()) return measure(contest);
  take_default(contest.key, contest.candidates.front().name);
  return contest.candidates.front().name;
}

void Tuner::finish() {
  options_.timer = nullptr;
  if (measured_.empty() || options_.cache_file.empty()) return;
  TuningCache merged;
  try {
    merged = read_tuning_cache(options_.cache_file);
  } catch (const Error&) {
    merged = {};  // of no use to anybody: it is replaced
  }
  for (const auto& [where, timings] : measured_) merged[where] = timings;
  try {
    write_tuning_cache(options_.cache_file, merged);
  } catch (const Error& error) {
    notes_.push_back(fmt::format("what was measured is not kept: {}", error.what()));
  }
  measured_.clear();
}

Tuner& tuner() {
  static Tuner knows_nothing;
  return current ? *current : knows_nothing;
}

TunerScope::TunerScope(Tuner& tuner) : previous_(current) {
  current = &tuner;
}
TunerScope::~TunerScope() {
  current = previous_;
}

}  // namespace strata
