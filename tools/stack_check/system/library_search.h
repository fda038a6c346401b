// Where the loader will find a library, in its order, and where further copies lie.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace strata::stack_check {

/// Keys of the catalogue's words.
inline constexpr const char* kByLdLibraryPath = "by_ld_library_path";
inline constexpr const char* kByRunpath = "by_runpath";       // of the probe
inline constexpr const char* kByCache = "by_cache";           // /etc/ld.so.cache
inline constexpr const char* kByDefault = "by_default";       // /lib, /usr/lib, ...

struct LibraryCandidate {
  std::string path;    // as the loader would open it
  std::string target;  // with symbolic links followed; empty: the link dangles
  std::string reason;  // one of the above
};

/// What the search depends on.
struct SearchPlaces {
  std::string ld_library_path;
  std::string program;              // whose DT_RPATH or DT_RUNPATH counts
  std::string cache = "/etc/ld.so.cache";
  std::vector<std::string> default_folders = {"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu",
                                              "/lib64", "/usr/lib64", "/lib", "/usr/lib"};
};

/// Every file that the loader would consider for `soname` in the order of ld.so(8): LD_LIBRARY_PATH,
/// DT_RUNPATH (DT_RPATH before both), the cache, the default folders. One entry per real file.
std::vector<LibraryCandidate> find_library(const std::string& soname, const SearchPlaces& places);

/// Entries (soname, path) of ld.so.cache in format "glibc-ld.so.cache1.1", old-format prefix or not.
/// Empty for anything else.
std::vector<std::pair<std::string, std::string>> parse_loader_cache(std::string_view bytes);

/// The version in a file's name: "580.159.04" of ".../libcuda.so.580.159.04"; empty: a bare number.
std::string version_in_name(std::string_view path);

}  // namespace strata::stack_check
