#include "tools/stack_check/look.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

namespace strata::stack_check {
namespace {

namespace fs = std::filesystem;

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? std::optional<std::string>(value) : std::nullopt;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

/// "13.0", from the toolkit's header: CUDA_VERSION, 1000 times the major version and 10 times the
/// minor one. The header is what a program is built with; empty where there is none.
std::string toolkit_version(const Root& root, const std::string& folder) {
  constexpr std::string_view kMacro = "#define CUDA_VERSION ";
  for (const char* include : {"/include/cuda.h", "/targets/x86_64-linux/include/cuda.h"}) {
    const std::string header = root.read(folder + include, 256 << 10).value_or("");
    const size_t at = header.find(kMacro);
    if (at == std::string::npos) continue;
    const int version = std::atoi(header.c_str() + at + kMacro.size());
    return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
  }
  return {};
}

/// The toolkit that a user's nvcc belongs to, otherwise the one in the usual place.
void find_toolkit(const Root& root, Surroundings& surroundings) {
  std::vector<std::string> folders;
  if (root.is_real()) {
    std::error_code ignored;
    for (const std::string& folder : split(environment("PATH").value_or(""), ':'))
      if (fs::exists(folder + "/nvcc", ignored))
        folders.push_back(
            fs::weakly_canonical(folder + "/nvcc", ignored).parent_path().parent_path());
  }
  folders.push_back("/usr/local/cuda");
  for (const std::string& folder : folders) {
    surroundings.toolkit_cuda = toolkit_version(root, folder);
    surroundings.toolkit_path = folder;
    if (!surroundings.toolkit_cuda.empty()) return;
  }
  surroundings.toolkit_path.clear();
}

Surroundings look_around(const Root& root) {
  Surroundings surroundings;
  surroundings.visible_devices = environment("CUDA_VISIBLE_DEVICES");
  surroundings.driver_capabilities = environment("NVIDIA_DRIVER_CAPABILITIES");
  surroundings.ld_library_path = environment("LD_LIBRARY_PATH").value_or("");
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    surroundings.address_space_limit = limit.rlim_cur;
  find_toolkit(root, surroundings);
  return surroundings;
}

/// Every library of the stack, in the versions that are about.
std::vector<std::string> sonames() {
  std::vector<std::string> names = {"libcuda.so.1", "libnvidia-ml.so.1",
                                    "libnvidia-ptxjitcompiler.so.1", "libnccl.so.2"};
  for (const char* major : {"11", "12", "13"})
    for (const char* library : {"libcublas", "libcublasLt", "libcudart", "libnvrtc"})
      names.push_back(fmt::format("{}.so.{}", library, major));
  for (const char* major : {"8", "9"}) names.push_back(fmt::format("libcudnn.so.{}", major));
  for (const char* part : {"graph", "ops", "cnn", "adv", "heuristic", "engines_precompiled",
                           "engines_runtime_compiled", "engines_tensor_ir", "ext"})
    names.push_back(fmt::format("libcudnn_{}.so.9", part));
  return names;
}

SearchPlaces places_of(const Root& root, const std::string& probe,
                       const Surroundings& surroundings) {
  SearchPlaces places;
  places.ld_library_path = surroundings.ld_library_path;
  places.program = probe;
  places.cache = root.path("/etc/ld.so.cache");
  for (std::string& folder : places.default_folders) folder = root.path(folder);
  return places;
}

/// Folders on LD_LIBRARY_PATH that hold the toolkit's stand-in for libcuda, made for linking only.
std::vector<std::string> find_stubs(const Surroundings& surroundings) {
  std::vector<std::string> found;
  std::error_code ignored;
  for (const std::string& folder : split(surroundings.ld_library_path, ':'))
    if (fs::path(folder + "/").parent_path().filename() == "stubs" &&
        fs::exists(folder + "/libcuda.so", ignored))
      found.push_back(folder);
  return found;
}

}  // namespace

Evidence look(const std::string& root_folder, const std::string& probe) {
  const Root root(root_folder);
  Evidence evidence{.facts = facts(),
                    .machine = read_machine(root),
                    .surroundings = look_around(root),
                    .files = {},
                    .stub_folders = {},
                    .holders = holders_of_gpus(root),
                    .libcuda = {},
                    .libcuda_of_all = {},
                    .nvml = {},
                    .probes = {},
                    .nccl_without_p2p = {}};
  const SearchPlaces places = places_of(root, probe, evidence.surroundings);
  for (const std::string& soname : sonames())
    for (LibraryCandidate& candidate : find_library(soname, places)) {
      ElfFile elf = read_elf(candidate.path);
      evidence.files[soname].push_back({std::move(candidate), std::move(elf)});
    }
  evidence.stub_folders = find_stubs(evidence.surroundings);
  return evidence;
}

}  // namespace strata::stack_check
