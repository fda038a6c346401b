// Loading oneDNN, with as many threads as ours.
#include "ops/onednn/library.h"

#include <cstdlib>

#include "ops/onednn/api.h"
#include "tensor/error.h"
#include "tensor/parallel.h"

namespace strata::onednn {
namespace {

bool loaded = false;

std::string version_text(const dnnl_version_t& version) {
  return fmt::format("{}.{}.{}", version.major, version.minor, version.patch);
}

/// GNU's OpenMP lets its threads spin for milliseconds after each region, on the cores that our own
/// threads want for the op that follows. A thousand turns, some 10 us, last from one primitive to
/// the next and no longer. It reads the variable once, when it is loaded; who has set it, or the
/// standard's own, is not overruled.
void bound_spinning() {
  if (!std::getenv("OMP_WAIT_POLICY")) setenv("GOMP_SPINCOUNT", "1000", /*overwrite=*/0);
}

}  // namespace

Library::Library() : SharedLibrary("oneDNN", "libdnnl.so." STRATA_TEXT(DNNL_VERSION_MAJOR)) {
  const dnnl_version_t& version = *dnnl_version();
  if (version.major != DNNL_VERSION_MAJOR)
    fail(ErrorKind::device, "oneDNN: {} is version {}, this program needs version {}", path(),
         version_text(version), DNNL_VERSION_MAJOR);
  if (version.cpu_runtime == DNNL_RUNTIME_OMP)
    set_threads = load<void (*)(int)>("omp_set_num_threads");
  else if (version.cpu_runtime != DNNL_RUNTIME_SEQ)
    fail(ErrorKind::device,
         "oneDNN: {} was not built for OpenMP, so that --threads would not hold; use another "
         "build of it, or --kernels own",
         path());
  loaded = true;
}

const Library& library() {
  static const Library& library = []() -> const Library& {
    bound_spinning();
    return *new Library;
  }();
  // OpenMP keeps this number for each thread that calls.
  thread_local int threads = 0;
  if (library.set_threads && threads != thread_count()) {
    threads = thread_count();
    library.set_threads(threads);
  }
  return library;
}

dnnl_engine_t engine() {
  static const dnnl_engine_t engine = [] {
    dnnl_engine_t created = nullptr;
    STRATA_ONEDNN(library().dnnl_engine_create(&created, dnnl_cpu, 0));
    return created;
  }();
  return engine;
}

dnnl_stream_t stream() {
  static const dnnl_stream_t stream = [] {
    dnnl_stream_t created = nullptr;
    STRATA_ONEDNN(library().dnnl_stream_create(&created, engine(), dnnl_stream_default_flags));
    return created;
  }();
  return stream;
}

void check_onednn(dnnl_status_t status, const char* expression, std::source_location where) {
  if (status == dnnl_success) [[likely]]
    return;
  fail(status == dnnl_out_of_memory ? ErrorKind::out_of_memory : ErrorKind::device,
       "oneDNN: {} returned {} at {}:{}", expression, library().dnnl_status2str(status),
       where.file_name(), where.line());
}

const std::optional<std::string>& why_not_loadable() {
  static const std::optional<std::string> reason = []() -> std::optional<std::string> {
    try {
      library();
      return std::nullopt;
    } catch (const Error& error) {
      return error.what();
    }
  }();
  return reason;
}

std::optional<LoadedLibrary> loaded_library() {
  if (!loaded) return std::nullopt;
  return LoadedLibrary{version_text(*library().dnnl_version()), library().path()};
}

}  // namespace strata::onednn
