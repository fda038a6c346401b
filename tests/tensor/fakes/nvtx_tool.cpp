// A stand-in for a tool that listens to NVTX, as Nsight Systems does: NVTX loads the library that
// NVTX_INJECTION64_PATH names. Writes what it hears to the file that FAKE_NVTX_LOG names, a line
// each: "domain strata", "push relu, category 4", "pop".
#include <nvtx3/nvToolsExt.h>

#include <cstdio>
#include <cstdlib>

namespace {

std::FILE* log_file() {
  static std::FILE* const file = [] {
    const char* name = std::getenv("FAKE_NVTX_LOG");
    std::FILE* opened = name ? std::fopen(name, "w") : nullptr;
    if (!opened) std::abort();
    std::setvbuf(opened, nullptr, _IOLBF, BUFSIZ);
    return opened;
  }();
  return file;
}

nvtxDomainHandle_t create_domain(const char* name) {
  std::fprintf(log_file(), "domain %s\n", name);
  return reinterpret_cast<nvtxDomainHandle_t>(log_file());
}

int push(nvtxDomainHandle_t domain, const nvtxEventAttributes_t* range) {
  std::fprintf(reinterpret_cast<std::FILE*>(domain), "push %s, category %u\n", range->message.ascii,
               range->category);
  return 0;
}

int pop(nvtxDomainHandle_t domain) {
  std::fprintf(reinterpret_cast<std::FILE*>(domain), "pop\n");
  return 0;
}

template <class Function>
NvtxFunctionPointer untyped(Function* function) {
  return reinterpret_cast<NvtxFunctionPointer>(function);
}

}  // namespace

extern "C" int InitializeInjectionNvtx2(NvtxGetExportTableFunc_t get_table) {
  const auto* callbacks =
      static_cast<const NvtxExportTableCallbacks*>(get_table(NVTX_ETID_CALLBACKS));
  NvtxFunctionTable table = nullptr;
  unsigned int size = 0;
  if (!callbacks || !callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE2, &table, &size))
    return 0;
  *table[NVTX_CBID_CORE2_DomainCreateA] = untyped(create_domain);
  *table[NVTX_CBID_CORE2_DomainRangePushEx] = untyped(push);
  *table[NVTX_CBID_CORE2_DomainRangePop] = untyped(pop);
  return 1;
}
