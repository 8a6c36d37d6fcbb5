#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tdm/sources/bybit/detail/instrument_row.hpp"
#include "tdm/sources/bybit/detail/parse.hpp"
#include "tdm/sources/bybit/detail/protocol.hpp"  // kExchange
#include "tdm/sources/json_text.hpp"              // parse_json

namespace tdm::sources::bybit {
namespace {

// "0" and "" say that there is none. REST sends milliseconds, the streams an ISO instant.
std::optional<TimePoint> stated_time(const Json& row, std::string_view key) {
  const auto text = text_of(row, key);
  if (!text || *text == "0") return std::nullopt;
  if (const auto time = parse_ms(*text)) return time;
  const auto bound = parse_time_bound(*text, key);
  return bound && !bound->is_date ? std::optional{bound->first} : std::nullopt;
}

// A coin's name also selects contracts of the other market: `contractType` says which row belongs here.
bool belongs_to(std::string_view contract_type, std::string_view market) {
  if (market == "linear") return !contract_type.starts_with("Inverse");
  if (market == "inverse") return !contract_type.starts_with("Linear");
  return true;
}

// What has no column of its own, as JSON.
std::string other_fields(Json row) {
  constexpr std::array<const char*, 8> kKnown{"symbol",    "contractType", "status",     "baseCoin",
                                              "quoteCoin", "settleCoin",   "launchTime", "deliveryTime"};
  for (const auto* key : kKnown) row.erase(key);
  return to_line(row);
}

}  // namespace

Result<Instrument> parse_instrument(const Json& row, std::string_view market) {
  const auto symbol = text_of(row, "symbol");
  if (!symbol) return fail(ErrorCode::corrupt_data, "an instrument has no symbol");
  auto id = InstrumentId::parse(fmt::format("{}.{}.{}", kExchange, market, *symbol));
  if (!id) return std::unexpected{std::move(id).error()};
  const auto text = [&](const Json& parent, std::string_view key) { return text_of(parent, key).value_or(""); };
  const auto& lots = member(row, "lotSizeFilter");
  const auto status = text(row, "status");
  return Instrument{
      .id = *std::move(id),
      .base = text(row, "baseCoin"),
      .quote = text(row, "quoteCoin"),
      .settle = text(row, "settleCoin"),
      .contract_type = market == "spot" ? "spot" : text(row, "contractType"),
      .status = status,
      .active = status == "Trading" || status == "1",  // "1": the form of early 2023
      .tick_size = text(member(row, "priceFilter"), "tickSize"),
      .lot_size = text_of(lots, "qtyStep").value_or(text(lots, "basePrecision")),
      .contract_size = "1",  // sizes are coins on spot and linear, contracts of 1 USD on inverse
      .launch_time = stated_time(row, "launchTime"),
      .delivery_time = stated_time(row, "deliveryTime"),
      .valid_from = {},
      .valid_to = {},
      .details = other_fields(row),
  };
}

Result<InstrumentsPage> parse_instruments(std::string_view body, std::string_view market) {
  const auto json = parse_json(body);
  if (!json) return std::unexpected{json.error()};
  const auto& result = member(*json, "result");
  const auto& list = member(result, "list");
  if (!list.is_array()) return fail(ErrorCode::corrupt_data, "result.list is missing");
  InstrumentsPage page;
  page.rows = list.size();
  page.next_cursor = text_of(result, "nextPageCursor").value_or("");
  for (const auto& row : list) {
    if (!belongs_to(text_of(row, "contractType").value_or(""), market)) continue;
    if (auto instrument = parse_instrument(row, market)) {
      page.instruments.push_back(*std::move(instrument));
    } else {
      ++page.unusable;
    }
  }
  if (page.instruments.empty() && page.unusable > 0)
    return fail(ErrorCode::corrupt_data, fmt::format("none of the {} instruments has a usable symbol", page.rows));
  return page;
}

Result<TimePoint> parse_server_time(std::string_view body) {
  const auto json = parse_json(body);
  if (!json) return std::unexpected{json.error()};
  if (const auto nanos = integer_of(member(member(*json, "result"), "timeNano"))) return from_us(*nanos / 1'000);
  if (const auto text = text_of(*json, "time"))
    if (const auto time = parse_ms(*text)) return *time;
  return fail(ErrorCode::corrupt_data, "the answer states no time");
}

}  // namespace tdm::sources::bybit
