#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tdm/query/market_data.hpp"  // ReadRequest, InstrumentsRequest

// From requests to targets of the HTTP API. Pure.
namespace tdm::remote {

// `cursor` wins over the request's own. on_gap is not sent: the policy is decided from the provenance.
std::string bars_target(const query::ReadRequest& request, const std::optional<std::string>& cursor);
std::string instruments_target(const query::InstrumentsRequest& request);
// "/api/v1/gaps?series=...&start=...": the lists that take series, patterns and a range.
std::string list_target(std::string path, const std::vector<std::string>& patterns,
                        const std::optional<std::string>& start, const std::optional<std::string>& end);

// A pattern whose symbol may be a glob, and nothing else: what the API can expand. "bybit.linear.*USDT:mark@1m".
struct SymbolPattern {
  std::string exchange, market, symbol, rest;  // rest: ":mark@1m"
  static Result<SymbolPattern> parse(const std::string& text);
};
bool is_glob(const std::string& text);

}  // namespace tdm::remote
