// The smallest sound files of binary formats, written without the code under test.
#pragma once

#include <elf.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "tools/stack_check/system/architecture.h"

namespace strata::test {

struct SmallElf {
  Elf64_Ehdr header = {};
  Elf64_Phdr load = {}, dynamic = {};
  std::string rest;  // the dynamic section, then the names

  /// A shared library with DT_SONAME and, where it is not empty, DT_RPATH or DT_RUNPATH.
  explicit SmallElf(const std::string& soname, const std::string& path = "",
                    int64_t path_tag = DT_RUNPATH) {
    constexpr uint64_t kAddress = 0x10000;  // of the file's start in memory
    constexpr size_t kStart = sizeof header + sizeof load + sizeof dynamic;
    const std::string names = '\0' + soname + '\0' + path + '\0';
    std::vector<Elf64_Dyn> tags(path.empty() ? 4 : 5);
    const uint64_t names_start = kStart + tags.size() * sizeof(Elf64_Dyn);
    tags[0] = {DT_STRTAB, {kAddress + names_start}};
    tags[1] = {DT_STRSZ, {names.size()}};
    tags[2] = {DT_SONAME, {1}};
    if (!path.empty()) tags[3] = {path_tag, {soname.size() + 2}};
    rest.assign(reinterpret_cast<const char*>(tags.data()), tags.size() * sizeof(Elf64_Dyn));
    rest += names;

    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = ET_DYN;
    header.e_machine = stack_check::this_architecture().elf_machine;
    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof load;
    header.e_phnum = 2;
    load.p_type = PT_LOAD;
    load.p_vaddr = kAddress;
    load.p_filesz = load.p_memsz = kStart + rest.size();
    dynamic.p_type = PT_DYNAMIC;
    dynamic.p_offset = kStart;
    dynamic.p_filesz = tags.size() * sizeof(Elf64_Dyn);
  }

  std::string bytes() const {
    std::string result;
    for (const auto& [start, size] : {std::pair<const void*, size_t>(&header, sizeof header),
                                      {&load, sizeof load},
                                      {&dynamic, sizeof dynamic}})
      result.append(static_cast<const char*>(start), size);
    return result + rest;
  }
};

struct CacheEntry {
  std::string soname, path;
  int32_t flags = stack_check::this_architecture().cache_flags;
};

/// An ld.so.cache of the format "glibc-ld.so.cache1.1".
inline std::string small_cache(const std::vector<CacheEntry>& entries) {
  const auto number = [](uint64_t value, size_t bytes) {
    return std::string(reinterpret_cast<const char*>(&value), bytes);
  };
  constexpr size_t kHeader = 48, kEntry = 24;
  std::string table, names;
  const size_t names_start = kHeader + entries.size() * kEntry;
  for (const CacheEntry& entry : entries) {
    const size_t key = names_start + names.size();
    names += entry.soname + '\0';
    const size_t value = names_start + names.size();
    names += entry.path + '\0';
    table += number(static_cast<uint32_t>(entry.flags), 4) + number(key, 4) + number(value, 4) +
             std::string(12, '\0');
  }
  return "glibc-ld.so.cache1.1" + number(entries.size(), 4) + number(names.size(), 4) +
         std::string(20, '\0') + table + names;
}

}  // namespace strata::test
