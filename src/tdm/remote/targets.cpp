#include "tdm/remote/detail/targets.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tdm/remote/detail/session.hpp"  // add_parameter

namespace tdm::remote {
namespace {

void add_optional(std::string& target, std::string_view name, const std::optional<std::string>& value) {
  if (value) add_parameter(target, name, *value);
}

std::string_view name_of(query::Fill fill) {
  switch (fill) {
    case query::Fill::none: return "none";
    case query::Fill::nan: return "nan";
    case query::Fill::ffill: return "ffill";
  }
  std::abort();  // no such policy: memory is corrupt
}

}  // namespace

std::string bars_target(const query::ReadRequest& request, const std::optional<std::string>& cursor) {
  std::string target = "/api/v1/ohlcv?format=arrow";
  add_parameter(target, "exchange", request.exchange);
  add_parameter(target, "symbol", request.symbol);
  add_parameter(target, "timeframe", request.timeframe);
  add_optional(target, "market", request.market);
  add_optional(target, "price_kind", request.price_kind);
  add_optional(target, "start", request.start);
  add_optional(target, "end", request.end);
  add_optional(target, "as_of", request.as_of);
  if (!request.columns.empty()) add_parameter(target, "columns", fmt::format("{}", fmt::join(request.columns, ",")));
  if (request.layer == query::Layer::raw) add_parameter(target, "layer", "raw");
  if (request.fetch == query::Fetch::never) add_parameter(target, "fetch", "never");
  if (request.straddle == query::Straddle::keep) add_parameter(target, "straddle", "keep");
  if (request.fill != query::Fill::none) add_parameter(target, "fill", name_of(request.fill));
  if (request.include_open || !request.confirmed_only) add_parameter(target, "include_open", "true");
  add_optional(target, "day_start", request.day_start);
  if (request.min_quality) add_parameter(target, "min_quality", fmt::format("{}", *request.min_quality));
  if (request.limit) add_parameter(target, "limit", std::to_string(*request.limit));
  add_optional(target, "cursor", cursor);
  return target;
}

std::string instruments_target(const query::InstrumentsRequest& request) {
  std::string target = "/api/v1/instruments";
  add_parameter(target, "exchange", request.exchange);
  add_optional(target, "market", request.market);
  add_optional(target, "pattern", request.pattern);
  add_optional(target, "as_of", request.as_of);
  if (request.active_only) add_parameter(target, "active_only", "true");
  return target;
}

std::string list_target(std::string path, const std::vector<std::string>& patterns,
                        const std::optional<std::string>& start, const std::optional<std::string>& end) {
  for (const auto& pattern : patterns) add_parameter(path, "series", pattern);
  add_optional(path, "start", start);
  add_optional(path, "end", end);
  return path;
}

bool is_glob(const std::string& text) { return text.find_first_of("*?") != std::string::npos; }

Result<SymbolPattern> SymbolPattern::parse(const std::string& text) {
  SymbolPattern pattern;
  const auto first = text.find('.');
  const auto second = first == std::string::npos ? first : text.find('.', first + 1);
  const auto end = second == std::string::npos ? second : text.find_first_of(":@", second + 1);
  if (end == std::string::npos || text.find('@', end) == std::string::npos)
    return fail(ErrorCode::invalid_argument,
                fmt::format("'{}' is not a pattern; expected EXCHANGE.MARKET.SYMBOL[:KIND]@TIMEFRAME, for example "
                            "bybit.linear.*USDT@1m",
                            text),
                "series");
  pattern.exchange = text.substr(0, first);
  pattern.market = text.substr(first + 1, second - first - 1);
  pattern.symbol = text.substr(second + 1, end - second - 1);
  pattern.rest = text.substr(end);
  if (is_glob(pattern.exchange) || is_glob(pattern.market) || is_glob(pattern.rest))
    return fail(ErrorCode::invalid_argument,
                fmt::format("'{}': over HTTP only the symbol of a pattern may hold * and ?", text), "series");
  return pattern;
}

}  // namespace tdm::remote
