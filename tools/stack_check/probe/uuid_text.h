// A UUID as the driver's tools write it.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace strata::stack_probe {

/// "GPU-8c2f9d1e-0b3a-...": `prefix`, then 16 bytes in hexadecimal, in groups of 4, 2, 2, 2 and 6.
inline std::string uuid_text(std::string_view prefix, const unsigned char (&bytes)[16]) {
  std::string text(prefix);
  for (int i = 0; i < 16; ++i)
    text += fmt::format("{}{:02x}", i == 0 || i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                        bytes[i]);
  return text;
}

}  // namespace strata::stack_probe
