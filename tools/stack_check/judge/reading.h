// Reading facts of a probe, which come from another process and may be of any type: a wrong one
// counts as none.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace strata::stack_check {

std::string text_of(const nlohmann::json& facts, const char* key);
double number_of(const nlohmann::json& facts, const char* key, double otherwise = 0);
/// Within +-1e9, so that the cast and sums of two are safe.
int int_of(const nlohmann::json& facts, const char* key, double otherwise = 0);
int int_of(double number);
bool flag_of(const nlohmann::json& facts, const char* key, bool otherwise = false);
const nlohmann::json& list_of(const nlohmann::json& facts, const char* key);
const nlohmann::json& object_of(const nlohmann::json& facts, const char* key);

}  // namespace strata::stack_check
