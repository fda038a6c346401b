#include "tools/stack_check/explain.h"

namespace strata::stack_check {
namespace {

class Lines {
 public:
  Lines(const Catalogue& catalogue, Language language)
      : catalogue_(catalogue), language_(language) {}

  void heading(const Entry& entry) {
    text_ += entry.id + "  " + layer(entry) + "\n";
    add("", fill(entry.title.in(language_), {}));
  }
  void entry(const Entry& entry) {
    heading(entry);
    add(word("why"), fill(entry.why.in(language_), {}));
    for (size_t i = 0; i < entry.fixes.size(); ++i) {
      const std::string number = entry.fixes.size() > 1 ? std::to_string(i + 1) + ") " : "";
      const Fix& fix = entry.fixes[i];
      add(i == 0 ? word("fix") : "", number + fill(fix.text.in(language_), {}) + needs(fix));
    }
    add(word("fine"), fill(entry.fine.in(language_), {}));
  }
  void paragraph(const std::string& text) { text_ += text + "\n"; }
  std::string word(const std::string& key) const { return catalogue_.word(key, language_); }
  const std::string& text() const { return text_; }

 private:
  void add(std::string label, const std::string& text) {
    const size_t columns = language_ == Language::zh ? label.size() / 3 * 2 : label.size();
    label.append(columns < 6 ? 6 - columns : 1, ' ');
    text_ += "  " + label + text + "\n";
  }
  std::string layer(const Entry& entry) const {
    if (!entry.layer) return word("any_layer");
    const std::string name(name_of(*entry.layer));
    return catalogue_.word("explain_layer", language_,
                           {{"number", std::to_string(static_cast<int>(*entry.layer))},
                            {"name", name},
                            {"what", word("layer_" + name)}});
  }
  std::string needs(const Fix& fix) const {
    std::string list;
    const auto need = [&](bool needed, const char* key) {
      if (needed) list += (list.empty() ? "" : ", ") + word(key);
    };
    need(fix.root, "needs_root");
    need(fix.reboot, "needs_reboot");
    need(fix.on_host, "explain_host");
    return list.empty() ? "" : "   [" + list + "]";
  }

  const Catalogue& catalogue_;
  Language language_;
  std::string text_;
};

}  // namespace

std::string to_text(const Explanation& explanation, const Catalogue& catalogue, Language language) {
  Lines lines(catalogue, language);
  if (explanation.entries.empty()) {
    lines.paragraph(lines.word("explain_none"));
  } else if (explanation.ambiguity) {
    lines.paragraph(lines.word("tell_apart"));
    lines.paragraph("  " + explanation.ambiguity->tell_apart.in(language));
    for (const Entry* entry : explanation.entries) {
      lines.paragraph("");
      lines.entry(*entry);
    }
  } else {
    lines.entry(*explanation.entries.front());
    if (explanation.entries.size() > 1) lines.paragraph("\n" + lines.word("also_fits"));
    for (size_t i = 1; i < explanation.entries.size(); ++i) lines.heading(*explanation.entries[i]);
  }
  return lines.text();
}

}  // namespace strata::stack_check
