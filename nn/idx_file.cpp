// Checks the header before it believes the values.
#include "nn/idx_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <string>

#include "nn/unpacked_file.h"
#include "tensor/error.h"

namespace strata::nn {
namespace {

constexpr const char* kGetAgain = "get the file again (tools/get_mnist fetches MNIST)";
constexpr uint8_t kUnsignedByte = 0x08;
constexpr uint64_t kFirstPiece = uint64_t{64} << 20;  // holds MNIST in one piece

const char* type_name(uint8_t type) {
  switch (type) {
    case kUnsignedByte:
      return "uint8";
    case 0x09:
      return "int8";
    case 0x0B:
      return "int16";
    case 0x0C:
      return "int32";
    case 0x0D:
      return "float32";
    case 0x0E:
      return "float64";
    default:
      return nullptr;
  }
}

template <size_t kSize>
std::array<uint8_t, kSize> read_header_bytes(UnpackedFile& file, const std::string& name) {
  std::array<uint8_t, kSize> bytes;
  if (file.read(bytes) != kSize)
    fail(ErrorKind::data, "{}: ends inside the IDX header; {}", name, kGetAgain);
  return bytes;
}

// Checks the first four bytes and returns the rank.
int read_magic(UnpackedFile& file, const std::string& name, IdxContent content) {
  const auto magic = read_header_bytes<4>(file, name);
  const uint8_t type = magic[2];
  const int rank = magic[3];
  if (magic[0] != 0 || magic[1] != 0 || !type_name(type) || rank == 0)
    fail(ErrorKind::data,
         "{}: not an IDX file, it begins with bytes {:02x} (expected 00 00 08); {}", name,
         fmt::join(magic, " "), kGetAgain);
  if (type != kUnsignedByte)
    fail(ErrorKind::data, "{}: holds {} values (IDX type 0x{:02x}); write them as uint8 (0x08)",
         name, type_name(type), type);
  const bool fits = content == IdxContent::labels ? rank == 1 : rank == 3 || rank == 4;
  if (!fits)
    fail(ErrorKind::data, "{}: has rank {}, but {}; check that the file has the right name", name,
         rank,
         content == IdxContent::labels
             ? "labels have rank 1 (count)"
             : "images have rank 3 (count, height, width) or 4 (and channels)");
  return rank;
}

std::vector<int64_t> read_extents(UnpackedFile& file, const std::string& name, int rank) {
  std::vector<int64_t> extents;
  for (int axis = 0; axis < rank; ++axis) {
    const auto bytes = read_header_bytes<4>(file, name);
    extents.push_back(int64_t{bytes[0]} << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3]);
  }
  return extents;
}

uint64_t count_values(const std::string& name, const std::vector<int64_t>& extents) {
  uint64_t product = 1;
  for (const int64_t extent : extents) {
    if (extent == 0)
      fail(ErrorKind::data, "{}: holds nothing, its header says {}; {}", name,
           fmt::join(extents, "x"), kGetAgain);
    if (product > std::numeric_limits<int64_t>::max() / static_cast<uint64_t>(extent))
      fail(ErrorKind::data, "{}: the extents {} in its header overflow; {}", name,
           fmt::join(extents, "x"), kGetAgain);
    product *= static_cast<uint64_t>(extent);
  }
  return product;
}

std::vector<uint8_t> read_values(UnpackedFile& file, const std::string& name,
                                 const std::vector<int64_t>& extents) {
  const uint64_t claimed = count_values(name, extents);
  const std::string claim = extents.size() == 1
                                ? fmt::format("{} values", claimed)
                                : fmt::format("{} = {} values", fmt::join(extents, "x"), claimed);
  std::vector<uint8_t> values;
  uint64_t held = 0;
  while (held < claimed) {
    values.resize(std::min(claimed, std::max(kFirstPiece, 2 * held)));
    const auto space = std::span(values).subspan(held);
    const size_t count = file.read(space);
    held += count;
    if (count < space.size())
      fail(ErrorKind::data, "{}: the header claims {}, but only {} follow it; {}", name, claim,
           held, kGetAgain);
  }
  std::array<uint8_t, 1> next;
  if (file.read(next) != 0)
    fail(ErrorKind::data, "{}: more bytes follow the {} that the header claims; {}", name, claim,
         kGetAgain);
  return values;
}

}  // namespace

IdxFile read_idx(const std::filesystem::path& path, IdxContent content) {
  const std::string name = path.string();
  UnpackedFile file(path);
  IdxFile idx{.path = path, .extents = {}, .values = {}};
  idx.extents = read_extents(file, name, read_magic(file, name, content));
  idx.values = read_values(file, name, idx.extents);
  return idx;
}

}  // namespace strata::nn
