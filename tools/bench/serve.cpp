#include "tools/bench/serve.h"

#include <istream>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "tools/bench/dense.h"
#include "tools/bench/machine.h"
#include "tools/bench/ops.h"
#include "tools/bench/step.h"

namespace strata::bench {
namespace {

using nlohmann::json;

/// Holds one step at a time: that of another batch size would sit in memory that the first one's
/// graph writes to.
class Server {
 public:
  Server(const Data& data, const Configuration& configuration)
      : data_(data), configuration_(configuration) {}

  json answer(const json& command) {
    const std::string what = command.at("do");
    if (command.contains("product")) return measure_product(command);
    Configuration asked = configuration_;
    asked.batch_size = command.at("batch_size");
    if (command.contains("model")) asked.model = model_named(command["model"].get<std::string>());
    step_of(asked);
    if (what == "prepare") {
      double flop = 0;
      for (const OpOfStep& op : ops_of_step(data_, asked)) flop += op.work.total().flops;
      return {{"peak_bytes", step_->peak_bytes()}, {"flop", flop}};
    }
    if (what == "measure") return measure(command);
    fail(ErrorKind::usage, "no such command: {}", what);
  }

 private:
  json measure_product(const json& command) {
    const json& product = command["product"];
    if (product != product_) {
      call_ = {};  // first, so that two never share the memory
      step_ = nullptr;
      const OpOfStep op = dense_product_op({.batch = product.at(0),
                                            .inputs = product.at(1),
                                            .outputs = product.at(2),
                                            .pass = product.at(3)},
                                           data_.device());
      call_ = op.make();
      product_ = product;
    }
    const SettingsScope scope(configuration_.settings());
    json us = json::array();
    for (const double seconds :
         seconds_of_calls(data_.device(), [&] { call_.forward(); },
                          {.repeats = command.at("blocks"), .seconds = command.at("seconds")}))
      us.push_back(1e6 * seconds);
    return {{"us", us}};
  }

  void step_of(const Configuration& asked) {
    if (step_ && asked.to_string() == configuration_.to_string()) return;
    step_ = nullptr;  // first, so that two never share the memory
    configuration_ = asked;
    step_ = std::make_unique<StepBench>(data_, configuration_);
  }

  json measure(const json& command) {
    json us = json::array();
    for (const double seconds :
         step_->measure({.repeats = command.at("blocks"), .seconds = command.at("seconds")}))
      us.push_back(1e6 * seconds);
    return {{"us", us}, {"loss", step_->last_loss()}};
  }

  const Data& data_;
  Configuration configuration_;
  std::unique_ptr<StepBench> step_;
  json product_;  // that call_ computes
  OpCase call_;
};

}  // namespace

void serve(const Data& data, Configuration configuration, std::istream& commands,
           std::ostream& answers) {
  const Device device = data.device();
  answers << json{{"ready", true},
                  {"device", describe_device(device)},
                  {"versions", describe_versions(device)}}
          << std::endl;
  Server server(data, configuration);
  for (std::string line; std::getline(commands, line);) {
    json answer;
    try {
      answer = server.answer(json::parse(line));
      answer["versions"] = describe_versions(device);
    } catch (const std::exception& error) {
      answer = {{"error", error.what()}};
    }
    answers << answer << std::endl;
  }
}

}  // namespace strata::bench
