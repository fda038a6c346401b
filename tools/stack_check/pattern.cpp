#include "tools/stack_check/pattern.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace strata::stack_check {
namespace {

constexpr size_t kMaxGap = 200;  // characters that a * stands for

bool is_space(unsigned char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// The plain character that the one at the start of `text` counts as, and how many bytes it has.
std::pair<char, size_t> plain(std::string_view text) {
  if (text.starts_with("\xc2\xa0")) return {' ', 2};  // no-break space
  if (text.starts_with("\xe2\x80") && text.size() > 2) {
    const auto third = static_cast<unsigned char>(text[2]);
    if (third >= 0x98 && third <= 0x9f) return {'\'', 3};  // typographic quotes
  }
  const char c = text.front();
  if (c == '"' || c == '`') return {'\'', 1};
  return {is_space(static_cast<unsigned char>(c)) ? ' ' : lower(c), 1};
}

/// Whether a piece found at [begin, end) is not a part of a longer number: 35 is not in 350.
bool numbers_whole(std::string_view text, size_t begin, size_t end) {
  const bool cut_before = begin > 0 && is_digit(text[begin]) && is_digit(text[begin - 1]);
  const bool cut_after = end < text.size() && is_digit(text[end - 1]) && is_digit(text[end]);
  return !cut_before && !cut_after;
}

/// Where `piece` may end, given where the pieces before it may (`starts`, ascending).
std::vector<size_t> ends_of(std::string_view text, std::string_view piece,
                            const std::vector<size_t>& starts) {
  std::vector<size_t> ends;
  size_t next = 0;  // the first start behind the piece
  for (size_t at = text.find(piece, starts.front()); at != std::string_view::npos;
       at = text.find(piece, at + 1)) {
    while (next < starts.size() && starts[next] <= at) ++next;
    if (next > 0 && at - starts[next - 1] <= kMaxGap && numbers_whole(text, at, at + piece.size()))
      ends.push_back(at + piece.size());
  }
  return ends;
}

}  // namespace

std::string normalized(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const auto [c, bytes] = plain(text);
    if (c != ' ' || (!result.empty() && result.back() != ' ')) result += c;
    text.remove_prefix(bytes);
  }
  if (result.ends_with(' ')) result.pop_back();
  return result;
}

bool contains_normalized(std::string_view text, std::string_view pattern) {
  std::vector<size_t> ends;
  bool first = true;
  while (!pattern.empty()) {
    const size_t star = std::min(pattern.find('*'), pattern.size());
    const std::string_view piece = pattern.substr(0, star);
    pattern.remove_prefix(std::min(star + 1, pattern.size()));
    if (piece.empty()) continue;
    if (first) {
      for (size_t at = text.find(piece); at != std::string_view::npos;
           at = text.find(piece, at + 1))
        if (numbers_whole(text, at, at + piece.size())) ends.push_back(at + piece.size());
    } else {
      ends = ends_of(text, piece, ends);
    }
    first = false;
    if (ends.empty()) return false;
  }
  return !first;
}

}  // namespace strata::stack_check
