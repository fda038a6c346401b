#include "tools/stack_check/system/elf.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>
#include <optional>
#include <system_error>
#include <vector>

#include "tools/stack_check/system/architecture.h"
#include "tools/stack_check/system/file.h"
#include "tools/stack_check/system/texts.h"

namespace strata::stack_check {
namespace {

constexpr size_t kSample = 512;  // bytes by which a text file is known
constexpr size_t kMaxDynamic = 64 << 10;
constexpr size_t kMaxString = 4096;
constexpr uint64_t kPage = 4096;
constexpr uint64_t kOverflow = std::numeric_limits<uint64_t>::max();

/// Bytes of the file from an offset on; fewer than asked for at its end or where it cannot be read.
using Reader = std::function<std::string(uint64_t offset, size_t count)>;

template <class T>
std::optional<T> take(std::string_view bytes, size_t offset = 0) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

uint64_t end_of(uint64_t offset, uint64_t size) {
  return size > kOverflow - offset ? kOverflow : offset + size;
}

std::string machine_name(uint16_t machine) {
  switch (machine) {
    case EM_X86_64:
      return "x86-64";
    case EM_AARCH64:
      return "aarch64";
    case EM_386:
      return "i386";
    case EM_ARM:
      return "arm";
    case EM_PPC64:
      return "ppc64";
    case EM_RISCV:
      return "riscv";
    default:
      return fmt::format("ELF machine {}", machine);
  }
}

std::string fault_of_other_file(std::string_view sample) {
  if (std::string_view(ELFMAG, SELFMAG).starts_with(sample))
    return fmt::format("is truncated: {} bytes", sample.size());
  const bool text = std::none_of(sample.begin(), sample.end(), [](char c) {
    return (c >= 0 && c < ' ' && !trimmed({&c, 1}).empty()) || c == '\0' || c == '\x7f';
  });
  if (!text) return "is not an ELF file";
  for (const std::string_view word :
       {"GNU ld script", "OUTPUT_FORMAT(", "GROUP (", "GROUP(", "INPUT (", "INPUT("})
    if (sample.find(word) != std::string_view::npos) return "is a linker script, not a library";
  return "is a text file, not a library";
}

std::string fault_of_header(std::string_view bytes, uint64_t file_size) {
  if (!bytes.starts_with(ELFMAG)) return fault_of_other_file(bytes.substr(0, kSample));
  if (file_size < sizeof(Elf64_Ehdr)) return fmt::format("is truncated: {} bytes", file_size);
  const auto header = take<Elf64_Ehdr>(bytes);
  if (!header) return "cannot be read";
  if (header->e_ident[EI_CLASS] == ELFCLASS32) return "is a 32-bit library";
  if (header->e_ident[EI_CLASS] != ELFCLASS64) return "has a damaged ELF header";
  if (header->e_ident[EI_DATA] == ELFDATA2MSB) return "is for another processor (big-endian)";
  if (header->e_machine != this_architecture().elf_machine)
    return "is for another processor (" + machine_name(header->e_machine) + ")";
  if (header->e_type == ET_REL) return "is an object file, not a shared library";
  if (header->e_type != ET_DYN && header->e_type != ET_EXEC) return "is not a shared library";
  if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum == 0 ||
      header->e_phnum == PN_XNUM)
    return "has a damaged ELF header";
  return {};
}

using Segments = std::vector<Elf64_Phdr>;

bool is_damaged(const Elf64_Phdr& segment) {
  return segment.p_type == PT_LOAD &&
         (segment.p_memsz < segment.p_filesz || (segment.p_vaddr - segment.p_offset) % kPage != 0 ||
          end_of(segment.p_vaddr, segment.p_memsz) == kOverflow);
}

std::string fault_of_segments(const Elf64_Ehdr& header, const Segments& segments,
                              uint64_t file_size) {
  uint64_t needed = end_of(header.e_phoff, header.e_phnum * sizeof(Elf64_Phdr));
  bool loadable = false, dynamic = false;
  for (const Elf64_Phdr& segment : segments) {
    needed = std::max(needed, end_of(segment.p_offset, segment.p_filesz));
    loadable |= segment.p_type == PT_LOAD;
    dynamic |= segment.p_type == PT_DYNAMIC;
    if (is_damaged(segment)) return "has damaged program headers";
  }
  if (needed == kOverflow) return "has damaged program headers";
  if (needed > file_size) {
    // The loader never looks at the sections, but their table ends the file and so tells its size.
    const uint64_t sections = end_of(header.e_shoff, header.e_shnum * sizeof(Elf64_Shdr));
    const bool told = segments.size() == header.e_phnum && sections != kOverflow;
    return fmt::format("is truncated: {} of {} bytes", file_size,
                       told ? std::max(needed, sections) : needed);
  }
  if (segments.size() < header.e_phnum) return "cannot be read";
  if (!loadable) return "has nothing to load";
  if (!dynamic && header.e_type == ET_DYN) return "has no dynamic section";
  return {};
}

Segments read_segments(const Reader& read, const Elf64_Ehdr& header) {
  const std::string table = read(header.e_phoff, header.e_phnum * sizeof(Elf64_Phdr));
  Segments segments;
  while (const auto segment = take<Elf64_Phdr>(table, segments.size() * sizeof(Elf64_Phdr)))
    segments.push_back(*segment);
  return segments;
}

/// Where in the file lies what is loaded at `address`.
std::optional<uint64_t> file_offset(const Segments& segments, uint64_t address) {
  for (const Elf64_Phdr& segment : segments)
    if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
        address - segment.p_vaddr < segment.p_filesz)
      return end_of(segment.p_offset, address - segment.p_vaddr);
  return std::nullopt;
}

struct DynamicTags {
  std::optional<uint64_t> strings, strings_size, soname, rpath, runpath;
};

DynamicTags read_dynamic(const Reader& read, const Segments& segments) {
  DynamicTags tags;
  const auto is_dynamic = [](const Elf64_Phdr& segment) { return segment.p_type == PT_DYNAMIC; };
  const auto segment = std::find_if(segments.begin(), segments.end(), is_dynamic);
  if (segment == segments.end()) return tags;
  const std::string table =
      read(segment->p_offset, std::min<uint64_t>(segment->p_filesz, kMaxDynamic));
  for (size_t offset = 0;; offset += sizeof(Elf64_Dyn)) {
    const auto entry = take<Elf64_Dyn>(table, offset);
    if (!entry || entry->d_tag == DT_NULL) return tags;
    switch (entry->d_tag) {
      case DT_STRTAB:
        tags.strings = entry->d_un.d_ptr;
        break;
      case DT_STRSZ:
        tags.strings_size = entry->d_un.d_val;
        break;
      case DT_SONAME:
        tags.soname = entry->d_un.d_val;
        break;
      case DT_RPATH:
        tags.rpath = entry->d_un.d_val;
        break;
      case DT_RUNPATH:
        tags.runpath = entry->d_un.d_val;
        break;
      default:
        break;
    }
  }
}

std::string read_string(const Reader& read, const Segments& segments, const DynamicTags& tags,
                        std::optional<uint64_t> place) {
  if (!place || !tags.strings || *place >= tags.strings_size.value_or(0)) return {};
  const std::optional<uint64_t> offset = file_offset(segments, end_of(*tags.strings, *place));
  if (!offset) return {};
  const std::string text =
      read(*offset, std::min<uint64_t>(*tags.strings_size - *place, kMaxString));
  const size_t end = text.find('\0');
  return end == std::string::npos ? std::string() : text.substr(0, end);
}

ElfFile parse(const Reader& read, uint64_t file_size) {
  ElfFile file;
  if (file_size == 0) {
    file.fault = "is empty";
    return file;
  }
  const std::string start = read(0, kSample);
  file.fault = start.empty() ? "cannot be read" : fault_of_header(start, file_size);
  if (!file.fault.empty()) return file;
  const Elf64_Ehdr header = take<Elf64_Ehdr>(start).value();
  const Segments segments = read_segments(read, header);
  file.fault = fault_of_segments(header, segments, file_size);
  if (!file.fault.empty()) return file;
  const DynamicTags tags = read_dynamic(read, segments);
  file.soname = read_string(read, segments, tags, tags.soname);
  file.rpath = read_string(read, segments, tags, tags.rpath);
  file.runpath = read_string(read, segments, tags, tags.runpath);
  return file;
}

}  // namespace

ElfFile read_elf(const std::string& path) {
  const File file(path);
  if (file.error() == 0)
    return parse(
        [&](uint64_t offset, size_t count) { return file.read(offset, count).value_or(""); },
        file.size());
  ElfFile result;
  result.fault = fmt::format("cannot be read ({})", std::generic_category().message(file.error()));
  return result;
}

ElfFile parse_elf(std::string_view bytes, uint64_t file_size) {
  return parse(
      [&](uint64_t offset, size_t count) {
        return offset < bytes.size() ? std::string(bytes.substr(offset, count)) : std::string();
      },
      file_size);
}

}  // namespace strata::stack_check
