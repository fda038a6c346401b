// What --anonymous makes of texts that a report may hold.
#include <gtest/gtest.h>

#include "tools/stack_check/report.h"

namespace strata::test {
namespace {

using namespace stack_check;

/// What becomes of a finding's text on the host venus7.lab, if the values of the finding are known.
std::string hidden(const std::string& saw, const Values& values = {}) {
  Report report;
  report.host["name"] = "venus7.lab";
  report.findings.push_back(
      {.id = "3-STUB", .layer = Layer::libcuda, .saw = saw, .values = values});
  make_anonymous(report);
  return report.findings.front().saw;
}

TEST(AnonymousTest, Folders) {
  EXPECT_EQ(hidden("dlopen(/opt/jane/libx.so.1): /a/b:/c/d"), "dlopen(.../libx.so.1): .../b:.../d");
  EXPECT_EQ(hidden("in /home/jos\xc3\xa9/libx.so"), "in .../libx.so");
  EXPECT_EQ(hidden("/dev/nvidia0 /proc/1/cgroup /"), "/dev/nvidia0 /proc/1/cgroup /");
  EXPECT_EQ(hidden("12 GB/s"), "12 GB/s");
}

TEST(AnonymousTest, APathWithSpacesThatTheReportNames) {
  const Values values = {{"path", "/home/jane zoe/libx.so"}};
  EXPECT_EQ(hidden("dlopen(/home/jane zoe/libx.so): no", values), "dlopen(.../libx.so): no");
}

TEST(AnonymousTest, APathThatOnlyBeginsLikeAKnownOne) {
  EXPECT_EQ(hidden("/opt/jane/libx.so", {{"folder", "/opt"}}), ".../libx.so");
  EXPECT_EQ(hidden("/home/jane/a /h", {{"folder", "/h"}}), ".../a .../h");
}

TEST(AnonymousTest, UuidsAndTheHost) {
  EXPECT_EQ(hidden("GPU-1346b89f-3b8c, MIG-GPU-1346b89f-3b8c/1/0"), "GPU-..., MIG-GPU-.../1/0");
  EXPECT_EQ(hidden("venus7:12 [0] venus7.lab venus77"), "...:12 [0] ... venus77");
}

}  // namespace
}  // namespace strata::test
