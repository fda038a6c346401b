#include "tools/stack_check/explain.h"

#include <algorithm>

#include "tools/stack_check/pattern.h"

namespace strata::stack_check {
namespace {

constexpr size_t kMaxQuestion = 64 << 10;  // bytes looked at
constexpr size_t kMaxEntries = 4;          // of a text that fits several

/// Letters of the longest of the patterns that is in the text; 0: none is.
size_t specificity(std::string_view text, const std::vector<std::string>& patterns) {
  size_t longest = 0;
  for (const std::string& raw : patterns) {
    const std::string pattern = normalized(raw);
    const auto stars = std::count(pattern.begin(), pattern.end(), '*');
    const size_t length = pattern.size() - static_cast<size_t>(stars);
    if (length > longest && contains_normalized(text, pattern)) longest = length;
  }
  return longest;
}

/// The entry whose ID the text is, or names in brackets as stack_check's own report does.
const Entry* named(const Catalogue& catalogue, std::string_view text) {
  for (const Entry& entry : catalogue.entries) {
    const std::string id = normalized(entry.id);
    if (text == id || text.find("[" + id + "]") != std::string_view::npos) return &entry;
  }
  return nullptr;
}

struct Match {
  const Entry* entry;
  size_t specificity;
};

std::vector<Match> matching_entries(const Catalogue& catalogue, std::string_view text) {
  std::vector<Match> found;
  for (const Entry& entry : catalogue.entries)
    if (const size_t length = specificity(text, entry.texts)) found.push_back({&entry, length});
  std::stable_sort(found.begin(), found.end(),
                   [](const Match& a, const Match& b) { return a.specificity > b.specificity; });
  return found;
}

/// The ambiguity's entries; first those that a pattern of their own speaks for.
std::vector<const Entry*> entries_of(const Ambiguity& ambiguity, const Catalogue& catalogue,
                                     const std::vector<Match>& found) {
  std::vector<const Entry*> entries;
  for (const std::string& id : ambiguity.ids) entries.push_back(catalogue.find(id));
  std::stable_partition(entries.begin(), entries.end(), [&](const Entry* entry) {
    return std::any_of(found.begin(), found.end(),
                       [&](const Match& match) { return match.entry == entry; });
  });
  return entries;
}

}  // namespace

Explanation explain(const Catalogue& catalogue, std::string_view question) {
  const std::string text = normalized(question.substr(0, kMaxQuestion));
  if (const Entry* entry = named(catalogue, text)) return {{entry}};

  const std::vector<Match> found = matching_entries(catalogue, text);
  size_t longest = found.empty() ? 0 : found.front().specificity - 1;  // ambiguity wins a draw
  const Ambiguity* ambiguity = nullptr;
  for (const Ambiguity& candidate : catalogue.ambiguities) {
    const size_t length = specificity(text, candidate.texts);
    if (length <= longest) continue;
    longest = length;
    ambiguity = &candidate;
  }
  if (ambiguity) return {entries_of(*ambiguity, catalogue, found), ambiguity};

  Explanation explanation;
  for (const Match& match : found)
    if (explanation.entries.size() < kMaxEntries) explanation.entries.push_back(match.entry);
  return explanation;
}

bool contains_pattern(std::string_view text, std::string_view pattern) {
  return contains_normalized(normalized(text), normalized(pattern));
}

}  // namespace strata::stack_check
