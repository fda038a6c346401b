// The tuner with candidates and a timer that are made up: needs no GPU.
#include "ops/tuning.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>

#include "tensor/error.h"
#include "tests/support/compare.h"
#include "tests/support/idx_files.h"

namespace strata::test {
namespace {

namespace fs = std::filesystem;
using Source = Choice::Source;

/// Sets an environment variable while it lives.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    value ? setenv(name, value, 1) : unsetenv(name);
  }
  ~Environment() { before_ ? setenv(name_, before_->c_str(), 1) : unsetenv(name_); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

class TuningTest : public testing::Test {
 protected:
  /// A candidate of this speed; its name is what it leaves as its result.
  Candidate candidate(const std::string& name, double microseconds) {
    return {name, [this, name, microseconds] {
              result_ = name;
              last_ = microseconds;
              ++runs_;
            }};
  }

  Contest contest(std::vector<Candidate> candidates, const std::string& version = "1.0") {
    return {.key = "relu of 7",
            .candidates = std::move(candidates),
            .version_of = [version](const std::string&) { return version; }};
  }

  Contest two(const std::string& version = "1.0") {
    return contest({candidate("plain", 20), candidate("quick", 5)}, version);
  }

  Tuner::Options measuring() {
    return {.cache_file = file(), .machine = "card", .timer = [this](const auto& work) {
              work();
              return last_;
            }};
  }
  Tuner::Options reading() { return {.cache_file = file(), .machine = "card"}; }

  fs::path file() const { return folder_.path() / "cache" / "tuning.tsv"; }

  void write(const std::string& text) {
    fs::create_directories(file().parent_path());
    std::ofstream(file(), std::ios::binary) << text;
  }
  std::string read() const {
    std::ifstream stream(file(), std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  std::string result_;
  double last_ = 0;
  int runs_ = 0;

 private:
  TemporaryFolder folder_;
};

TEST_F(TuningTest, WithoutMeasuringTheDefault) {
  Tuner knows_nothing;
  EXPECT_TRUE(knows_nothing.idle());
  EXPECT_EQ(knows_nothing.choose(two()), "plain");
  EXPECT_TRUE(knows_nothing.choices().empty());

  Tuner reader(reading());
  EXPECT_EQ(reader.choose(two()), "plain");
  EXPECT_EQ(runs_, 0) << "a run that was not asked to measure did";
  EXPECT_FALSE(fs::exists(file()));

  Tuner::Options verbose = reading();
  verbose.keep_defaults = true;
  Tuner reporter(verbose);
  EXPECT_EQ(reporter.choose(two()), "plain");
  EXPECT_EQ(reporter.choices().at("relu of 7").source, Source::shipped_default);
}

TEST_F(TuningTest, MeasuresOnceAndKeepsTheFastest) {
  Tuner tuner(measuring());
  EXPECT_EQ(
      tuner.choose(contest({candidate("plain", 20), candidate("slow", 90), candidate("quick", 5)})),
      "quick");
  const Choice& choice = tuner.choices().at("relu of 7");
  EXPECT_EQ(choice.source, Source::measured_now);
  const std::vector<Timing> expected = {
      {"quick", "1.0", 5}, {"plain", "1.0", 20}, {"slow", "1.0", 90}};
  EXPECT_EQ(choice.timings, expected);
  EXPECT_GE(tuner.seconds_measuring(), 0);
  const int runs = runs_;
  EXPECT_EQ(tuner.choose(two()), "quick");
  EXPECT_EQ(runs_, runs) << "measured again";
}

TEST_F(TuningTest, ADefaultThatIsHardlySlowerStays) {
  Tuner tuner(measuring());
  EXPECT_EQ(tuner.choose(contest({candidate("plain", 10.2), candidate("quick", 10)})), "plain");
  EXPECT_EQ(tuner.choices().at("relu of 7").timings.front().name, "plain");
}

TEST_F(TuningTest, LeavesOutWhatFailsOrIsWrong) {
  Candidate failing{"failing", [] { fail(ErrorKind::out_of_memory, "no memory"); }};
  Contest all =
      contest({candidate("plain", 20), candidate("wrong", 1), failing, candidate("right", 10)});
  all.objection = [&]() -> std::string { return result_ == "wrong" ? "off by one" : ""; };
  Tuner tuner(measuring());
  EXPECT_EQ(tuner.choose(all), "right");
  const std::vector<std::string> rejected = {"wrong: off by one", "failing: no memory"};
  EXPECT_EQ(tuner.choices().at("relu of 7").rejected, rejected);
}

TEST_F(TuningTest, TheDefaultMayBeWrongToo) {
  Contest all = contest({candidate("plain", 20), candidate("quick", 5), candidate("slow", 90)});
  all.objection = [&]() -> std::string { return result_ == "plain" ? "off by one" : ""; };
  EXPECT_EQ(Tuner(measuring()).choose(all), "quick");
  all.objection = [] { return "off by one"; };
  EXPECT_TRUE(fails(ErrorKind::device, "relu of 7: nothing computes it rightly (plain: off by one)",
                    [&] { Tuner(measuring()).choose(all); }));
}

TEST_F(TuningTest, ThrowsWhatTheDefaultThrows) {
  Candidate failing{"failing", [] { fail(ErrorKind::device, "no such engine"); }};
  Tuner tuner(measuring());
  EXPECT_TRUE(fails(ErrorKind::device, "no such engine", [&] {
    tuner.choose(contest({failing, candidate("quick", 5)}));
  }));
}

TEST_F(TuningTest, DoesNotMeasureWhileBusy) {
  bool busy = true;
  Tuner::Options options = measuring();
  options.busy = [&] { return busy; };
  Tuner tuner(options);
  EXPECT_EQ(tuner.choose(two()), "plain");
  EXPECT_EQ(runs_, 0);
  busy = false;
  EXPECT_EQ(tuner.choose(two()), "plain") << "one process, two choices for one key";
}

TEST_F(TuningTest, MeasurementsWithinEachOther) {
  Tuner tuner(measuring());
  Contest inner = two();
  inner.key = "engine";
  const Candidate outer{"library", [&] { last_ = tuner.choose(inner) == "quick" ? 3 : 30; }};
  EXPECT_EQ(tuner.choose(contest({candidate("own", 9), outer})), "library");
  EXPECT_EQ(tuner.choices().at("engine").winner, "quick");
}

TEST_F(TuningTest, WhatWasMeasuredIsRemembered) {
  Tuner first(measuring());
  first.choose(two());
  first.finish();
  EXPECT_FALSE(first.measuring());
  EXPECT_TRUE(first.notes().empty()) << first.notes().front();
  runs_ = 0;
  for (const bool measure : {false, true}) {
    Tuner second(measure ? measuring() : reading());
    EXPECT_FALSE(second.idle());
    EXPECT_EQ(second.choose(two()), "quick");
    EXPECT_EQ(second.choices().at("relu of 7").source, Source::cache_file);
    EXPECT_EQ(second.choices().at("relu of 7").timings, first.choices().at("relu of 7").timings);
  }
  EXPECT_EQ(runs_, 0);
}

TEST_F(TuningTest, AnotherMachineOrVersionIsAnotherMatter) {
  Tuner first(measuring());
  first.choose(two());
  first.finish();
  Tuner::Options elsewhere = reading();
  elsewhere.machine = "card, new driver";
  EXPECT_EQ(Tuner(elsewhere).choose(two()), "plain");
  EXPECT_EQ(Tuner(reading()).choose(two("1.1")), "plain");

  // The loser's version: of no interest to a run that would have to load a library to ask it, but a
  // reason to measure again.
  Contest loser_changed = two();
  loser_changed.version_of = [](const std::string& name) {
    return name == "quick" ? "1.0" : "2.0";
  };
  EXPECT_EQ(Tuner(reading()).choose(loser_changed), "quick");
  EXPECT_EQ(runs_, 5) << "measured, although nobody asked for it";
  Tuner(measuring()).choose(loser_changed);
  EXPECT_GT(runs_, 5);
}

TEST_F(TuningTest, AddsToWhatOthersHaveWritten) {
  Tuner first(measuring()), second(measuring());
  first.choose(two());
  Contest other = two();
  other.key = "tanh of 7";
  second.choose(other);
  first.finish();
  second.finish();
  const TuningCache cache = read_tuning_cache(file());
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_TRUE(cache.contains({"card", "relu of 7"}) && cache.contains({"card", "tanh of 7"}));
  const auto files = std::distance(fs::directory_iterator(file().parent_path()), {});
  EXPECT_EQ(files, 1) << "something was left beside the cache";
}

TEST_F(TuningTest, ADamagedFileIsIgnoredWithANoteAndReplaced) {
  Tuner(measuring()).choose(two());
  const std::string first_line = to_text({});
  const std::string good = "card\trelu of 7\tquick\t1.0\t5.000\n";
  for (const std::string& damaged :
       {std::string("not a cache"), std::string("\n"), std::string(10, '\0'), good,
        first_line + "card\trelu of 7\n", first_line + good.substr(0, good.size() - 1),
        first_line + "card\trelu of 7\tquick\t1.0\tfast\n",
        first_line + "card\trelu of 7\tquick\t1.0\t-5\n",
        first_line + "card\trelu of 7\tquick\t1.0\tnan\n",
        first_line + "card\trelu of 7\t\t1.0\t5\n", first_line + "\n" + good}) {
    SCOPED_TRACE(damaged);
    write(damaged);
    Tuner tuner(measuring());
    ASSERT_EQ(tuner.notes().size(), 1u);
    EXPECT_NE(tuner.notes()[0].find("tuning.tsv is not used"), std::string::npos);
    EXPECT_EQ(tuner.choose(two()), "quick");
    tuner.finish();
    EXPECT_EQ(tuner.notes().size(), 1u);
    EXPECT_EQ(read_tuning_cache(file()).size(), 1u);
  }
  write("");
  EXPECT_EQ(Tuner(reading()).notes().size(), 1u);
}

TEST_F(TuningTest, WhatIsNoFileIsIgnoredToo) {
  fs::create_directories(file());
  Tuner tuner(measuring());
  EXPECT_EQ(tuner.notes().size(), 1u);
  EXPECT_EQ(tuner.choose(two()), "quick");
  tuner.finish();
  ASSERT_EQ(tuner.notes().size(), 2u);
  EXPECT_NE(tuner.notes()[1].find("what was measured is not kept"), std::string::npos);
  EXPECT_EQ(tuner.choose(two()), "quick") << "forgotten, because it could not be written";
}

TEST_F(TuningTest, TheFileRoundTrips) {
  const TuningCache cache = {
      {{"card, driver 580.1", "relu of 7"}, {{"quick", "cuDNN 9.14.0", 0.125}, {"plain", "", 20}}},
      {{"card, driver 580.1", "tanh of 7"}, {{"engine 67 2:12 (tensor cores)", "x", 1e6}}}};
  EXPECT_EQ(parse_tuning_cache(to_text(cache)), cache);
  write_tuning_cache(file(), cache);
  EXPECT_EQ(read(), to_text(cache));
  EXPECT_TRUE(fails("a tab or a line's end", [] {
    to_text({{{"card", "two\tfields"}, {{"quick", "1", 1}}}});
  }));
}

TEST_F(TuningTest, WhereTheFileIs) {
  const Environment own("STRATA_CACHE", nullptr), xdg("XDG_CACHE_HOME", nullptr);
  const Environment home("HOME", "/home/ada");
  EXPECT_EQ(default_tuning_cache(), "/home/ada/.cache/strata/tuning.tsv");
  {
    const Environment relative("XDG_CACHE_HOME", "relative");
    EXPECT_EQ(default_tuning_cache(), "/home/ada/.cache/strata/tuning.tsv");
  }
  const Environment cache("XDG_CACHE_HOME", "/var/ada");
  EXPECT_EQ(default_tuning_cache(), "/var/ada/strata/tuning.tsv");
  {
    const Environment chosen("STRATA_CACHE", "here");
    EXPECT_EQ(default_tuning_cache(), "here/tuning.tsv");
  }
  const Environment nowhere("XDG_CACHE_HOME", nullptr), homeless("HOME", nullptr);
  EXPECT_EQ(default_tuning_cache(), "");
}

TEST_F(TuningTest, OneTunerAtATimeIsTheProcessTuner) {
  EXPECT_EQ(tuner().id(), 0);
  Tuner outer(reading()), inner(reading());
  const TunerScope outer_scope(outer);
  {
    const TunerScope inner_scope(inner);
    EXPECT_EQ(&tuner(), &inner);
  }
  EXPECT_EQ(&tuner(), &outer);
  EXPECT_NE(outer.id(), inner.id());
}

}  // namespace
}  // namespace strata::test
