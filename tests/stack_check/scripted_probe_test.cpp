// stack_check as a process, with a shell script as its probe: the report as text, as JSON and as
// exit code, whatever the probe does.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/stack_check/fake_machine.h"
#include "tests/stack_check/stack_check_run.h"

namespace strata::test {
namespace {

using nlohmann::json;

std::string content(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A machine whose probe is a shell script: `$1` is the layer.
class ScriptedTest : public testing::Test {
 protected:
  void write_probe(const std::string& script) {
    std::ofstream(probe_) << "#!/bin/sh\n" << script << '\n';
    std::filesystem::permissions(probe_, std::filesystem::perms::owner_all);
  }
  ProgramResult run(Arguments arguments, const Environment& environment = {}) {
    arguments.insert(arguments.end(), {"--root", machine_.place(".").string(), "--probe", probe_});
    return check(arguments, environment);
  }

  /// Device nodes that open, so that the probe's report decides.
  void add_nodes() {
    for (const char* node : {"/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia0"})
      machine_.file(node, "");
  }

  FakeMachine machine_;
  const std::string probe_ = machine_.place("/opt/secret/stack_probe");
};

TEST_F(ScriptedTest, JsonOnStandardOutputIsAllThatIsThere) {
  write_probe("echo chatter; echo chatter >&2");
  const ProgramResult result = run({"--json", "-"}, {{"LC_ALL", "zh_CN.UTF-8"}});
  ASSERT_TRUE(json::accept(result.output)) << result.output;
  EXPECT_EQ(result.errors, "");
  const json report = json::parse(result.output);
  EXPECT_EQ(report["exit_code"], result.exit_code);
  EXPECT_EQ(report["layers"].size(), 10u);
  EXPECT_FALSE(has_chinese(result.output));
}

TEST_F(ScriptedTest, TextJsonAndExitCodeAgree) {
  add_nodes();
  for (const char* script :
       {"exit 0", "kill -SEGV $$", "echo '{\"call\": \"cuInit\"}' >&3; kill -ABRT $$",
        R"(echo '{"call": "cuInit"}' >&3; echo '{"code": 100, "name": "NO", "words": "w"}' >&3)"}) {
    write_probe(script);
    const std::string file = machine_.place("/out.json");
    const ProgramResult result = run({"--json", file});
    const json report = json::parse(content(file));
    EXPECT_EQ(report["exit_code"], result.exit_code);
    EXPECT_TRUE(result.output.ends_with(fmt::format("exit code {}\n", result.exit_code)));
    ASSERT_TRUE(report["verdict"].is_object()) << script;
    EXPECT_TRUE(has(result.output,
                    fmt::format("BROKEN: {}  [{}]", report["verdict"]["layer"].get<std::string>(),
                                report["verdict"]["id"].get<std::string>())));
    for (const json& row : report["layers"]) {
      const bool broken = row["number"] == result.exit_code;
      EXPECT_EQ(row["layer"] == report["verdict"]["layer"], broken);
      EXPECT_EQ(row["status"] == "fail", broken) << row;
      EXPECT_FALSE(row["number"] > result.exit_code && row["status"] == "ok") << row;
    }
  }
}

TEST_F(ScriptedTest, AnOldJsonFileStaysWhereItCannotBeReplaced) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  write_probe("exit 0");
  const auto file = machine_.place("/locked/out.json");
  std::ofstream(file) << "old";
  std::filesystem::permissions(
      file.parent_path(), std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  const ProgramResult result = run({"--json", file});
  std::filesystem::permissions(file.parent_path(), std::filesystem::perms::owner_all);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_TRUE(has(result.errors, "--json"));
  EXPECT_EQ(content(file), "old");
}

TEST_F(ScriptedTest, AnOldJsonFileStaysWhereTheDiskIsFull) {
  // Files of this size at most: writing the report fails in the middle, as on a full disk.
  write_probe("exit 0");
  const auto file = machine_.place("/folder/out.json");
  std::ofstream(file) << "old";
  const ProgramResult result = run_program(
      "/bin/sh",
      {"-c",
       fmt::format("trap '' XFSZ; ulimit -f 1; exec '{}' --root '{}' --probe '{}' --json '{}'",
                   STACK_CHECK, machine_.place(".").string(), probe_, file.string())});
  EXPECT_EQ(result.exit_code, 2) << result.errors;
  EXPECT_TRUE(has(result.errors, "--json"));
  EXPECT_EQ(content(file), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(file.parent_path()), {}), 1);
}

TEST_F(ScriptedTest, ANewJsonFileReplacesTheOld) {
  write_probe("exit 0");
  const auto file = machine_.place("/folder/out.json");
  std::ofstream(file) << "old";
  run({"--json", file});
  EXPECT_TRUE(json::accept(content(file)));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(file.parent_path()), {}), 1);
}

TEST_F(ScriptedTest, AnonymousHidesWhatTellsMachinesApart) {
  machine_.file("/proc/sys/kernel/hostname", "venus7\n");
  machine_.file("/var/log/kern.log",
                "Jul  1 10:00:00 venus7 kernel: [   12.5] NVRM: Xid (PCI:0000:01:00): 31, Ch 1\n");
  write_probe(R"sh(
    echo "from /home/jane/liby.so.1, a library"
    echo "venus7:12:12 [0] NCCL INFO from /home/jane zoe/lib/libx.so and /home/josé/liby.so"
    echo '{"call": "dlopen(/home/jane zoe/lib/libcuda.so.1)"}' >&3
    echo '{"code": 0, "name": "", "words": ""}' >&3
    echo '{"facts": {"count": 1, "library": {"name": "libcuda.so.1", "path": "/home/jane zoe/lib/libcuda.so.1"},
      "gpus": [{"index": 0, "name": "H100", "uuid": "GPU-1346b89f-3b8c-11ee", "cc": 90}]}}' | tr -d '\n' >&3
    echo >&3
    echo '{"call": "cuInit"}' >&3
    echo '{"code": 999, "name": "UNKNOWN", "words": "GPU-1346b89f-3b8c-11ee on venus7: /home/jane zoe/lib/libcuda.so.1"}' >&3
  )sh");
  const std::string file = machine_.place("/out.json");
  const ProgramResult open = run({"--json", file});
  for (const char* secret : {"venus7", "1346b89f", "/home/jane zoe"})
    EXPECT_TRUE(has(open.output + content(file), secret)) << secret;
  const ProgramResult hidden = run({"--anonymous", "--json", file});
  EXPECT_EQ(hidden.exit_code, open.exit_code);
  for (const std::string& text : {hidden.output, content(file)})
    for (const char* secret : {"venus7", "1346b89f", "/home", "jane", "zoe", "jos", "secret"})
      EXPECT_FALSE(has(text, secret)) << secret;
  EXPECT_TRUE(has(hidden.output, "libcuda.so.1"));
}

TEST_F(ScriptedTest, ADriverThatCountsBillionsOfCardsIsAskedForAFew) {
  write_probe(R"(echo "$1" >> ')" + machine_.place("/asked").string() + R"('
      [ "$1" = runtime ] || echo '{"facts": {"count": 2000000000, "driver_cuda": 13000}}' >&3)");
  const ProgramResult result = run({"--to", "runtime", "--quick"});
  EXPECT_EQ(result.exit_code, 14) << "the runtime's probe called nothing";
  EXPECT_LT(content(machine_.place("/asked")).size(), 1000u);
}

TEST_F(ScriptedTest, AHangingProbeIsGivenUpAfterItsTime) {
  add_nodes();
  write_probe("echo '{\"call\": \"cuInit\"}' >&3; exec sleep 60");
  const ProgramResult result = run({"--timeout", "0.3", "--json", "-"});
  const json report = json::parse(result.output);
  EXPECT_TRUE(has(result.output, "cuInit did not return"));
  EXPECT_LT(report["seconds"].get<double>(), 20);
}

TEST_F(ScriptedTest, AProbeThatEndsTooEarlyDoesNotPass) {
  add_nodes();
  for (const char* script :
       {"exit 0", "exit 3", R"(echo '{"call": "cudaGetDeviceCount"}' >&3; exit 0)",
        R"(echo '{"facts": {"ptx": 75}}' >&3; exit 1)", "exec /nonexistent"}) {
    write_probe("if [ $1 = libcuda ]; then echo '{\"facts\": {\"count\": 1}}' >&3; exit 0; fi\n" +
                std::string(script));
    const ProgramResult result = run({"--to", "runtime"});
    EXPECT_EQ(result.exit_code, 14) << script;
    EXPECT_TRUE(has(result.output, "[ANY-ERROR]")) << result.output;
  }
}

TEST_F(ScriptedTest, LayersThatWereNotAskedForAreNotTried) {
  write_probe("touch '" + machine_.place("/asked").string() + "'");
  const ProgramResult result = run({"--to", "access", "--json", "-"});
  EXPECT_FALSE(std::filesystem::exists(machine_.place("/asked")));
  const json report = json::parse(result.output);
  for (const json& row : report["layers"])
    EXPECT_EQ(row["status"] == "skipped", row["number"] > 12) << row;
}

}  // namespace
}  // namespace strata::test
