// Which chip a PCI device id stands for: blocks of neighbouring generations interleave.
#include <gtest/gtest.h>

#include <set>

#include "tools/stack_check/facts.h"

namespace strata::test {
namespace {

using namespace stack_check;

struct Card {
  uint16_t id;
  const char* generation;
  int cc;
};

// One line for each border, each chip, and each card that people ask about.
constexpr Card kCards[] = {
    {0x0fc0, "Kepler", 30},      // GeForce GT 640
    {0x1004, "Kepler", 35},      // GeForce GTX 780
    {0x102d, "Kepler", 37},      // Tesla K80
    {0x1180, "Kepler", 30},      // GeForce GTX 680
    {0x11c0, "Kepler", 30},      // GeForce GTX 660
    {0x1287, "Kepler", 35},      // GeForce GT 730
    {0x1340, "Maxwell", 50},     // GeForce 830M
    {0x1380, "Maxwell", 50},     // GeForce GTX 750 Ti
    {0x13bd, "Maxwell", 50},     // Tesla M10
    {0x13c2, "Maxwell", 52},     // GeForce GTX 970
    {0x1401, "Maxwell", 52},     // GeForce GTX 960
    {0x1617, "Maxwell", 52},     // GeForce GTX 980M
    {0x174d, "Maxwell", 50},     // GeForce MX130
    {0x17c8, "Maxwell", 52},     // GeForce GTX 980 Ti
    {0x15f9, "Pascal", 60},      // Tesla P100 SXM2
    {0x1725, "Pascal", 60},      // GP100, among Maxwell's
    {0x1b06, "Pascal", 61},      // GeForce GTX 1080 Ti
    {0x1c03, "Pascal", 61},      // GeForce GTX 1060
    {0x1d56, "Pascal", 61},      // GeForce MX330
    {0x1d81, "Volta", 70},       // TITAN V
    {0x1db4, "Volta", 70},       // Tesla V100 PCIe
    {0x1df6, "Volta", 70},       // Tesla V100S
    {0x1e02, "Turing", 75},      // TITAN RTX
    {0x1e04, "Turing", 75},      // GeForce RTX 2080 Ti
    {0x1eb8, "Turing", 75},      // Tesla T4
    {0x1ff9, "Turing", 75},      // Quadro T1000
    {0x2182, "Turing", 75},      // GeForce GTX 1660 Ti, beyond GA100
    {0x21d1, "Turing", 75},      // GeForce GTX 1660 Ti Mobile
    {0x2082, "Ampere", 80},      // CMP 170HX, before TU116
    {0x20b5, "Ampere", 80},      // A100 80GB PCIe
    {0x20f1, "Ampere", 80},      // A100 PCIe 40GB
    {0x2204, "Ampere", 86},      // GeForce RTX 3090
    {0x2237, "Ampere", 86},      // A10G
    {0x2414, "Ampere", 86},      // GeForce RTX 3060 Ti, beyond Hopper
    {0x2484, "Ampere", 86},      // GeForce RTX 3070
    {0x25b6, "Ampere", 86},      // A2, A16
    {0x2321, "Hopper", 90},      // H100 NVL
    {0x2330, "Hopper", 90},      // H100
    {0x2342, "Hopper", 90},      // GH200
    {0x2684, "Ada", 89},         // GeForce RTX 4090
    {0x26b9, "Ada", 89},         // L40S
    {0x27b8, "Ada", 89},         // L4
    {0x28e1, "Ada", 89},         // GeForce RTX 4050
    {0x2901, "Blackwell", 100},  // B200
    {0x2941, "Blackwell", 100},  // GB200
    {0x2b00, "Blackwell", 110},  // Thor
    {0x2b85, "Blackwell", 120},  // GeForce RTX 5090
    {0x2d04, "Blackwell", 120},  // GeForce RTX 5060 Ti
    {0x2e12, "Blackwell", 121},  // GB10
    {0x2f04, "Blackwell", 120},  // GeForce RTX 5070, beyond GB10
    {0x3182, "Blackwell", 103},  // B300
};

TEST(FactsCardsTest, GenerationsOfRealCards) {
  for (const Card& card : kCards) {
    SCOPED_TRACE(testing::Message() << std::hex << card.id);
    const Generation* generation = generation_of(facts(), card.id);
    ASSERT_NE(generation, nullptr);
    EXPECT_EQ(generation->name, card.generation);
    EXPECT_EQ(pci_range(facts(), card.id)->cc, card.cc);
  }
}

TEST(FactsCardsTest, WhatIsNoCardOfTheseGenerationsIsUnknown) {
  // GeForce 9400, Fermi's GTX 580, GT 610 and GTX 560 Ti, a sound function, an NVSwitch, the future
  for (const uint16_t id : {0x0000, 0x086d, 0x1080, 0x104a, 0x1200, 0x228b, 0x22a3, 0x3340, 0xffff})
    EXPECT_EQ(generation_of(facts(), id), nullptr) << std::hex << id;
}

TEST(FactsCardsTest, NoRangeOverlapsAnother) {
  const auto& ranges = facts().pci_ranges;
  for (size_t i = 0; i < ranges.size(); ++i) {
    EXPECT_LE(ranges[i].first, ranges[i].last);
    for (size_t j = i + 1; j < ranges.size(); ++j)
      EXPECT_TRUE(ranges[i].last < ranges[j].first || ranges[j].last < ranges[i].first)
          << std::hex << ranges[i].first << " and " << ranges[j].first;
  }
}

TEST(FactsCardsTest, EveryRangeHasAGenerationAndEveryGenerationARange) {
  std::set<std::string> in_ranges, named;
  for (const PciRange& range : facts().pci_ranges) in_ranges.insert(range.generation);
  for (const Generation& generation : facts().generations) named.insert(generation.name);
  EXPECT_EQ(in_ranges, named);
}

TEST(FactsCardsTest, EveryNamedCardIsInARange) {
  EXPECT_GE(facts().cards.size(), 60u);
  for (const auto& [id, name] : facts().cards) {
    EXPECT_NE(pci_range(facts(), id), nullptr) << name;
    EXPECT_FALSE(name.empty());
  }
}

TEST(FactsCardsTest, NamesOfCards) {
  EXPECT_EQ(card_name(facts(), 0x2330), "H100 80GB HBM3");
  EXPECT_EQ(card_name(facts(), 0x27b8), "L4");
  EXPECT_EQ(card_name(facts(), 0x2b85), "GeForce RTX 5090");
  EXPECT_EQ(card_name(facts(), 0x1e04), "GeForce RTX 2080 Ti");
  EXPECT_EQ(card_name(facts(), 0xffff), "");
}

}  // namespace
}  // namespace strata::test
