// What a check found: the one structure behind the text, the JSON and the exit code.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tools/stack_check/catalogue.h"
#include "tools/stack_check/layers.h"

namespace strata::stack_check {

enum class Status {
  ok,
  warn,     // works, but something is wrong
  fail,     // broken
  unknown,  // cannot be seen from here
  blocked,  // not tried: a lower layer is broken
  skipped,  // not tried: nothing to try, or not asked for
};
std::string_view name_of(Status status);

enum class Severity { note, warn, fail };

/// Something to say: a key of the catalogue's words with the values for its places; any other text
/// is said as it is.
struct Phrase {
  std::string key;
  Values values = {};

  Phrase() = default;
  Phrase(std::string text, Values with = {}) : key(std::move(text)), values(std::move(with)) {}
  Phrase(const char* text) : key(text) {}
  bool empty() const { return key.empty(); }
};

/// A thing that was found wrong, or worth knowing, in the words of the catalogue.
struct Finding {
  std::string id;  // of the catalogue
  Layer layer;     // the broken one, which may lie below the one that noticed
  Severity severity = Severity::fail;
  std::string saw;  // call, code, file
  Values values;    // for the catalogue's texts; one that starts with @ is a key of its words
  std::optional<int> gpu = {};  // of several: the one concerned
};

/// A file that a probe loaded.
struct Library {
  std::string name;                 // "libcudnn.so.9"
  std::string path;                 // with symbolic links followed
  std::string version;              // empty if it does not say
  std::string reason;               // why this one: a key of the catalogue's words
  std::vector<std::string> others;  // further copies that the loader would have found later
};

struct Measurement {
  std::string name;  // a key of the catalogue's words
  double value = 0;
  std::string unit;
  double expected = 0;          // what this card should reach; 0: not known
  bool less_is_better = false;  // a time
  double share() const {
    if (!(expected > 0) || !(value > 0)) return 0;
    return less_is_better ? expected / value : value / expected;
  }
};

/// What one GPU showed on one layer.
struct Cell {
  Status status = Status::ok;
  Phrase text = {};
  std::vector<Measurement> measurements = {};
};

struct Row {
  Layer layer;
  Status status = Status::skipped;
  Phrase text = {};
  std::vector<Cell> cells = {};  // one per GPU where the layer is checked for each
  std::vector<Library> libraries = {};
  double seconds = 0;
  std::string output = {};  // the end of what a broken layer's probe printed
};

struct Report {
  std::vector<Row> rows;          // every layer, in order
  std::vector<Finding> findings;  // the verdict's first, then by layer
  std::vector<std::string> gpus;  // the columns' names
  /// driver, driver_cuda, toolkit_cuda, runtime_cuda, facts (their date)
  std::map<std::string, std::string> versions;
  std::map<std::string, std::string> host;  // name, distribution, kernel, container
  bool no_gpu = false;                      // nothing of NVIDIA is here, as far as can be seen
  double seconds = 0;

  /// The lowest broken layer's finding; null if none is broken.
  const Finding* verdict() const;
  bool has_warnings() const;
};

/// Takes out what tells one machine from another: the host's name, folders, UUIDs.
void make_anonymous(Report& report);

/// Words of drivers, logs and libraries may hold anything: what would steer a terminal becomes a
/// space.
void make_printable(Report& report);

}  // namespace strata::stack_check
