// The file in which the tuner (ops/tuning.h) keeps what it has measured: one line for each key and
// machine, its fields between tabs, the winner first.
//
//   machine  key  name  version  microseconds  name  version  microseconds  ...
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace strata {

/// How long one candidate took, and the code that it ran: "cuDNN 9.14.0".
struct Timing {
  std::string name, version;
  double microseconds = 0;

  bool operator==(const Timing&) const = default;
};

/// The timings of a contest, the winner's first, by machine and key.
using TuningCache = std::map<std::pair<std::string, std::string>, std::vector<Timing>>;

/// tuning.tsv in the folder $STRATA_CACHE, otherwise in strata/ of $XDG_CACHE_HOME or of ~/.cache;
/// empty when the environment names none of them.
std::filesystem::path default_tuning_cache();

std::string to_text(const TuningCache& cache);

/// Throws `data`, naming the line, when the text is not what to_text() writes.
TuningCache parse_tuning_cache(const std::string& text);

/// Empty when there is no such file. Throws `data` when it cannot be read or parsed.
TuningCache read_tuning_cache(const std::filesystem::path& file);

/// Writes the file whole, with its folder. Throws `usage` when it cannot be written.
void write_tuning_cache(const std::filesystem::path& file, const TuningCache& cache);

}  // namespace strata
