#include <gtest/gtest.h>

#include "tests/stack_check/fake_machine.h"
#include "tools/stack_check/system/machine.h"
#include "tools/stack_check/system/texts.h"

namespace strata::test {
namespace {

using namespace stack_check;

void add_device(FakeMachine& machine, const std::string& address, const std::string& vendor,
                const std::string& device, const std::string& device_class) {
  const std::string folder = "/sys/bus/pci/devices/" + address + "/";
  machine.file(folder + "vendor", vendor + "\n").file(folder + "device", device + "\n");
  machine.file(folder + "class", device_class + "\n");
}

const std::string kH100 = "/sys/bus/pci/devices/0000:3b:00.0/";

void add_h100(FakeMachine& machine) {
  add_device(machine, "0000:3b:00.0", "0x10de", "0x2330", "0x030200");
  machine.link(kH100 + "driver", "../../../../bus/pci/drivers/nvidia")
      .file(kH100 + "power_state", "D0\n")
      .file(kH100 + "current_link_width", "8\n")
      .file(kH100 + "max_link_width", "16\n")
      .file(kH100 + "current_link_speed", "16.0 GT/s PCIe\n")
      .file(kH100 + "max_link_speed", "32.0 GT/s PCIe\n")
      .file(kH100 + "config", "\xde\x10\x30\x23" + std::string(60, '\0'));
}

TEST(PciTest, ABusThatCannotBeListedIsNotAnEmptyOne) {
  FakeMachine machine;
  EXPECT_FALSE(read_pci(machine.root()).visible);
  machine.folder("/sys/bus/pci/devices");
  EXPECT_TRUE(read_pci(machine.root()).visible);
  EXPECT_TRUE(read_pci(machine.root()).gpus.empty());
}

TEST(PciTest, TellsWhatTheCardIs) {
  FakeMachine machine;
  add_h100(machine);
  const PciBus bus = read_pci(machine.root());
  ASSERT_EQ(bus.gpus.size(), 1u);
  const PciGpu& gpu = bus.gpus[0];
  EXPECT_EQ(gpu.address, "0000:3b:00.0");
  EXPECT_EQ(gpu.device_id, 0x2330);
  EXPECT_EQ(gpu.kernel_driver, "nvidia");
  EXPECT_EQ(gpu.power_state, "D0");
  EXPECT_FALSE(gpu.lost);
  EXPECT_EQ(gpu.link_width, 8);
  EXPECT_EQ(gpu.link_width_max, 16);
  EXPECT_DOUBLE_EQ(gpu.link_speed, 16);
  EXPECT_DOUBLE_EQ(gpu.link_speed_max, 32);
}

TEST(PciTest, CountsCardsAndSwitchesOnly) {
  FakeMachine machine;
  add_device(machine, "0000:00:02.0", "0x8086", "0x3e92", "0x030000");  // another maker's display
  add_device(machine, "0000:01:00.0", "0x10de", "0x1b06", "0x030000");
  add_device(machine, "0000:01:00.1", "0x10de", "0x10ef", "0x040300");  // the card's sound
  add_device(machine, "0000:05:00.0", "0x10de", "0x22a3", "0x068000");
  add_device(machine, "0000:06:00.0", "0x10de", "0x22a3", "0x068000");
  add_device(machine, "0000:07:00.0", "0x10de", "0x2331", "0x030200");
  add_device(machine, "0000:07:00.4", "0x10de", "0x2331", "0x030200");
  machine.link("/sys/bus/pci/devices/0000:07:00.4/physfn", "../0000:07:00.0");
  const PciBus bus = read_pci(machine.root());
  ASSERT_EQ(bus.gpus.size(), 2u);
  EXPECT_EQ(bus.gpus[0].address, "0000:01:00.0");
  EXPECT_EQ(bus.gpus[0].kernel_driver, "");
  EXPECT_EQ(bus.gpus[1].address, "0000:07:00.0");
  EXPECT_EQ(bus.nvswitches, 2);
}

TEST(PciTest, ACardThatReadsFfIsLostUnlessItSleeps) {
  FakeMachine machine;
  add_h100(machine);
  machine.file(kH100 + "config", std::string(64, '\xff'));
  EXPECT_TRUE(read_pci(machine.root()).gpus.at(0).lost);
  machine.file(kH100 + "power/runtime_status", "suspended\n");
  EXPECT_FALSE(read_pci(machine.root()).gpus.at(0).lost);
  machine.file(kH100 + "power/runtime_status", "active\n").remove(kH100 + "config");
  EXPECT_FALSE(read_pci(machine.root()).gpus.at(0).lost) << "not told";
}

TEST(PciTest, NumbersOfTheKernel) {
  EXPECT_EQ(parse_pci_id("0x10de\n"), 0x10deu);
  EXPECT_EQ(parse_pci_id("030200"), 0x030200u);
  for (const char* text : {"", "0x", "0x10dg", "-1", "0x1ffffffff", "10 de"})
    EXPECT_EQ(parse_pci_id(text), std::nullopt) << text;
  EXPECT_EQ(parse_link_width("16\n"), 16);
  for (const char* text : {"", "0", "63", "255", "x16", "16x", "-4"})
    EXPECT_EQ(parse_link_width(text), 0) << text;
  EXPECT_DOUBLE_EQ(parse_link_speed("2.5 GT/s\n"), 2.5);
  for (const char* text : {"", "Unknown", "Unknown speed", "nan GT/s", "inf GT/s", "-1 GT/s", "8"})
    EXPECT_DOUBLE_EQ(parse_link_speed(text), 0) << text;
}

}  // namespace
}  // namespace strata::test
