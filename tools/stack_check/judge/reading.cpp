#include "tools/stack_check/judge/reading.h"

#include <algorithm>

namespace strata::stack_check {
namespace {

using nlohmann::json;

const json kNull = json::object();
const json kEmptyList = json::array();

}  // namespace

std::string text_of(const json& facts, const char* key) {
  const auto found = facts.find(key);
  return found != facts.end() && found->is_string() ? found->get<std::string>() : std::string();
}

double number_of(const json& facts, const char* key, double otherwise) {
  const auto found = facts.find(key);
  return found != facts.end() && found->is_number() ? found->get<double>() : otherwise;
}

int int_of(const json& facts, const char* key, double otherwise) {
  return int_of(number_of(facts, key, otherwise));
}

int int_of(double number) {
  constexpr double kMost = 1e9;
  return number == number ? static_cast<int>(std::clamp(number, -kMost, kMost)) : 0;
}

bool flag_of(const json& facts, const char* key, bool otherwise) {
  const auto found = facts.find(key);
  return found != facts.end() && found->is_boolean() ? found->get<bool>() : otherwise;
}

const json& list_of(const json& facts, const char* key) {
  const auto found = facts.find(key);
  return found != facts.end() && found->is_array() ? *found : kEmptyList;
}

const json& object_of(const json& facts, const char* key) {
  const auto found = facts.find(key);
  return found != facts.end() && found->is_object() ? *found : kNull;
}

}  // namespace strata::stack_check
