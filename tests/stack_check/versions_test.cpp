#include <gtest/gtest.h>

#include "tools/stack_check/system/library_search.h"
#include "tools/stack_check/system/visible_devices.h"

namespace strata::test {
namespace {

using namespace stack_check;
using Numbers = std::vector<int>;

TEST(VersionsTest, Numbers) {
  EXPECT_EQ(parse_version("580.159.04"), (Numbers{580, 159, 4}));
  EXPECT_EQ(parse_version("13.0"), (Numbers{13, 0}));
  EXPECT_EQ(parse_version("9"), Numbers{9});
  for (const char* text :
       {"", ".", "1.", ".1", "1..2", "v1", "1.2rc", "1,2", "-1", "1.-2", "+1", " 1", "99999999999"})
    EXPECT_EQ(parse_version(text), Numbers{}) << text;
}

TEST(VersionsTest, Order) {
  EXPECT_EQ(compare_versions("580.65.06", "580.159.04"), -1) << "numbers, not text";
  EXPECT_EQ(compare_versions("580.65.06", "535.183.01"), 1);
  EXPECT_EQ(compare_versions("13.0", "13"), 0);
  EXPECT_EQ(compare_versions("580.65.06", "580.65.6"), 0);
  EXPECT_EQ(compare_versions("13", "13.0.1"), -1);
  EXPECT_EQ(compare_versions("", "1.0"), -1) << "not known is older than anything";
}

TEST(VersionsTest, InAFileName) {
  EXPECT_EQ(version_in_name("/usr/lib/libcuda.so.580.159.04"), "580.159.04");
  EXPECT_EQ(version_in_name("libcudnn.so.9.19.0"), "9.19.0");
  for (const char* name : {"libcuda.so.1", "libcuda.so", "libcuda.so.x.1", "/a.so.1.2/libx.so", ""})
    EXPECT_EQ(version_in_name(name), "") << name;
}

}  // namespace
}  // namespace strata::test
