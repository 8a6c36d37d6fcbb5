#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "tdm/validate/detail/sheet.hpp"  // Sheet
#include "tdm/validate/rules.hpp"         // RuleInfo

namespace tdm::validate::detail {

using Parameters = std::map<std::string, double>;

// What a setting may change of a rule.
enum class Freedom : std::uint8_t {
  none,    // the meaning of the stored data hangs on it
  row,     // may be turned off; any severity
  series,  // speaks of many rows at once: may be turned off, never refuses a row
};

// One rule and how it is checked. A rule is written once, in the file of its family; listing it there is all it takes.
struct Rule {
  RuleInfo info;
  Freedom freedom = Freedom::none;
  // Sets broken[row] = 1 where the rule does not hold. Pure. Absent for the rules that compare with what is stored or
  // look at the batch as a whole: those are asked by judge() by name.
  void (*check)(const Sheet& sheet, const Parameters& parameters, std::span<std::uint8_t> broken) = nullptr;
  // Why, for a person. Called for refused rows only.
  std::string (*explain)(const Sheet& sheet, std::size_t row) = nullptr;
  bool holds_back = false;  // a row that breaks it has not ended: still_open, no rejection
};

std::span<const Rule> instrument_rules();
std::span<const Rule> time_rules();
std::span<const Rule> completeness_rules();
std::span<const Rule> shape_rules();
std::span<const Rule> duplicate_rules();

// All of them in the order in which they are asked: the first that refuses a row names the reason.
std::span<const Rule> all_rules();
const Rule* find_rule(std::string_view id);

}  // namespace tdm::validate::detail
