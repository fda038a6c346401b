#include "tools/stack_check/system/machine.h"

#include <array>
#include <string_view>

#include "tools/stack_check/system/texts.h"

namespace strata::stack_check {
namespace {

std::string read_distribution(const Root& root) {
  const std::string name = parse_pretty_name(root.read("/etc/os-release").value_or(""));
  return name.empty() ? parse_pretty_name(root.read("/usr/lib/os-release").value_or("")) : name;
}

std::string read_host_name(const Root& root) {
  const std::string name = root.line("/proc/sys/kernel/hostname");
  return name.empty() ? root.line("/etc/hostname") : name;
}

struct PowerSetting {
  std::string_view file;
  std::string_view off;  // a word by which the setting switches the card off
};

std::vector<std::string> read_dgpu_power(const Root& root) {
  constexpr std::array<PowerSetting, 7> kSettings = {{
      {"/etc/prime-discrete", "off"},
      {"/etc/prime-discrete", "intel"},
      {"/proc/acpi/bbswitch", "off"},
      {"/etc/prime/current_type", "intel"},
      {"/etc/prime/current_type", "intel2"},
      {"/etc/prime/current_type", "amd"},
      {"/etc/prime/current_type", "igpu"},
  }};
  std::vector<std::string> found;
  for (const PowerSetting& setting : kSettings) {
    const std::string line = root.line(std::string(setting.file));
    // bbswitch writes "0000:01:00.0 OFF".
    const std::string word = lowered(line.substr(line.find_last_of(' ') + 1));
    if (word == setting.off) found.push_back(std::string(setting.file) + ": " + line);
  }
  return found;
}

}  // namespace

Machine read_machine(const Root& root) {
  Machine machine;
  machine.pci = read_pci(root);
  machine.driver = read_kernel_driver(root);
  machine.access = read_access(root);
  machine.log = read_kernel_log(root);
  machine.distribution = read_distribution(root);
  machine.host_name = read_host_name(root);
  machine.dgpu_power = read_dgpu_power(root);
  return machine;
}

}  // namespace strata::stack_check
