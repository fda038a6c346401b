// The format of glibc 2.2 and later: a header, entries of 24 bytes, then the names that they point
// at.
#include <cstring>

#include "tools/stack_check/system/architecture.h"
#include "tools/stack_check/system/library_search.h"

namespace strata::stack_check {
namespace {

constexpr std::string_view kMagic = "glibc-ld.so.cache1.1";
constexpr std::string_view kOldMagic = "ld.so-1.7.0";
constexpr size_t kHeader = 48, kEntry = 24, kOldHeader = 16, kOldEntry = 12;
constexpr uint32_t kKindMask = 0xffff;  // processor and C library; the bits above are of no matter
constexpr size_t kMaxName = 4096;
constexpr size_t kMaxText = 32 << 20;  // names may overlap, so a small file can claim very many

uint32_t number_at(std::string_view bytes, size_t offset) {
  uint32_t value = 0;
  if (offset + sizeof value <= bytes.size())
    std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

std::string_view text_at(std::string_view bytes, uint32_t offset) {
  if (offset >= bytes.size()) return {};
  const std::string_view rest = bytes.substr(offset, kMaxName);
  const size_t end = rest.find('\0');
  return end == std::string_view::npos ? std::string_view() : rest.substr(0, end);
}

std::string_view without_old_part(std::string_view bytes) {
  if (!bytes.starts_with(kOldMagic)) return bytes;
  const uint64_t end = kOldHeader + uint64_t{number_at(bytes, 12)} * kOldEntry;
  const uint64_t aligned = (end + 7) / 8 * 8;
  return aligned < bytes.size() ? bytes.substr(aligned) : std::string_view();
}

}  // namespace

std::vector<std::pair<std::string, std::string>> parse_loader_cache(std::string_view bytes) {
  bytes = without_old_part(bytes);
  std::vector<std::pair<std::string, std::string>> entries;
  if (!bytes.starts_with(kMagic)) return entries;
  const uint32_t count = number_at(bytes, kMagic.size());
  size_t text = 0;
  for (size_t i = 0; i < count && kHeader + (i + 1) * kEntry <= bytes.size(); ++i) {
    const size_t entry = kHeader + i * kEntry;
    const auto kind = static_cast<int32_t>(number_at(bytes, entry) & kKindMask);
    const std::string_view soname = text_at(bytes, number_at(bytes, entry + 4));
    const std::string_view path = text_at(bytes, number_at(bytes, entry + 8));
    if (kind != this_architecture().cache_flags || soname.empty() || path.empty()) continue;
    text += soname.size() + path.size();
    if (text > kMaxText) break;
    entries.emplace_back(soname, path);
  }
  return entries;
}

}  // namespace strata::stack_check
