#include "tools/stack_check/system/kernel_modules.h"
#include "tools/stack_check/system/machine.h"
#include "tools/stack_check/system/texts.h"

namespace strata::stack_check {
namespace {

constexpr const char* kSecureBootVariable =
    "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

void read_loaded(const Root& root, KernelDriver& driver) {
  driver.modules_visible = root.list("/sys/module").has_value();
  driver.loaded = root.exists("/sys/module/nvidia") || root.exists("/proc/driver/nvidia/version");
  driver.uvm_loaded =
      root.exists("/sys/module/nvidia_uvm") || root.exists("/proc/driver/nvidia-uvm");
  driver.nouveau_loaded =
      root.exists("/sys/module/nouveau") || root.exists("/sys/module/nova_core");
  const NvrmVersion nvrm =
      parse_nvrm_version(root.read("/proc/driver/nvidia/version").value_or(""));
  driver.version = root.line("/sys/module/nvidia/version");
  if (driver.version.empty()) driver.version = nvrm.version;
  driver.open_flavour = nvrm.open_flavour;
  if (const auto gpus = root.list("/proc/driver/nvidia/gpus")) {
    driver.gpu_list_visible = true;
    driver.gpus = *gpus;
  }
}

void read_on_disk(const Root& root, KernelDriver& driver) {
  driver.kernel = root.line("/proc/sys/kernel/osrelease");
  if (driver.kernel.empty()) driver.kernel = parse_kernel(root.line("/proc/version"));
  if (driver.kernel.empty() || driver.kernel.find('/') != std::string::npos) return;
  const std::string modules = "/lib/modules/";
  const std::string own = modules + driver.kernel;
  driver.module_folder_visible = root.list(own).has_value();
  if (driver.module_folder_visible) {
    driver.on_disk = has_nvidia_module(root, own);
    driver.headers_missing = !root.exists(own + "/build");
  }
  for (const std::string& kernel : root.list(modules).value_or(std::vector<std::string>()))
    if (kernel != driver.kernel && has_nvidia_module(root, modules + kernel))
      driver.on_disk_for.push_back(kernel);
}

bool runs(const Root& root, const std::string& command) {
  for (const std::string& name : root.list("/proc").value_or(std::vector<std::string>()))
    if (is_number(name) && root.line("/proc/" + name + "/comm") == command) return true;
  return false;
}

}  // namespace

KernelDriver read_kernel_driver(const Root& root) {
  KernelDriver driver;
  read_loaded(root, driver);
  read_on_disk(root, driver);
  driver.dkms_error = read_dkms_error(root);
  driver.secure_boot = parse_secure_boot(root.read(kSecureBootVariable).value_or(""));
  // The kernel cuts a process's name at 15 characters.
  driver.fabric_manager_running = runs(root, "nv-fabricmanage");
  return driver;
}

}  // namespace strata::stack_check
