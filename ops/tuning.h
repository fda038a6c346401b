// Which of several ways to compute the same thing is the fastest here: measured once, remembered.
//
// A choice is named by a key: op, pass, shapes, options, precision. It is made once in a process:
// from the cache file, if that knows the key for this machine and these versions of the code;
// otherwise by a measurement, if one was asked for; otherwise it is the shipped default. So a run
// that did not ask for it never measures, and runs with the same cache file choose alike. That
// matters beyond speed: different candidates round differently.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ops/tuning_cache.h"

namespace strata {

/// A choice that was made, for reports.
struct Choice {
  enum class Source { shipped_default, cache_file, measured_now };

  std::string winner = {};
  Source source = Source::shipped_default;
  std::vector<Timing> timings = {};        // the winner's first; none of a shipped default
  std::vector<std::string> rejected = {};  // "engine 3: its result is wrong"; of a measurement only
};

std::string_view name_of(Choice::Source source);

struct Candidate {
  std::string name;
  std::function<void()> run;  // writes its results whole, so that it may be repeated
};

/// The version of the code that a candidate runs.
using VersionOf = std::function<std::string(const std::string& candidate)>;

/// What is there to be measured.
struct Contest {
  std::string key = {};
  std::vector<Candidate> candidates = {};  // the shipped default first
  VersionOf version_of = {};
  /// Why the results that the last run left must not be taken; empty: nothing is wrong.
  std::function<std::string()> objection = {};
};

class Tuner {
 public:
  struct Options {
    std::filesystem::path cache_file = {};  // empty: none
    std::string machine = {};               // GPU, driver: what the cache is keyed by
    /// Microseconds of one run of the work; unset: nothing is measured.
    std::function<double(const std::function<void()>& work)> timer = {};
    /// Whether nothing can be measured now, as while the stream records a graph.
    std::function<bool()> busy = {};
    bool keep_defaults = false;  // list shipped defaults among the choices
  };

  /// Knows nothing and measures nothing.
  Tuner() = default;
  /// Reads the cache file. One that cannot be read or is damaged leaves a note and no more.
  explicit Tuner(Options options);

  /// Whether every choice will be the shipped default and nobody wants to know: callers then need
  /// not work out a key.
  bool idle() const;
  bool measuring() const;

  /// The winner of this key, if it was chosen before or is in the cache file. Entries made with
  /// other versions are passed over: of the winner or, when measuring, of any candidate (a run that
  /// only wants to train would have to load a library to ask its version).
  std::optional<std::string> recall(const std::string& key, const VersionOf& version_of);
  /// Runs and times every candidate and returns the fastest, the shipped default where it is within
  /// 3 % of that. A candidate that fails or is objected to is out. Throws what the default throws,
  /// and `device` when all are out.
  std::string measure(const Contest& contest);
  /// The shipped default, remembered as the choice.
  void take_default(const std::string& key, const std::string& name);
  /// recall(), otherwise measure() when measuring, otherwise the first candidate.
  std::string choose(const Contest& contest);

  /// Ends measuring, and adds what was measured to the cache file: entries that other processes
  /// have added since stay. A file that cannot be written leaves a note.
  void finish();

  const std::map<std::string, Choice>& choices() const { return choices_; }
  const std::vector<std::string>& notes() const { return notes_; }
  const std::filesystem::path& cache_file() const { return options_.cache_file; }
  double seconds_measuring() const { return seconds_measuring_; }
  /// Differs between tuners, for those who keep what follows from a choice; 0 knows nothing.
  int id() const { return id_; }

 private:
  Timing time(const Contest& contest, const Candidate& candidate, bool first) const;
  bool still_true(const std::vector<Timing>& timings, const VersionOf& version_of) const;

  Options options_;
  int id_ = 0;
  TuningCache cache_, measured_;
  std::map<std::string, Choice> choices_;
  std::vector<std::string> notes_;
  double seconds_measuring_ = 0;
  int depth_ = 0;  // of measurements within each other's candidates
};

/// The tuner of this process: one that knows nothing, unless a TunerScope lives.
Tuner& tuner();

class TunerScope {
 public:
  explicit TunerScope(Tuner& tuner);
  ~TunerScope();
  TunerScope(const TunerScope&) = delete;
  TunerScope& operator=(const TunerScope&) = delete;

 private:
  Tuner* previous_;
};

}  // namespace strata
