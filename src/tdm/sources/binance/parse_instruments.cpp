#include <fmt/format.h>

#include <array>

#include "tdm/sources/binance/detail/parse.hpp"
#include "tdm/sources/binance/detail/protocol.hpp"  // find_facts

namespace tdm::sources::binance {
namespace {

// 2100-12-25: what a perpetual has for a delivery date.
constexpr TimePoint kNever = from_ms(4'133'404'800'000);

// A limit below the weight of our requests is none.
constexpr std::int64_t kLeastQuota = 100;

std::optional<TimePoint> stated_time(const Json& row, std::string_view key) {
  const auto text = text_of(row, key);
  const auto time = text ? parse_ms(*text) : std::nullopt;
  return time && *time > TimePoint{} && *time < kNever ? time : std::nullopt;
}

// Found by its type: the order of filters, and of keys inside them, differs between products.
std::string filter_value(const Json& row, std::string_view type, std::string_view key) {
  const auto& filters = member(row, "filters");
  if (!filters.is_array()) return {};
  for (const auto& filter : filters)
    if (text_of(filter, "filterType") == type) return text_of(filter, key).value_or("");
  return {};
}

// What has no column of its own, as JSON.
std::string other_fields(Json row) {
  constexpr std::array<const char*, 10> kKnown{"symbol",       "status",      "contractStatus", "baseAsset",
                                               "quoteAsset",   "marginAsset", "contractType",   "onboardDate",
                                               "deliveryDate", "contractSize"};
  for (const auto* key : kKnown) row.erase(key);
  return to_line(row);
}

std::optional<double> weight_limit(const Json& info) {
  const auto& limits = member(info, "rateLimits");
  if (!limits.is_array()) return std::nullopt;
  for (const auto& limit : limits) {
    if (text_of(limit, "rateLimitType") != "REQUEST_WEIGHT" || text_of(limit, "interval") != "MINUTE" ||
        integer_of(member(limit, "intervalNum")) != 1)
      continue;
    const auto units = integer_of(member(limit, "limit"));
    if (units && *units >= kLeastQuota) return static_cast<double>(*units);
  }
  return std::nullopt;
}

}  // namespace

std::string usual_contract_size(std::string_view symbol) { return symbol.starts_with("BTCUSD_") ? "100" : "10"; }

Result<Instrument> parse_instrument(const Json& row, std::string_view market) {
  const auto symbol = text_of(row, "symbol");
  if (!symbol) return fail(ErrorCode::corrupt_data, "an instrument has no symbol");
  auto id = InstrumentId::parse(fmt::format("{}.{}.{}", kExchange, market, *symbol));
  if (!id) return std::unexpected{std::move(id).error()};
  const auto* const facts = find_facts(market);
  const bool counts_contracts = facts != nullptr && facts->counts_contracts;
  const auto text = [&](std::string_view key) { return text_of(row, key).value_or(""); };
  const auto status = text_of(row, "contractStatus").value_or(text("status"));
  return Instrument{
      .id = *std::move(id),
      .base = text("baseAsset"),
      .quote = text("quoteAsset"),
      .settle = text("marginAsset"),
      .contract_type = market == "spot" ? "spot" : text("contractType"),
      .status = status,
      .active = status == "TRADING",
      .tick_size = filter_value(row, "PRICE_FILTER", "tickSize"),
      .lot_size = filter_value(row, "LOT_SIZE", "stepSize"),
      .contract_size = counts_contracts ? text_of(row, "contractSize").value_or(usual_contract_size(*symbol)) : "1",
      .launch_time = stated_time(row, "onboardDate"),
      .delivery_time = stated_time(row, "deliveryDate"),
      .valid_from = {},
      .valid_to = {},
      .details = other_fields(row),
  };
}

Result<ExchangeInfo> parse_exchange_info(std::string_view body, std::string_view market) {
  const auto json = parse_json(body);
  if (!json) return std::unexpected{json.error()};
  const auto& symbols = member(*json, "symbols");
  if (!symbols.is_array()) return fail(ErrorCode::corrupt_data, "symbols is missing");
  ExchangeInfo info;
  info.weight_per_minute = weight_limit(*json);
  for (const auto& row : symbols) {
    if (auto instrument = parse_instrument(row, market)) {
      info.instruments.push_back(*std::move(instrument));
    } else {
      ++info.unusable;
    }
  }
  if (info.instruments.empty() && info.unusable > 0)
    return fail(ErrorCode::corrupt_data, fmt::format("none of the {} symbols can be used", symbols.size()));
  return info;
}

Result<TimePoint> parse_server_time(std::string_view body) {
  const auto json = parse_json(body);
  if (!json) return std::unexpected{json.error()};
  if (const auto text = text_of(*json, "serverTime"))
    if (const auto time = parse_ms(*text)) return *time;
  return fail(ErrorCode::corrupt_data, "the answer states no serverTime");
}

}  // namespace tdm::sources::binance
