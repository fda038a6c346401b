// What the texts of /proc, /sys and /etc say: pure functions that take any bytes and never throw.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strata::stack_check {

/// Without the white space and NUL bytes around it.
std::string_view trimmed(std::string_view text);
/// ASCII letters in lower case.
std::string lowered(std::string_view text);
/// Whether `text` has `words` in it; `words` is in lower case, `text` in any.
bool contains_words(std::string_view text, std::string_view words);
std::vector<std::string_view> lines_of(std::string_view text);
bool is_number(std::string_view text);  // decimal digits only, at least one

/// /proc/driver/nvidia/version, whose first line is of one of two kinds:
///   NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build ...
///   NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 ...
struct NvrmVersion {
  std::string version;               // empty: not told
  std::optional<bool> open_flavour;  // none: not told
};
NvrmVersion parse_nvrm_version(std::string_view text);

/// "0x10de" or "10de", with white space around it; none for any other text or above 32 bits.
std::optional<uint32_t> parse_pci_id(std::string_view text);
/// Lanes, 1 to 32; 0 for anything else: the kernel writes 0, 63 or 255 where it does not know.
int parse_link_width(std::string_view text);
/// GT/s of "32.0 GT/s PCIe"; 0 for "Unknown" and anything else.
double parse_link_speed(std::string_view text);
/// Whether the configuration space of a card that no longer answers reads like this.
bool reads_ff_only(std::string_view config);

/// The EFI variable SecureBoot: four bytes of attributes, one of value.
std::optional<bool> parse_secure_boot(std::string_view bytes);
/// "6.8.0-41-generic" of "Linux version 6.8.0-41-generic (...) ..."; empty for any other text.
std::string parse_kernel(std::string_view proc_version);
/// The line of a DKMS make.log that says best why the build failed; empty: none does.
std::string failing_line(std::string_view make_log);
/// PRETTY_NAME of /etc/os-release without its quotes.
std::string parse_pretty_name(std::string_view os_release);

/// "kubernetes", "podman", "docker", "lxc", "container" or empty, by /proc/1/cgroup.
std::string container_of_cgroup(std::string_view cgroup);
/// The same by the name that a container manager gives itself: "systemd-nspawn" is a "container".
std::string container_of_name(std::string_view name);

}  // namespace strata::stack_check
