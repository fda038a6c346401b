#include "tools/stack_check/system/elf.h"

#include <gtest/gtest.h>

#include "tests/stack_check/fake_machine.h"
#include "tests/stack_check/small_files.h"

namespace strata::test {
namespace {

using stack_check::ElfFile;
using stack_check::parse_elf;
using stack_check::read_elf;

std::string fault_of(const std::string& bytes) {
  return parse_elf(bytes, bytes.size()).fault;
}

TEST(ElfTest, ASoundLibrary) {
  const std::string bytes = SmallElf("libcuda.so.1", "$ORIGIN/../lib").bytes();
  const ElfFile file = parse_elf(bytes, bytes.size());
  EXPECT_EQ(file.fault, "");
  EXPECT_EQ(file.soname, "libcuda.so.1");
  EXPECT_EQ(file.runpath, "$ORIGIN/../lib");
  EXPECT_EQ(file.rpath, "");
  const std::string old = SmallElf("libx.so", "/opt/lib", DT_RPATH).bytes();
  EXPECT_EQ(parse_elf(old, old.size()).rpath, "/opt/lib");
}

TEST(ElfTest, LibrariesOfThisMachine) {
  EXPECT_EQ(read_elf("/proc/self/exe").fault, "");
  for (const char* path : {"/lib/x86_64-linux-gnu/libc.so.6", "/lib/aarch64-linux-gnu/libc.so.6",
                           "/lib64/libc.so.6"}) {
    if (!std::filesystem::exists(path)) continue;
    EXPECT_EQ(read_elf(path).fault, "") << path;
    EXPECT_EQ(read_elf(path).soname, "libc.so.6") << path;
    return;
  }
  GTEST_SKIP() << "no libc.so.6 in its usual folders";
}

TEST(ElfTest, FilesThatAreNone) {
  EXPECT_EQ(fault_of(""), "is empty");
  EXPECT_EQ(fault_of("version https://git-lfs.github.com/spec/v1\n"),
            "is a text file, not a library");
  EXPECT_EQ(fault_of("/* GNU ld script */\nGROUP ( libc.so.6 )\n"),
            "is a linker script, not a library");
  EXPECT_EQ(fault_of("INPUT(libncurses.so.6 -ltinfo)"), "is a linker script, not a library");
  EXPECT_EQ(fault_of(std::string(4096, '\0')), "is not an ELF file");
  EXPECT_EQ(fault_of("\x1f\x8b\x08 gzip"), "is not an ELF file");
  EXPECT_EQ(fault_of("\x7f"
                     "EL"),
            "is truncated: 3 bytes");
  EXPECT_EQ(fault_of("\x7f"
                     "ELF\2\1\1"),
            "is truncated: 7 bytes");
}

TEST(ElfTest, LibrariesForOthers) {
  SmallElf elf("libx.so");
  const uint16_t own = elf.header.e_machine;
  elf.header.e_machine = own == EM_AARCH64 ? EM_X86_64 : EM_AARCH64;
  EXPECT_EQ(fault_of(elf.bytes()), own == EM_AARCH64 ? "is for another processor (x86-64)"
                                                     : "is for another processor (aarch64)");
  elf.header.e_machine = 0x1234;
  EXPECT_EQ(fault_of(elf.bytes()), "is for another processor (ELF machine 4660)");
  elf.header.e_ident[EI_DATA] = ELFDATA2MSB;
  EXPECT_EQ(fault_of(elf.bytes()), "is for another processor (big-endian)");
  elf.header.e_ident[EI_CLASS] = ELFCLASS32;
  EXPECT_EQ(fault_of(elf.bytes()), "is a 32-bit library");
}

TEST(ElfTest, ObjectFilesAndCoresAreNoLibraries) {
  SmallElf elf("libx.so");
  elf.header.e_type = ET_REL;
  EXPECT_EQ(fault_of(elf.bytes()), "is an object file, not a shared library");
  elf.header.e_type = ET_CORE;
  EXPECT_EQ(fault_of(elf.bytes()), "is not a shared library");
}

TEST(ElfTest, ATruncatedFileSaysHowMuchIsThere) {
  SmallElf elf("libcuda.so.1");
  elf.load.p_filesz = elf.load.p_memsz = 96'000'000;
  elf.header.e_shoff = 96'274'344;
  elf.header.e_shnum = 30;
  elf.header.e_shentsize = sizeof(Elf64_Shdr);
  const std::string bytes = elf.bytes();
  EXPECT_EQ(parse_elf(bytes, 4096).fault, "is truncated: 4096 of 96276264 bytes");
  EXPECT_EQ(parse_elf(bytes, 96'000'000).fault, "") << "the loader needs no section table";
  const std::string start = bytes.substr(0, sizeof(Elf64_Ehdr));
  EXPECT_EQ(parse_elf(start, start.size()).fault, "is truncated: 64 of 176 bytes");
}

TEST(ElfTest, EveryTruncationIsNoticed) {
  const std::string bytes = SmallElf("libcuda.so.1").bytes();
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_NE(fault_of(bytes.substr(0, size)), "") << size;
  EXPECT_EQ(fault_of(bytes), "");
}

TEST(ElfTest, DamagedHeaders) {
  SmallElf misaligned("x");
  misaligned.load.p_vaddr += 1;
  EXPECT_EQ(fault_of(misaligned.bytes()), "has damaged program headers");
  SmallElf wrapping("x");
  wrapping.dynamic.p_offset = ~uint64_t{0} - 8;
  EXPECT_EQ(fault_of(wrapping.bytes()), "has damaged program headers");
  SmallElf shrinking("x");
  shrinking.load.p_memsz = 1;
  EXPECT_EQ(fault_of(shrinking.bytes()), "has damaged program headers");
  SmallElf headless("x");
  headless.header.e_phnum = 0;
  EXPECT_EQ(fault_of(headless.bytes()), "has a damaged ELF header");
  SmallElf idle("x");
  idle.load.p_type = PT_NOTE;
  EXPECT_EQ(fault_of(idle.bytes()), "has nothing to load");
  SmallElf still("x");
  still.dynamic.p_type = PT_NOTE;
  EXPECT_EQ(fault_of(still.bytes()), "has no dynamic section");
}

TEST(ElfTest, NamesOutsideTheFileAreNoNames) {
  SmallElf elf("libcuda.so.1");
  std::string bytes = elf.bytes();
  bytes.back() = bytes[bytes.size() - 2] = 'x';  // nothing ends the name
  EXPECT_EQ(parse_elf(bytes, bytes.size()).soname, "");
  const size_t soname_value = bytes.size() - elf.rest.size() + 2 * sizeof(Elf64_Dyn) + 8;
  bytes = elf.bytes();
  bytes[soname_value + 3] = 'x';  // far behind the names
  EXPECT_EQ(parse_elf(bytes, bytes.size()).soname, "");
}

TEST(ElfTest, PathsThatCannotBeRead) {
  FakeMachine machine;
  machine.folder("/folder").file("/libx.so", SmallElf("libx.so").bytes());
  EXPECT_EQ(read_elf(machine.place("/libx.so").string()).soname, "libx.so");
  EXPECT_EQ(read_elf(machine.place("/absent.so").string()).fault,
            "cannot be read (No such file or directory)");
  EXPECT_EQ(read_elf(machine.place("/folder").string()).fault, "cannot be read (Is a directory)");
  EXPECT_EQ(read_elf("/dev/null").fault, "cannot be read (Invalid argument)");
}

}  // namespace
}  // namespace strata::test
