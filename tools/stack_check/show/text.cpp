#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tools/stack_check/show/show.h"

namespace strata::stack_check {
namespace {

/// Columns that a UTF-8 text takes: Chinese characters take two.
size_t width_of(const std::string& text) {
  size_t width = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xC0) == 0x80) continue;
    width += byte >= 0xE2 ? 2 : 1;
  }
  return width;
}

std::string padded(std::string text, size_t width) {
  const size_t taken = width_of(text);
  if (taken < width) text.append(width - taken, ' ');
  return text;
}

constexpr size_t kWidth = 100;

/// `text` in lines of at most kWidth columns, those after the first indented. Breaks at spaces, and
/// between Chinese characters, which have none.
std::string wrapped(const std::string& text, size_t indent) {
  std::string result;
  size_t column = indent;
  for (size_t i = 0; i < text.size();) {
    size_t end = i + 1;
    const bool wide = static_cast<unsigned char>(text[i]) >= 0xE2;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
    while (!wide && end < text.size() && text[end - 1] != ' ' &&
           static_cast<unsigned char>(text[end]) < 0xE2)
      ++end;
    const std::string word = text.substr(i, end - i);
    const size_t width = width_of(word) - (word.back() == ' ' ? 1 : 0);
    if (column + width > kWidth && column > indent) {
      while (result.ends_with(' ')) result.pop_back();
      result += "\n" + std::string(indent, ' ');
      column = indent;
    }
    i = end;
    if (word == " " && column == indent) continue;
    result += word;
    column += width_of(word);
  }
  return result;
}

class TextReport {
 public:
  TextReport(const Report& report, Language language) : report_(report), language_(language) {}

  std::string make() {
    for (const Row& row : report_.rows) add_row(row);
    add_libraries();
    add_measurements();
    add_versions();
    const Finding* verdict = report_.verdict();
    for (const Finding& finding : report_.findings)
      if (&finding != verdict) add_finding(finding);
    if (verdict)
      add_finding(*verdict);
    else
      line("\n" + word(report_.has_warnings() ? "ok_with_warnings" : "all_ok"));
    return std::move(text_);
  }

 private:
  std::string word(const std::string& key, const Values& values = {}) const {
    return catalogue().word(key, language_, values);
  }
  void line(std::string text) {
    text.erase(text.find_last_not_of(' ') + 1);
    text_ += text + "\n";
  }
  /// Below libcuda cards are counted as they stand on the bus, from there on as CUDA counts them.
  std::string gpu_name(Layer layer, size_t gpu) const {
    if (layer < Layer::libcuda) return fmt::format("card {}", gpu);
    return gpu < report_.gpus.size() ? fmt::format("GPU {} {}", gpu, report_.gpus[gpu])
                                     : fmt::format("GPU {}", gpu);
  }

  void add_row(const Row& row) {
    const bool columns = row.cells.size() > 1;
    Phrase text = row.text;
    if (text.empty() && row.cells.size() == 1) text = row.cells.front().text;
    std::string said = columns ? std::string() : say(text, language_);
    if (!columns && row.cells.size() == 1 && !row.text.empty() && !row.cells.front().text.empty() &&
        row.text.key != row.cells.front().text.key)
      said += "; " + say(row.cells.front().text, language_);
    line(fmt::format(" {} {} {}{}", static_cast<int>(row.layer),
                     padded(std::string(name_of(row.layer)), 8),
                     padded(word(std::string(name_of(row.status))), 8), said));
    for (size_t i = 0; columns && i < row.cells.size(); ++i)
      line(fmt::format("             {} {}  {}",
                       padded(word(std::string(name_of(row.cells[i].status))), 8),
                       gpu_name(row.layer, i), say(row.cells[i].text, language_)));
  }

  void add_libraries() {
    bool first = true;
    size_t width = 0;
    for (const Row& row : report_.rows)
      for (const Library& library : row.libraries) width = std::max(width, library.name.size());
    for (const Row& row : report_.rows)
      for (const Library& library : row.libraries) {
        if (std::exchange(first, false)) line("\n" + word("libraries"));
        std::string reason = library.reason.empty() ? "" : ", " + word(library.reason);
        line(fmt::format("  {} {} {}{}", padded(library.name, width), padded(library.version, 11),
                         library.path, reason));
        if (!library.others.empty())
          line("  " + std::string(width + 1, ' ') +
               word("also_at", {{"paths", fmt::format("{}", fmt::join(library.others, ", "))}}));
      }
  }

  void add_measurements() {
    bool first = true;
    for (const Row& row : report_.rows)
      for (size_t gpu = 0; gpu < row.cells.size(); ++gpu)
        for (const Measurement& measured : row.cells[gpu].measurements) {
          if (std::exchange(first, false)) line("\n" + word("measurements"));
          std::string share;
          if (measured.expected > 0)
            share =
                word("of_expected", {{"share", fmt::format("{:.0f}", 100 * measured.share())}}) +
                fmt::format(" ({:.4g} {})", measured.expected, measured.unit);
          line(fmt::format("  {} {:>8.4g} {} {}{}", padded(word(measured.name), 20), measured.value,
                           padded(measured.unit, 8), share,
                           row.cells.size() > 1 ? "  " + gpu_name(row.layer, gpu) : ""));
        }
  }

  void add_versions() {
    const auto known = [&](const char* key) {
      const auto found = report_.versions.find(key);
      return found == report_.versions.end() || found->second.empty() ? "-" : found->second;
    };
    if (known("driver_cuda") == "-" && known("runtime_cuda") == "-") return;
    std::string numbers;
    for (const char* key : {"driver_cuda", "toolkit_cuda", "runtime_cuda"})
      numbers += fmt::format("{}{} {}", numbers.empty() ? "" : "   ", word(key), known(key));
    line("\n" + numbers);
    line("  " + wrapped(word("three_numbers"), 2));
  }

  void add_finding(const Finding& finding) {
    const Entry* entry = catalogue().find(finding.id);
    if (!entry) return;
    const bool broken = finding.severity == Severity::fail;
    const std::string head = broken ? word("broken") + ": " + std::string(name_of(finding.layer))
                             : finding.severity == Severity::warn ? word("warning")
                                                                  : word("note");
    line(fmt::format(
        "\n{}  [{}] {}{}", head, finding.id, say(entry->title, finding, language_),
        finding.gpu ? ", " + gpu_name(finding.layer, static_cast<size_t>(*finding.gpu)) : ""));
    add_part("saw", finding.saw);
    add_part("why", say(entry->why, finding, language_));
    for (size_t i = 0; i < entry->fixes.size(); ++i) {
      const std::string number =
          entry->fixes.size() > 1 ? fmt::format("{}) ", static_cast<char>('a' + i)) : "";
      add_part(i == 0 ? "fix" : "",
               number + say(entry->fixes[i].text, finding, language_) + needs(entry->fixes[i]));
    }
    if (broken) add_part("fine", say(entry->fine, finding, language_));
    if (broken) add_output(finding.layer);
  }

  void add_part(const std::string& label, const std::string& text) {
    line("  " + padded(label.empty() ? "" : word(label), 7) + wrapped(text, 9));
  }

  std::string needs(const Fix& fix) const {
    std::vector<std::string> list;
    const auto found = report_.host.find("container");
    const bool inside = found != report_.host.end() && !found->second.empty();
    if (fix.root) list.push_back(word("needs_root"));
    if (fix.reboot) list.push_back(word("needs_reboot"));
    if (fix.on_host) list.push_back(word(inside ? "needs_host" : "explain_host"));
    return list.empty() ? "" : fmt::format("   [{}]", fmt::join(list, ", "));
  }

  void add_output(Layer layer) {
    const std::string& output = report_.rows[static_cast<size_t>(layer) - 10].output;
    if (output.empty()) return;
    line("  " + word("said") + ":");
    std::string_view rest = output;
    for (int i = 0; i < 8 && !rest.empty(); ++i) {
      const size_t end = std::min(rest.find('\n'), rest.size());
      line("    " + printable(rest.substr(0, std::min<size_t>(end, 200))));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }

  /// What a library printed may hold anything, codes that steer a terminal among it.
  static std::string printable(std::string_view text) {
    std::string clean(text);
    for (char& c : clean)
      if (static_cast<unsigned char>(c) < ' ' || c == 0x7F) c = ' ';
    return clean;
  }

  const Report& report_;
  Language language_;
  std::string text_;
};

Values resolved(const Values& values, Language language) {
  Values result = values;
  for (auto& [name, value] : result)
    if (value.starts_with("@")) value = catalogue().word(value.substr(1), language, values);
  return result;
}

}  // namespace

std::string say(const Phrase& phrase, Language language) {
  return catalogue().word(phrase.key, language, resolved(phrase.values, language));
}

std::string say(const Text& text, const Finding& finding, Language language) {
  return fill(text.in(language), resolved(finding.values, language));
}

std::string to_text(const Report& report, Language language) {
  return TextReport(report, language).make();
}

}  // namespace strata::stack_check
