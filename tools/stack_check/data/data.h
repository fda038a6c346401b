// The data files, compiled into the program by tools/CMakeLists.txt.
#pragma once

namespace strata::stack_check {

extern const char* const k_catalogue_json;
extern const char* const k_facts_json;

}  // namespace strata::stack_check
