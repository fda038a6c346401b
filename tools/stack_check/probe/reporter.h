// How a probe tells stack_check what it does: one JSON object a line on file descriptor 3.
//   {"call": "cuInit"}                      about to call; a crash or a hang is blamed on it
//   {"code": 100, "name": "...", "words": "..."}   what the last call returned; 0 is success
//   {"facts": {...}}                        merged into what is known (JSON merge patch)
// Facts are sent as soon as they are known, so that a later crash loses none.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace strata::stack_probe {

inline constexpr int kReportDescriptor = 3;

/// What a call of any library returned.
struct Status {
  int code = 0;
  std::string name = {};   // "CUDA_ERROR_NO_DEVICE"
  std::string words = {};  // the library's own explanation

  bool ok() const { return code == 0; }
};

class Reporter {
 public:
  /// Of calls that follow: which of several GPUs they concern.
  void set_gpu(std::optional<int> gpu) { gpu_ = gpu; }

  /// Announces the call, makes it, reports what it returned; true if that was success.
  /// `call` returns a Status.
  template <class Function>
  bool call(std::string_view name, Function&& call) {
    begin(name);
    const Status status = call();
    end(status);
    return status.ok();
  }
  void facts(const nlohmann::json& facts);

 private:
  void begin(std::string_view name);
  void end(const Status& status);
  void send(const nlohmann::json& line);

  std::optional<int> gpu_;
};

}  // namespace strata::stack_probe
