// run_probe() against probes that misbehave: small shell scripts that hang, crash, flood their
// reader, write nonsense, or leave processes behind.
#include "tools/stack_check/child.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "tests/support/idx_files.h"

namespace strata::test {
namespace {

using stack_check::ProbeResult;
using stack_check::run_probe;
using End = ProbeResult::End;

class ChildTest : public testing::Test {
 protected:
  /// Runs a shell script as the probe.
  ProbeResult run(const std::string& script, const stack_check::ChildOptions& options = {}) {
    const std::string probe = folder_.path() / "probe";
    std::ofstream(probe) << "#!/bin/sh\n" << script << '\n';
    std::filesystem::permissions(probe, std::filesystem::perms::owner_all);
    return run_probe(probe, {"libcuda", "--quick"}, options);
  }
  std::string path(const std::string& name) const { return folder_.path() / name; }
  std::string content(const std::string& name) const {
    std::ifstream file(path(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }
  /// The pid that a script wrote; 0 if it wrote none.
  pid_t pid(const std::string& name) const {
    const std::string text = content(name);
    return text.empty() ? 0 : std::stoi(text);
  }

  TemporaryFolder folder_;
};

bool is_alive(pid_t pid) {
  return kill(pid, 0) == 0;
}

TEST_F(ChildTest, ReadsCallsCodesAndFacts) {
  const ProbeResult result =
      run("echo \"$@\"; echo 'a warning' >&2\n"
          R"(echo '{"call": "cuInit"}' >&3)"
          "\n"
          R"(echo '{"code": 0, "name": "CUDA_SUCCESS", "words": ""}' >&3)"
          "\n"
          R"(echo '{"facts": {"count": 1, "library": {"name": "libcuda.so.1"}}}' >&3)"
          "\n"
          R"(echo '{"call": "cuCtxCreate", "gpu": 1}' >&3)"
          "\n"
          R"(echo '{"code": 2, "name": "CUDA_ERROR_OUT_OF_MEMORY", "words": "out of memory"}' >&3)"
          "\n"
          R"(echo '{"facts": {"count": 2, "library": {"version": "580"}}}' >&3)");
  EXPECT_TRUE(result.finished());
  EXPECT_EQ(result.output, "libcuda --quick\na warning\n");
  ASSERT_EQ(result.calls.size(), 2u);
  EXPECT_EQ(result.calls[0].code, 0);
  EXPECT_EQ(result.calls[1].gpu, 1);
  EXPECT_EQ(result.calls[1].to_string(),
            "cuCtxCreate = 2 (CUDA_ERROR_OUT_OF_MEMORY): out of memory");
  EXPECT_EQ(result.first_failure(), &result.calls[1]);
  EXPECT_EQ(result.failed("cuInit"), nullptr);
  EXPECT_EQ(result.facts["count"], 2);
  EXPECT_EQ(result.facts["library"]["name"], "libcuda.so.1");
  EXPECT_EQ(result.facts["library"]["version"], "580");
}

TEST_F(ChildTest, KillsWhatHangs) {
  const ProbeResult result =
      run(R"(echo '{"call": "cuInit"}' >&3; exec sleep 60)", {.timeout_seconds = 0.5});
  EXPECT_EQ(result.end, End::timed_out);
  EXPECT_GE(result.seconds, 0.5);
  EXPECT_LT(result.seconds, 3);
  ASSERT_EQ(result.calls.size(), 1u);
  EXPECT_FALSE(result.calls[0].code);
  EXPECT_EQ(result.calls[0].to_string(), "cuInit did not return");
}

TEST_F(ChildTest, KillsWhatIgnoresSignals) {
  const ProbeResult result =
      run("trap '' TERM INT HUP QUIT; while :; do sleep 1; done", {.timeout_seconds = 0.3});
  EXPECT_EQ(result.end, End::timed_out);
  EXPECT_LT(result.seconds, 3);
}

TEST_F(ChildTest, KillsWhatIsStopped) {
  const ProbeResult result = run("kill -STOP $$", {.timeout_seconds = 0.3});
  EXPECT_EQ(result.end, End::timed_out);
}

TEST_F(ChildTest, KeepsWhatACrashedProbeSaid) {
  for (const int number : {SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGKILL}) {
    const ProbeResult result =
        run(R"(echo '{"facts": {"count": 3}}' >&3; echo '{"call": "cudnnCreate"}' >&3; kill -)" +
            std::to_string(number) + " $$; sleep 9");
    EXPECT_EQ(result.end, End::crashed);
    EXPECT_EQ(result.signal, number);
    EXPECT_FALSE(result.finished());
    EXPECT_EQ(result.facts["count"], 3);
    ASSERT_EQ(result.calls.size(), 1u);
    EXPECT_FALSE(result.calls[0].code);
  }
}

TEST_F(ChildTest, TellsTheExitCode) {
  const ProbeResult result = run("exit 3");
  EXPECT_EQ(result.end, End::finished);
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_FALSE(result.finished());
}

TEST_F(ChildTest, TellsTheExitCodeWhereSignalsOfChildrenAreIgnored) {
  signal(SIGCHLD, SIG_IGN);
  const ProbeResult result = run("exit 3");
  signal(SIGCHLD, SIG_DFL);
  EXPECT_EQ(result.exit_code, 3);
}

TEST_F(ChildTest, DoesNotStartWhatIsNoProgram) {
  std::ofstream(path("text")) << "no program";
  std::ofstream(path("no_interpreter")) << "#!/nonexistent\n";
  std::filesystem::permissions(path("no_interpreter"), std::filesystem::perms::owner_all);
  for (const std::string& program :
       {path("missing"), path("text"), path("no_interpreter"), folder_.path().string()}) {
    const ProbeResult result = run_probe(program, {}, {});
    EXPECT_EQ(result.end, End::not_started) << program;
    EXPECT_FALSE(result.finished());
  }
}

TEST_F(ChildTest, KeepsTheEndOfALongOutput) {
  const ProbeResult result = run(
      R"(head -c 1000000 /dev/zero | tr '\0' x; echo; echo last; echo '{"facts": {"a": 1}}' >&3)");
  EXPECT_TRUE(result.finished());
  EXPECT_EQ(result.output.size(), 8u << 10);
  EXPECT_TRUE(result.output.ends_with("x\nlast\n"));
  EXPECT_EQ(result.facts["a"], 1);
}

TEST_F(ChildTest, ReadsWhatFollowsAMegabyteOfNonsense) {
  const ProbeResult result =
      run(R"(head -c 1000000 /dev/urandom >&3; echo >&3; echo '{"facts": {"a": 1}}' >&3)");
  EXPECT_TRUE(result.finished());
  EXPECT_EQ(result.facts["a"], 1);
}

TEST_F(ChildTest, ReadsTheFirstFourMegabytesOfAReport) {
  const ProbeResult result =
      run(R"(echo '{"facts": {"a": 1}}' >&3; head -c 5000000 /dev/zero >&3; echo >&3
             echo '{"facts": {"a": 2}}' >&3)");
  EXPECT_TRUE(result.finished());
  EXPECT_EQ(result.facts["a"], 1);
}

TEST_F(ChildTest, StopsEndlessOutput) {
  for (const std::string stream : {"", " >&2", " >&3"}) {
    const ProbeResult result =
        run("exec yes '{\"call\": \"again\"}'" + stream, {.timeout_seconds = 0.3});
    EXPECT_EQ(result.end, End::timed_out) << stream;
    EXPECT_LT(result.seconds, 3) << stream;
    EXPECT_LE(result.output.size(), 8u << 10);
    EXPECT_LE(result.calls.size(), 10000u);
  }
}

TEST_F(ChildTest, EndsWhatAProbeLeavesBehind) {
  const ProbeResult result = run("cd '" + folder_.path().string() + R"('
      sh -c 'echo $$ > plain; exec sleep 60' &
      setsid sh -c 'echo $$ > detached; exec sleep 60' &
      setsid sh -c 'setsid sh -c "echo \$\$ > twice; exec sleep 60" & exit' &
      while ! [ -s plain ] || ! [ -s detached ] || ! [ -s twice ]; do sleep 0.01; done)",
                                 {.timeout_seconds = 10});
  EXPECT_TRUE(result.finished());
  EXPECT_LT(result.seconds, 5);
  for (const char* name : {"plain", "detached", "twice"}) {
    ASSERT_GT(pid(name), 0) << name;
    EXPECT_FALSE(is_alive(pid(name))) << name;
  }
}

TEST_F(ChildTest, EndsWhatAHangingProbeStarted) {
  const ProbeResult result = run("cd '" + folder_.path().string() + R"('
      setsid sh -c 'echo $$ > detached; exec sleep 60' &
      sleep 60)",
                                 {.timeout_seconds = 1});
  EXPECT_EQ(result.end, End::timed_out);
  ASSERT_GT(pid("detached"), 0);
  EXPECT_FALSE(is_alive(pid("detached")));
}

TEST_F(ChildTest, LeavesOtherChildrenAlone) {
  const pid_t other = fork();
  if (other == 0) {
    execl("/bin/sleep", "sleep", "60", nullptr);
    _exit(127);
  }
  EXPECT_TRUE(run("sleep 60 &").finished());
  EXPECT_EQ(waitpid(other, nullptr, WNOHANG), 0);
  kill(other, SIGKILL);
  EXPECT_EQ(waitpid(other, nullptr, 0), other);
}

TEST_F(ChildTest, PassesTheEnvironment) {
  setenv("STRATA_OTHER", "kept", 1);
  setenv("STRATA_UNSET", "there", 1);
  const ProbeResult result =
      run("echo \"$STRATA_SET|${STRATA_UNSET-none}|$STRATA_OTHER\"",
          {.environment = {{"STRATA_SET", "a b"}, {"STRATA_UNSET", std::nullopt}}});
  EXPECT_EQ(result.output, "a b|none|kept\n");
  EXPECT_STREQ(getenv("STRATA_UNSET"), "there");
  EXPECT_EQ(getenv("STRATA_SET"), nullptr);
  unsetenv("STRATA_OTHER");
  unsetenv("STRATA_UNSET");
}

TEST_F(ChildTest, GivesNoInputAndWantsNoCoreFile) {
  const ProbeResult result = run("readlink /proc/$$/fd/0; cat | wc -c; ulimit -c; ulimit -H -c");
  EXPECT_EQ(result.output, "/dev/null\n0\n0\n0\n");
}

TEST_F(ChildTest, WorksWithoutStandardStreams) {
  const int saved = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10);
  close(STDIN_FILENO);
  const ProbeResult result = run("cat; echo out; echo '{\"facts\": {\"a\": 1}}' >&3");
  if (saved >= 0) {
    dup2(saved, STDIN_FILENO);
    close(saved);
  }
  EXPECT_TRUE(result.finished());
  EXPECT_EQ(result.output, "out\n");
  EXPECT_EQ(result.facts["a"], 1);
}

}  // namespace
}  // namespace strata::test
