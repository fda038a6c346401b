// Finding the patterns of error texts in text pasted from anywhere.
#pragma once

#include <string>
#include <string_view>

namespace strata::stack_check {

/// ASCII letters in lower case, every run of white space as one space, every kind of quote as '.
std::string normalized(std::string_view text);

/// Whether `text` contains `pattern`, in which * stands for at most 200 characters; a number in the
/// pattern is a whole number of the text. Both must be normalized. Linear in the text for each
/// piece between two *, whatever the text.
bool contains_normalized(std::string_view text, std::string_view pattern);

}  // namespace strata::stack_check
