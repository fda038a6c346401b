#include <string>

#include "tests/fuzz/targets.h"
#include "tools/stack_check/report.h"

namespace strata::fuzz {

/// What identifies a machine, between whatever else was printed.
void anonymous(std::string_view input) {
  using namespace stack_check;
  const std::string text(input);
  Report report;
  report.host["name"] = text;
  report.findings.push_back({.id = "3-STUB", .layer = Layer::libcuda, .saw = text, .values = {}});
  report.findings.push_back({.id = "3-STUB",
                             .layer = Layer::libcuda,
                             .saw = text + " /home/secret/libx.so " + text,
                             .values = {{"path", text + "\nGPU-0123abcd-4567 "}}});
  report.rows.push_back({.layer = Layer::libcuda, .text = {text, {{"what", text}}}});
  report.rows.back().libraries.push_back(
      {.name = "x", .path = "/opt/secret/" + text, .version = {}, .reason = {}, .others = {text}});
  make_anonymous(report);
  require(!report.host.contains("name"));
  const std::string& saw = report.findings[1].saw;
  if (text.find("secret") == std::string::npos) require(saw.find("secret") == std::string::npos);
  if (text.find("0123abcd") == std::string::npos)
    require(report.findings[1].values["path"].find("0123abcd") == std::string::npos);
  // What was hidden once has nothing more to hide.
  Report again;
  again.findings.push_back(report.findings[0]);
  make_anonymous(again);
  require(again.findings[0].saw == report.findings[0].saw);
}

}  // namespace strata::fuzz
