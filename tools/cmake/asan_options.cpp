// AddressSanitizer's defaults for our programs; the ASAN_OPTIONS of the environment overrule them.

/// Up to GCC 13 and LLVM 16, the leak checker may take the words before a thread-local block of a
/// library that was loaded with dlopen, here of oneDNN and its OpenMP, for that block's address and
/// size, and crash at the exit of a program that leaks nothing (google/sanitizers issue 1322). This
/// keeps it away from such blocks. Thread-local variables of the program itself are still searched
/// for pointers.
extern "C" const char* __asan_default_options() { return "intercept_tls_get_addr=0"; }
