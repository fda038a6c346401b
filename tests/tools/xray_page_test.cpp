// The x-ray as a page: the data reach it whole. How it looks and works: xray_page_test.sh.
#include "tools/xray/page.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/tools/xray_records.h"

namespace strata::test {
namespace {

using nlohmann::json;
using xray::Xray;

int count_of(std::string_view text, std::string_view words) {
  int count = 0;
  for (size_t at = text.find(words); at != std::string_view::npos; at = text.find(words, at + 1))
    ++count;
  return count;
}

/// The data as the page's script reads them.
json data_of(const std::string& page) {
  constexpr std::string_view kBegin = "id=\"xray-data\">";
  const size_t begin = page.find(kBegin) + kBegin.size();
  return json::parse(page.substr(begin, page.find("</script>", begin) - begin));
}

json data_of(const Xray& xray) {
  return json::parse(to_json(xray));
}

/// An x-ray of one node.
Xray of_node(const xray::Node& node) {
  Xray xray;
  xray.views = {{.name = "eager", .description = "made up", .nodes = {node}}};
  return xray;
}

json node_of(const xray::Node& node) {
  return data_of(of_node(node)).at("views")[0].at("nodes")[0];
}

TEST(XrayPageTest, HoldsTheDataAndNoPlaceholder) {
  const Xray xray = both_views();
  const std::string page = to_page(xray);
  EXPECT_TRUE(page.starts_with("<!DOCTYPE html>"));
  for (const char* placeholder : {"/*DATA*/", "/*SCRIPT*/", "/*STYLE*/"})
    EXPECT_EQ(count_of(page, placeholder), 0) << placeholder;
  EXPECT_EQ(data_of(page), data_of(xray));
  for (const char* elsewhere : {"src=", "@import", "url(http", "<link"})
    EXPECT_EQ(count_of(page, elsewhere), 0) << "it asks for more: " << elsewhere;
}

TEST(XrayPageTest, NoNameEndsTheScript) {
  const std::string name = "f<</script><!--<script>\"\\\n\t&amp;";
  const Xray xray = of_node({.id = 1, .layer = xray::Layer::kernel, .name = name});
  const std::string page = to_page(xray);
  EXPECT_EQ(data_of(page).at("views")[0].at("nodes")[0].at("name"), name);
  EXPECT_EQ(count_of(page, "</script>"), count_of(to_page(Xray{}), "</script>"));
  EXPECT_EQ(count_of(page, "<!--"), count_of(to_page(Xray{}), "<!--"));
}

TEST(XrayPageTest, ANameOfAnyBytesIsNoError) {
  const json node = node_of({.id = 1,
                             .layer = xray::Layer::kernel,
                             .name = "a\xff"
                                     "b"});
  EXPECT_EQ(node.at("name"),
            "a\xef\xbf\xbd"
            "b")
      << "U+FFFD in its place";
}

TEST(XrayPageTest, SaysAllOfANode) {
  xray::Node known{.id = 7,
                   .parent = 3,
                   .layer = xray::Layer::kernel,
                   .name = "relu_kernel",
                   .detail = "void relu_kernel<float>",
                   .begin = 10,
                   .end = 30,
                   .track = "stream 7",
                   .flops = 5,
                   .bytes = 6,
                   .share = 0.5,
                   .between_events = 40,
                   .backward_of = 2,
                   .launched_by = 4};
  known.notes = {{"grid", "1 x 1 x 1"}, {"grid", "again"}};
  EXPECT_EQ(node_of(known),
            json::parse(R"({"id": 7, "parent": 3, "layer": "kernel", "name": "relu_kernel",
      "detail": "void relu_kernel<float>", "begin": 10, "end": 30, "track": "stream 7",
      "flops": 5.0, "bytes": 6.0, "share": 0.5, "between_events_ns": 40, "backward_of": 2, "launched_by": 4,
      "notes": [["grid", "1 x 1 x 1"], ["grid", "again"]]
})"));
}

TEST(XrayPageTest, WhatIsNotKnownIsLeftOut) {
  const json node = node_of({.id = 1, .layer = xray::Layer::op});
  for (const char* key : {"file", "line", "excerpt", "flops", "bytes", "share", "between_events_ns",
                          "backward_of", "launched_by"})
    EXPECT_FALSE(node.contains(key)) << key;
}

TEST(XrayPageTest, SaysAllOfAView) {
  Xray xray = both_views();
  xray.notes = {"a note"};
  xray.views[0].untraced = 1800;
  const json data = data_of(xray);
  EXPECT_EQ(data.at("version"), 1);
  EXPECT_EQ(data.at("strata"), STRATA_VERSION);
  EXPECT_EQ(data.at("title"), "two made-up steps");
  EXPECT_EQ(data.at("machine"), json::parse(R"([["device", "none"]])"));
  EXPECT_EQ(data.at("notes"), json::parse(R"(["a note"])"));
  EXPECT_TRUE(data.at("ceilings").is_null());
  const json view = data.at("views")[0];
  EXPECT_EQ(view.at("name"), "eager");
  EXPECT_EQ(view.at("wall_ns"), 2000);
  EXPECT_EQ(view.at("untraced_ns"), 1800);
  EXPECT_TRUE(data.at("views")[1].at("untraced_ns").is_null());
  EXPECT_EQ(view.at("gpu"), json::parse(R"([["busy", 800], ["idle", 1200]])"));
  EXPECT_EQ(view.at("nodes").size(), xray.views[0].nodes.size());
}

TEST(XrayPageTest, CeilingsAreThoseOfThePrecision) {
  Xray xray;
  xray.roofline = {.ceilings = {.copy_rate = 3e12, .fp32_flops = 6e13, .tf32_flops = 4e14},
                   .precision = Precision::tf32};
  EXPECT_EQ(data_of(xray).at("ceilings"),
            json::parse(R"({"flops": 4e14, "flops_of": "tf32 products",
                            "bytes_per_second": 3e12})"));
  xray.roofline->precision = Precision::bf16;
  EXPECT_TRUE(data_of(xray).at("ceilings").is_null()) << "not measured";
}

std::vector<std::string> this_file() {
  std::ifstream stream(__FILE__);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

json at_line(int line, const std::string& file = "tests/tools/xray_page_test.cpp") {
  xray::Node node{.id = 1, .layer = xray::Layer::op};
  node.place = {file, line};
  return node_of(node);
}

TEST(XrayPageTest, ShowsTheSourceAroundAPlace) {
  const std::vector<std::string> lines = this_file();
  const int count = static_cast<int>(lines.size());
  ASSERT_GT(count, 100);
  const json middle = at_line(50);
  EXPECT_EQ(middle.at("file"), "tests/tools/xray_page_test.cpp");
  EXPECT_EQ(middle.at("line"), 50);
  EXPECT_EQ(middle.at("excerpt").at("first"), 46);
  ASSERT_EQ(middle.at("excerpt").at("lines").size(), 9u);
  EXPECT_EQ(middle.at("excerpt").at("lines")[4], lines[49]);
  EXPECT_EQ(at_line(1).at("excerpt").at("first"), 1);
  EXPECT_EQ(at_line(1).at("excerpt").at("lines").size(), 5u);
  EXPECT_EQ(at_line(count).at("excerpt").at("lines").size(), 5u);
}

TEST(XrayPageTest, WithoutTheSourceThePlaceIsSaidAlone) {
  for (const json& node : {at_line(0), at_line(100'000), at_line(1, "ops/gone.cpp"),
                           at_line(1, "/usr/include/stdio.h")}) {
    EXPECT_TRUE(node.contains("file")) << node;
    EXPECT_FALSE(node.contains("excerpt")) << node;
  }
}

}  // namespace
}  // namespace strata::test
