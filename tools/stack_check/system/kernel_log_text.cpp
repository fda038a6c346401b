#include "tools/stack_check/system/kernel_log_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "tools/stack_check/system/texts.h"

namespace strata::stack_check {
namespace {

constexpr std::string_view kDriver = "NVRM: ";
constexpr size_t kMaxMessage = 4096;

/// The kernel writes a byte that cannot be printed as \xhh.
std::string unescaped(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    unsigned byte = 0;
    const bool escape = text.size() >= 4 && text.starts_with("\\x");
    const auto parsed = escape ? std::from_chars(text.data() + 2, text.data() + 4, byte, 16)
                               : std::from_chars_result{nullptr, std::errc::invalid_argument};
    const bool valid = parsed.ec == std::errc() && parsed.ptr == text.data() + 4;
    result += valid ? static_cast<char>(byte) : text.front();
    text.remove_prefix(valid ? 4 : 1);
  }
  return result;
}

/// Removes "[   12.345678] " (dmesg) from the front and returns it.
std::string take_stamp(std::string_view& line) {
  if (!line.starts_with('[')) return {};
  const size_t end = line.find(']');
  if (end == std::string_view::npos) return {};
  const std::string_view inside = trimmed(line.substr(1, end - 1));
  if (inside.empty() || inside.find_first_not_of("0123456789. ") != std::string_view::npos)
    return {};
  line = trimmed(line.substr(end + 1));
  return std::string(inside);
}

std::optional<LogMessage> parse_log_line(std::string_view line) {
  constexpr std::string_view kTag = " kernel: ";
  LogMessage message;
  if (const size_t tag = line.find(kTag); tag != std::string_view::npos) {
    // Only a time like 2026-07-01T10:00:00.123456 is fine enough to tell messages apart.
    if (is_number(line.substr(0, 1))) message.stamp = line.substr(0, line.find(' '));
    line = trimmed(line.substr(tag + kTag.size()));
    if (std::string stamp = take_stamp(line); !stamp.empty()) message.stamp = std::move(stamp);
  } else if (const size_t sleep = line.find("systemd-sleep"); sleep != std::string_view::npos) {
    line = line.substr(sleep);
  } else {
    message.stamp = take_stamp(line);
    if (message.stamp.empty()) return std::nullopt;
  }
  message.text = line.substr(0, kMaxMessage);
  return message;
}

bool bears_on_gpu(std::string_view text) {
  constexpr std::array<std::string_view, 14> kWords = {"nvrm",
                                                       "nvidia",
                                                       "nouveau",
                                                       "nova_core",
                                                       "request_free_mem_region",
                                                       "pm: suspend",
                                                       "systemd-sleep",
                                                       "key was rejected",
                                                       "module verification failed",
                                                       "unsigned module",
                                                       "fallen off the bus",
                                                       "device inaccessible",
                                                       "no space for",
                                                       "can't assign"};
  return std::any_of(kWords.begin(), kWords.end(),
                     [&](std::string_view words) { return contains_words(text, words); });
}

bool says_sleep(std::string_view text) {
  return contains_words(text, "pm: suspend entry") || contains_words(text, "pm: suspend exit") ||
         contains_words(text, "systemd-sleep");
}

void collect_xids(std::string_view text, std::vector<int>& xids) {
  constexpr std::string_view kStart = "NVRM: Xid (";
  for (size_t at = text.find(kStart); at != std::string_view::npos;
       at = text.find(kStart, at + 1)) {
    std::string_view rest = text.substr(at + kStart.size());
    const size_t end = rest.find("): ");
    if (end == std::string_view::npos) return;
    rest.remove_prefix(end + 3);
    int xid = 0;
    const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), xid);
    if (parsed.ec == std::errc() && xid >= 0 &&
        std::find(xids.begin(), xids.end(), xid) == xids.end())
      xids.push_back(xid);
  }
}

/// Whether `next` goes on with the driver's message `last`.
bool continues(const LogMessage& last, const LogMessage& next) {
  return !next.stamp.empty() && next.stamp == last.stamp && last.text.starts_with(kDriver) &&
         next.text.starts_with(kDriver) && !next.text.starts_with("NVRM: Xid") &&
         last.text.size() < kMaxMessage;
}

}  // namespace

std::vector<LogMessage> parse_kmsg(std::string_view records) {
  std::vector<LogMessage> messages;
  for (const std::string_view line : lines_of(records)) {
    const size_t start = line.find(';');
    if (start == std::string_view::npos || !is_number(line.substr(0, 1))) continue;
    std::string_view stamp = line.substr(0, start);
    for (int field = 0; field < 2; ++field) stamp = stamp.substr(stamp.find(',') + 1);
    const std::string text = unescaped(line.substr(start + 1).substr(0, kMaxMessage));
    for (const std::string_view part : lines_of(text))
      messages.push_back({std::string(stamp.substr(0, stamp.find(','))), std::string(part)});
  }
  return messages;
}

std::vector<LogMessage> parse_log_file(std::string_view text) {
  std::vector<LogMessage> messages;
  bool any_of_kernel = false;
  for (const std::string_view line : lines_of(text)) {
    std::optional<LogMessage> message = parse_log_line(line);
    if (!message) continue;
    if (message->text.starts_with("Linux version ")) messages.clear();
    any_of_kernel |= !message->text.starts_with("systemd-sleep");
    messages.push_back(std::move(*message));
  }
  return any_of_kernel ? messages : std::vector<LogMessage>();
}

KernelLog pick_gpu_lines(const std::vector<LogMessage>& messages) {
  KernelLog log;
  LogMessage last;
  for (const LogMessage& message : messages) {
    if (!bears_on_gpu(message.text)) continue;
    log.suspended |= says_sleep(message.text);
    collect_xids(message.text, log.xids);
    if (continues(last, message)) {
      last.text += message.text.substr(kDriver.size() - 1);
      log.lines.back() = last.text;
    } else {
      last = message;
      log.lines.push_back(message.text);
    }
  }
  return log;
}

}  // namespace strata::stack_check
