#include "tools/stack_check/system/visible_devices.h"

#include <gtest/gtest.h>

namespace strata::test {
namespace {

using stack_check::parse_visible_devices;
using stack_check::VisibleDevices;
using Entries = std::vector<std::string>;

struct Case {
  const char* text;
  int device_count;
  Entries entries;
  std::string first_invalid;
};

TEST(VisibleDevicesTest, WhatIsSeen) {
  const std::vector<Case> cases = {
      {"0", 1, {"0"}, ""},
      {"1,0", 2, {"1", "0"}, ""},
      {" 1 , 0 ", 2, {"1", "0"}, ""},
      {"0,", 2, {"0"}, ""},
      {"0,7,1", 2, {"0"}, "7"},
      {"0,-1,1", 2, {"0"}, "-1"},
      {"0,,1", 2, {"0"}, ","},
      {"0,1x", 2, {"0"}, "1x"},
      {"7", -1, {"7"}, ""},
      {"GPU-1346b89f-3b8c-1924-e1ee-3855a449524e",
       1,
       {"GPU-1346b89f-3b8c-1924-e1ee-3855a449524e"},
       ""},
      {"GPU-13,0", 2, {"GPU-13", "0"}, ""},
      {"MIG-1346b89f-3b8c-1924-e1ee-3855a449524e",
       1,
       {"MIG-1346b89f-3b8c-1924-e1ee-3855a449524e"},
       ""},
      {"MIG-GPU-1346b89f/1/0", 1, {"MIG-GPU-1346b89f/1/0"}, ""},
  };
  for (const Case& it : cases) {
    const VisibleDevices devices = parse_visible_devices(it.text, it.device_count);
    EXPECT_EQ(devices.entries, it.entries) << it.text;
    EXPECT_EQ(devices.first_invalid, it.first_invalid) << it.text;
    EXPECT_FALSE(devices.hides_all) << it.text;
  }
}

TEST(VisibleDevicesTest, WhatHidesAll) {
  const std::vector<Case> cases = {
      {"", 1, {}, ""},           {"  ", 1, {}, ""},
      {"-1", 1, {}, "-1"},       {"7", 1, {}, "7"},
      {"$0", 1, {}, "$0"},       {"NoDevFiles", 1, {}, "NoDevFiles"},
      {"none", -1, {}, "none"},  {"all", 1, {}, "all"},
      {",0", 1, {}, ","},        {",", 1, {}, ","},
      {"\"0\"", 1, {}, "\"0\""}, {"cuda:0", 1, {}, "cuda:0"},
      {"GPU-", 1, {}, "GPU-"},   {"GPU-xyz", 1, {}, "GPU-xyz"},
      {"MIG-", 1, {}, "MIG-"},   {"99999999999999999999", -1, {}, "99999999999999999999"},
      {"0", 0, {}, "0"},
  };
  for (const Case& it : cases) {
    const VisibleDevices devices = parse_visible_devices(it.text, it.device_count);
    EXPECT_TRUE(devices.hides_all) << it.text;
    EXPECT_EQ(devices.entries, Entries{}) << it.text;
    EXPECT_EQ(devices.first_invalid, it.first_invalid) << it.text;
  }
}

TEST(VisibleDevicesTest, ARepeatedDeviceHidesAll) {
  for (const char* text : {"0,1,0", "0,00", "GPU-1a,GPU-1A"}) {
    const VisibleDevices devices = parse_visible_devices(text, 2);
    EXPECT_TRUE(devices.hides_all) << text;
    EXPECT_EQ(devices.entries, Entries{}) << text;
    EXPECT_NE(devices.first_invalid, "") << text;
  }
}

}  // namespace
}  // namespace strata::test
