// How stand-ins for the libraries of the stack are told by the environment what to do. A stand-in's
// functions all begin with fake_answer(), so that each can fail, hang or kill the process.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace strata::fakes {

/// What FAKE_CALLS says of the function, "cuInit=999;cudnnCreate=hang;cuMemAlloc@1=2" (of GPU 1
/// only): the code to return; 0 if nothing. Or it is done here:
///   hang   never returns
///   abort, crash   ends the process by SIGABRT, SIGSEGV
///   print  writes a megabyte to standard output, standard error and descriptor 3, and returns 0
///   fork   leaves two children that sleep with every descriptor open, one of them in a session of
///          its own, and returns 0
int fake_answer(std::string_view function, int gpu = -1);

/// Whether FAKE_WRONG, "saxpy;sgemm", wants one element of the function's result to be wrong.
bool fake_wrong(std::string_view function);

/// 10 if FAKE_SLOW, "memory;fp32", has the thing, otherwise 1.
double fake_slowness(std::string_view thing);

/// The variable's value, or `fallback`.
long long fake_number(const char* variable, long long fallback);
std::string fake_text(const char* variable, const std::string& fallback);

/// The parts of `text` between separators, without empty ones.
std::vector<std::string> fake_split(std::string_view text, char separator);

}  // namespace strata::fakes
