// Layer 11: the kernel modules, against the cards, the library and the kernel's own log.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tools/stack_check/judge/common.h"

namespace strata::stack_check {
namespace {

void blame_missing_module(const Evidence& evidence, Judgement& judgement) {
  const KernelDriver& driver = evidence.machine.driver;
  const KernelLog& log = evidence.machine.log;
  const std::string rejected = log.find("Key was rejected by service");
  if (!rejected.empty() || (driver.on_disk && driver.secure_boot.value_or(false)))
    return judgement.fail(
        "1-SECBOOT",
        !rejected.empty() ? rejected : "Secure Boot is on, nvidia.ko is there but not loaded");
  if (!driver.on_disk && !driver.dkms_error.empty())
    return judgement.fail("1-DKMS", driver.dkms_error,
                          {{"error", driver.dkms_error}, {"kernel", driver.kernel}});
  if (!driver.on_disk && !driver.on_disk_for.empty() && driver.headers_missing)
    return judgement.fail("1-DKMS", fmt::format("/lib/modules/{}/build is missing", driver.kernel),
                          {{"kernel", driver.kernel}});
  std::string saw = "/sys/module/nvidia is missing";
  if (driver.on_disk)
    saw += fmt::format("; nvidia.ko for {} is there", driver.kernel);
  else if (!driver.on_disk_for.empty())
    saw += fmt::format("; nvidia.ko is there for {}, not for {}", joined(driver.on_disk_for),
                       driver.kernel);
  else if (driver.module_folder_visible)
    saw += fmt::format("; no nvidia.ko for {}", driver.kernel);
  judgement.fail("1-NOMOD", saw,
                 {{"kernel", driver.kernel}, {"needed", minimum_driver(evidence.facts, 13)}});
}

int branch_of(const std::string& version) {
  return std::atoi(version.c_str());
}

/// Whether this flavour and branch of the driver drives this generation of cards.
void judge_generation(const PciGpu& gpu, const Evidence& evidence, Judgement& judgement) {
  const KernelDriver& driver = evidence.machine.driver;
  const Generation* generation = generation_of(evidence.facts, gpu.device_id);
  if (!generation) return;
  const std::string saw = fmt::format("{} {} module, {} [10de:{:04x}]", driver.version,
                                      driver.open_flavour.value_or(false) ? "open" : "proprietary",
                                      generation->name, gpu.device_id);
  const Values values = {{"driver", driver.version},
                         {"needed", std::to_string(generation->last_driver_branch)}};
  if (generation->last_driver_branch > 0 &&
      branch_of(driver.version) > generation->last_driver_branch)
    judgement.fail("1-LEGACY", saw, values);
  else if (driver.open_flavour == true && generation->open_modules == OpenModules::impossible)
    judgement.fail("1-GSP", saw, values);
  else if (driver.open_flavour == false && generation->open_modules == OpenModules::required)
    judgement.fail("1-NEEDOPEN", saw, values);
}

/// The module is loaded, but cannot start a card. It lists a card that it has found, started or
/// not.
void judge_start(const Evidence& evidence, Judgement& judgement) {
  if (judgement.failed()) return;
  std::vector<std::string> dead;
  for (const DeviceNode& node : evidence.machine.access.nodes)
    if (node.error == ETIMEDOUT)
      dead.push_back(fmt::format("open({}) does not return", node.path));
    else if (node.error == EIO || node.error == ENODEV || node.error == ENXIO)
      dead.push_back(fmt::format("open({}) = {}", node.path, strerror(node.error)));
  if (dead.empty() && !fails_at_the_card(evidence)) return;
  for (const char* words : {"GSP firmware", "WPR2 already up", "): 119,", "): 120,"})
    if (const std::string line = log_line(evidence, words); !line.empty())
      return judgement.fail("1-GSPFW", line, {{"error", line}});
  const std::string adapter = log_line(evidence, "RmInitAdapter failed");
  if (!dead.empty())
    judgement.fail("ANY-ERROR", adapter.empty() ? joined(dead) : joined(dead) + "; " + adapter,
                   {{"call", "open"}, {"error", adapter}});
}

void judge_library_version(const Evidence& evidence, Judgement& judgement) {
  const std::string& loaded = evidence.machine.driver.version;
  const auto& files = evidence.files_of("libcuda.so.1");
  if (files.empty() || loaded.empty()) return;
  const std::string& path = files.front().candidate.target;
  const std::string library = version_in_name(path);
  if (library.empty() || library == loaded || is_compat(path) || std::atoi(library.c_str()) < 100)
    return;
  judgement.fail("1-MISMATCH", fmt::format("kernel module {}, {}", loaded, path),
                 {{"driver", loaded}, {"other", library}});
}

/// Clocks that somebody has set are no fault of the card.
bool lowers_clock(const std::string& reason) {
  return reason.starts_with("thermal") || reason == "hardware slowdown" ||
         reason == "power brake" || reason == "reliability";
}

void judge_health(const Evidence& evidence, Judgement& judgement) {
  for (const int xid : evidence.machine.log.xids)
    if (xid != 79) {
      const std::string line = evidence.machine.log.find(fmt::format("): {},", xid));
      judgement.warn("1-XID", line.empty() ? fmt::format("Xid {}", xid) : line,
                     {{"xid", std::to_string(xid)}});
    }
  for (const nlohmann::json& gpu : list_of(evidence.nvml.facts, "gpus")) {
    const std::string name = text_of(gpu, "name");
    std::vector<std::string> reasons;
    for (const auto& reason : list_of(gpu, "throttle"))
      if (reason.is_string() && lowers_clock(reason.get<std::string>()))
        reasons.push_back(reason.get<std::string>());
    if (!reasons.empty())
      judgement.warn(
          "1-HOT",
          fmt::format("NVML: {} ({:.0f} °C)", joined(reasons), number_of(gpu, "temperature")),
          {{"gpu", name}, {"reasons", joined(reasons)}});
    if (number_of(gpu, "ecc_uncorrected") > 0 || flag_of(gpu, "remap_pending") ||
        flag_of(gpu, "remap_failed"))
      judgement.warn("1-ECC",
                     fmt::format("NVML: {:.0f} uncorrected errors, remapped rows {}",
                                 number_of(gpu, "ecc_uncorrected"),
                                 flag_of(gpu, "remap_failed")    ? "failed"
                                 : flag_of(gpu, "remap_pending") ? "pending"
                                                                 : "none pending"),
                     {{"gpu", name}});
  }
}

std::string summary(const KernelDriver& driver) {
  std::vector<std::string> parts;
  parts.push_back(driver.version.empty() ? "nvidia" : driver.version);
  if (driver.open_flavour)
    parts.back() += *driver.open_flavour ? " open module" : " proprietary module";
  parts.push_back(driver.uvm_loaded ? "uvm loaded" : "uvm not loaded");
  return joined(parts);
}

}  // namespace

Judgement judge_driver(const Evidence& evidence) {
  Judgement judgement(Layer::driver);
  const Machine& machine = evidence.machine;
  if (machine.access.wsl) {
    judgement.row.status = Status::unknown;
    judgement.row.text = "wsl_driver";
    return judgement;
  }
  if (!machine.driver.loaded && !machine.driver.modules_visible) {
    judgement.row.status = Status::unknown;
    judgement.row.text = "not_seen";
    return judgement;
  }
  const std::string ignored = machine.log.find("will ignore this GPU");
  if (!ignored.empty() && machine.driver.gpus.empty()) {
    judgement.fail("1-LEGACY", ignored, {{"driver", machine.driver.version}});
  } else if (!machine.driver.loaded) {
    blame_missing_module(evidence, judgement);
    judgement.row.text = "not_loaded";
    return judgement;
  }
  for (size_t i = 0; i < machine.pci.gpus.size(); ++i) {
    if (machine.pci.gpus.size() > 1) judgement.gpu = static_cast<int>(i);
    judge_generation(machine.pci.gpus[i], evidence, judgement);
  }
  judgement.gpu.reset();
  judge_start(evidence, judgement);
  judge_library_version(evidence, judgement);
  judge_health(evidence, judgement);
  judgement.row.text = summary(machine.driver);
  return judgement;
}

}  // namespace strata::stack_check
