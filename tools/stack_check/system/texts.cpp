#include "tools/stack_check/system/texts.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "tools/stack_check/system/visible_devices.h"

namespace strata::stack_check {
namespace {

constexpr std::string_view kSpace{" \t\r\n\v\f\0", 7};
constexpr size_t kMaxLine = 300;  // of a log, as it is shown

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool starts_with_words(std::string_view line, std::string_view words) {
  return contains_words(line.substr(0, words.size()), words);
}

std::string_view next_word(std::string_view& text) {
  text = trimmed(text);
  const std::string_view word = text.substr(0, text.find_first_of(kSpace));
  text.remove_prefix(word.size());
  return word;
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string lowered(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), lower);
  return result;
}

bool contains_words(std::string_view text, std::string_view words) {
  const auto same = [](char a, char b) { return lower(a) == b; };
  return words.empty() ||
         std::search(text.begin(), text.end(), words.begin(), words.end(), same) != text.end();
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    lines.push_back(line);
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return lines;
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

NvrmVersion parse_nvrm_version(std::string_view text) {
  for (std::string_view line : lines_of(text)) {
    if (!line.starts_with("NVRM version:")) continue;
    NvrmVersion result;
    if (contains_words(line, "kernel module"))
      result.open_flavour = contains_words(line, "open kernel module");
    while (!trimmed(line).empty() && result.version.empty()) {
      const std::string_view word = next_word(line);
      if (parse_version(word).size() >= 2) result.version = word;
    }
    return result;
  }
  return {};
}

std::optional<uint32_t> parse_pci_id(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with("0x")) text.remove_prefix(2);
  uint32_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return id;
}

int parse_link_width(std::string_view text) {
  text = trimmed(text);
  int width = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), width);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && width >= 1 && width <= 32 ? width : 0;
}

double parse_link_speed(std::string_view text) {
  text = trimmed(text);
  double speed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), speed);
  if (error != std::errc() || !std::isfinite(speed) || speed <= 0 || speed > 1000) return 0;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return trimmed(text).starts_with("GT/s") ? speed : 0;
}

bool reads_ff_only(std::string_view config) {
  const auto is_ff = [](char byte) { return byte == '\xff'; };
  return config.size() >= 4 && std::all_of(config.begin(), config.end(), is_ff);
}

std::optional<bool> parse_secure_boot(std::string_view bytes) {
  if (bytes.size() != 5 || bytes[4] < 0 || bytes[4] > 1) return std::nullopt;
  return bytes[4] == 1;
}

std::string parse_kernel(std::string_view proc_version) {
  constexpr std::string_view kStart = "Linux version ";
  if (!proc_version.starts_with(kStart)) return {};
  proc_version.remove_prefix(kStart.size());
  return std::string(next_word(proc_version));
}

std::string failing_line(std::string_view make_log) {
  // The first group with a line in the log wins: what comes later only follows from it.
  constexpr std::array<std::array<std::string_view, 3>, 4> kGroups = {{
      {"cannot be found at", "compiler version check failed", "not match the compiler used"},
      {"fatal error:", "error:", "unable to find the kernel source"},
      {"] error ", "*** error", "*** no rule"},
      {"bad exit status", "bad return status", "compiler differs from"},
  }};
  const std::vector<std::string_view> lines = lines_of(make_log);
  for (const auto& group : kGroups)
    for (const std::string_view line : lines)
      for (const std::string_view words : group)
        if (contains_words(line, words)) return std::string(trimmed(line).substr(0, kMaxLine));
  return {};
}

std::string parse_pretty_name(std::string_view os_release) {
  constexpr std::string_view kKey = "PRETTY_NAME=";
  for (std::string_view line : lines_of(os_release)) {
    if (!line.starts_with(kKey)) continue;
    line = trimmed(line.substr(kKey.size()));
    const bool quoted = line.size() >= 2 && (line.front() == '"' || line.front() == '\'') &&
                        line.back() == line.front();
    return std::string((quoted ? line.substr(1, line.size() - 2) : line).substr(0, kMaxLine));
  }
  return {};
}

std::string container_of_cgroup(std::string_view cgroup) {
  constexpr std::array<std::array<std::string_view, 2>, 6> kSigns = {{
      {"kubepods", "kubernetes"},
      {"libpod", "podman"},
      {"docker", "docker"},
      {"lxc", "lxc"},
      {"containerd", "container"},
      {"machine.slice", "container"},
  }};
  for (const auto& [sign, name] : kSigns)
    if (contains_words(cgroup, sign)) return std::string(name);
  return {};
}

std::string container_of_name(std::string_view name) {
  name = trimmed(name);
  if (name.empty() || name == "wsl") return {};
  for (const std::string_view known : {"kubernetes", "podman", "docker"})
    if (lowered(name) == known) return std::string(known);
  return starts_with_words(name, "lxc") ? "lxc" : "container";
}

}  // namespace strata::stack_check
