#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include "sim/exchange.hpp"  // Answer
#include "sim/fault.hpp"     // Fault

namespace tdm::sim {

// How an exchange writes a page of bars: what the faults that change its rows must know.
struct PageLayout {
  using Json = nlohmann::ordered_json;
  Json* (*rows)(Json& body);  // the array of rows, null when the body has none
  std::span<const std::string_view> columns;
  bool newest_first = true;
};

// The faults that change rows and keys of a JSON body: RowFault, FieldFault, ShortPageFault. False when the answer has
// nothing that the fault speaks of (no such row, no such key), or when the fault is of another kind.
bool spoil_page(Answer& answer, const Fault& fault, const PageLayout& layout);

}  // namespace tdm::sim
