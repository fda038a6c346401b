// The frame around a lesson that takes one argument, the device: its exit code, and the message
// where it cannot run. 0: right, 1: wrong, 2: wrong usage, 4: the device cannot be used.
#pragma once

#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>

#include "tensor/device.h"
#include "tensor/error.h"

namespace strata {

inline int run_on_device(int argc, char** argv, bool (*lesson)(Device)) {
  const std::string name = std::filesystem::path(argv[0]).filename().string();
  const std::string_view word = argc > 1 ? argv[1] : "cpu";
  if (argc > 2 || (word != "cpu" && word != "gpu")) {
    std::fprintf(stderr, "%s: takes cpu or gpu, and nothing else\n", name.c_str());
    return 2;
  }
  try {
    const bool right = lesson(word == "gpu" ? Device::gpu : Device::cpu);
    std::printf("%s on the %s\n", right ? "PASS" : "FAIL", std::string(word).c_str());
    return right ? 0 : 1;
  } catch (const Error& error) {
    std::fprintf(stderr, "%s: %s\n", name.c_str(), error.what());
    return 4;
  }
}

}  // namespace strata
