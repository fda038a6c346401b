#include "ops/tuning_cache.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>

#include "tensor/error.h"
#include "tensor/output_file.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

// Changes with the format, and when our own kernels have become so much faster that what was
// measured of them says nothing any more.
constexpr std::string_view kFirstLine = "# Strata's tuning cache, version 1; may be deleted";

// Thousands of shapes need less; a larger file is something else.
constexpr uintmax_t kMostBytes = uintmax_t{8} << 20;

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (size_t start = 0; start <= text.size();) {
    const size_t end = std::min(text.find(separator, start), text.size());
    parts.emplace_back(text.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

std::optional<double> parse_time(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || !std::isfinite(value) || value < 0)
    return std::nullopt;
  return value;
}

std::optional<std::vector<Timing>> parse_timings(const std::vector<std::string>& fields) {
  constexpr size_t kFirst = 2, kEach = 3;
  if (fields.size() < kFirst + kEach || (fields.size() - kFirst) % kEach != 0) return std::nullopt;
  std::vector<Timing> timings;
  for (size_t i = kFirst; i < fields.size(); i += kEach) {
    const auto time = parse_time(fields[i + 2]);
    if (fields[i].empty() || !time) return std::nullopt;
    timings.push_back({fields[i], fields[i + 1], *time});
  }
  return timings;
}

std::string field(const std::string& text) {
  check(text.find_first_of("\t\n\r") == std::string::npos,
        "tuning cache: a field holds a tab or a line's end: {}", text);
  return text;
}

}  // namespace

fs::path default_tuning_cache() {
  const auto folder = [](const char* variable) -> fs::path {
    const char* value = std::getenv(variable);
    return value ? value : "";
  };
  constexpr const char* kName = "tuning.tsv";
  if (const fs::path own = folder("STRATA_CACHE"); !own.empty()) return own / kName;
  // The XDG specification has relative paths ignored.
  if (const fs::path cache = folder("XDG_CACHE_HOME"); cache.is_absolute())
    return cache / "strata" / kName;
  if (const fs::path home = folder("HOME"); home.is_absolute())
    return home / ".cache" / "strata" / kName;
  return {};
}

std::string to_text(const TuningCache& cache) {
  std::string text(kFirstLine);
  text += '\n';
  for (const auto& [where, timings] : cache) {
    text += field(where.first) + '\t' + field(where.second);
    for (const Timing& timing : timings)
      text += fmt::format("\t{}\t{}\t{:.3f}", field(timing.name), field(timing.version),
                          timing.microseconds);
    text += '\n';
  }
  return text;
}

TuningCache parse_tuning_cache(const std::string& text) {
  std::vector<std::string> lines = split(text, '\n');
  if (lines.front() != kFirstLine)
    fail(ErrorKind::data, "line 1 is not that of a tuning cache of this version");
  if (!lines.back().empty()) fail(ErrorKind::data, "the last line has no end");
  TuningCache cache;
  for (size_t i = 1; i + 1 < lines.size(); ++i) {
    const std::vector<std::string> fields = split(lines[i], '\t');
    auto timings = parse_timings(fields);
    if (!timings) fail(ErrorKind::data, "line {} is not a choice with its timings", i + 1);
    cache[{fields[0], fields[1]}] = std::move(*timings);
  }
  return cache;
}

TuningCache read_tuning_cache(const fs::path& file) {
  std::error_code error;
  const fs::file_status status = fs::status(file, error);
  if (!fs::exists(status)) return {};
  if (!fs::is_regular_file(status)) fail(ErrorKind::data, "it is not a regular file");
  if (fs::file_size(file, error) > kMostBytes || error)
    fail(ErrorKind::data, "it is too large for a tuning cache");
  std::ifstream stream(file, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(stream), {});
  if (!stream.is_open() || stream.bad()) fail(ErrorKind::data, "it cannot be read");
  return parse_tuning_cache(text);
}

void write_tuning_cache(const fs::path& file, const TuningCache& cache) {
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  if (error)
    fail(ErrorKind::usage, "{}: its folder cannot be made ({})", file.string(), error.message());
  OutputFile("tuning cache", file.string()).write(to_text(cache));
}

}  // namespace strata
