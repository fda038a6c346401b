#include "examples/train_mnist/xray.h"

#include <fmt/format.h>

#include "examples/train_mnist/report.h"
#include "examples/train_mnist/trainer.h"
#include "tensor/error.h"
#include "tools/xray/chrome_trace.h"
#include "tools/xray/page.h"
#include "tools/xray/take.h"
#include "tools/xray/text.h"

namespace strata::train_mnist {

XrayFiles::XrayFiles(const Options& options)
    : page("--xray", options.xray_page), trace("--xray-trace", options.xray_trace) {}

void take_xray(const Run& run, const XrayFiles& files) {
  const nn::DeviceDataset data = upload(run);
  const std::unique_ptr<Trainer> trainer = make_trainer(run, data);
  const Facts facts = machine_facts(run);  // before the ceilings are measured through cuBLASLt
  xray::Xray xray = xray::take(trainer->step(),
                               {.captured = run.options.graph, .precision = run.options.precision});
  xray.title =
      fmt::format("a training step of {}, batches of {}, --kernels {}, {}", model_name(run.options),
                  run.options.batch_size, name_of(run.options.kernels),
                  run.device == Device::gpu ? name_of(run.options.precision) : "fp32");
  xray.machine = facts;
  fmt::print("{}", xray::to_text(xray, run.options.xray_depth));
  if (!run.options.xray_page.empty()) {
    files.page.write(xray::to_page(xray));
    fmt::print("the same as a page: {}\n", run.options.xray_page);
  }
  if (!run.options.xray_trace.empty()) {
    files.trace.write(xray::to_chrome_trace(xray));
    fmt::print("the same as a trace, for ui.perfetto.dev: {}\n", run.options.xray_trace);
  }
}

}  // namespace strata::train_mnist
