// How many cores this process may keep busy: what `--threads` takes by default.
#pragma once

#include <filesystem>

namespace strata {

/// The cores that the scheduler lets this process run on (its affinity), or fewer where a control
/// group grants less time than they have: a container that was started with `--cpus 2` sees all
/// cores of its host, and more threads than two would only be halted in the middle of their work.
/// Part of a core counts as one. `root` is where /proc and /sys are looked for.
int cores_available(const std::filesystem::path& root = "/");

}  // namespace strata
