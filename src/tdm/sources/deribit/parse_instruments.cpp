#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>

#include "tdm/sources/deribit/detail/chart.hpp"  // parse_envelope
#include "tdm/sources/deribit/detail/parse.hpp"
#include "tdm/sources/deribit/detail/protocol.hpp"  // kExchange, market_of_kind
#include "tdm/sources/json_scan.hpp"                // json_of

namespace tdm::sources::deribit {
namespace {

namespace ondemand = simdjson::ondemand;

// What never expires says so with a day of the year 3000.
std::optional<TimePoint> stated_time(const Json& row, std::string_view key) {
  constexpr std::int64_t kNever = 32'472'144'000'000;  // 2999-01-01
  const auto text = text_of(row, key);
  const auto time = text ? parse_ms(*text) : std::nullopt;
  return time && to_ms(*time) < kNever ? time : std::nullopt;
}

// "reversed perpetual", "linear option", "spot": Deribit's words; the first is missing in old answers about options.
std::string contract_type_of(const Json& row, std::string_view kind) {
  if (kind == "spot") return "spot";
  const auto direction = text_of(row, "instrument_type").value_or(text_of(row, "future_type").value_or(""));
  const bool perpetual = kind == "future" && text_of(row, "settlement_period") == "perpetual";
  return fmt::format("{}{}{}", direction, direction.empty() ? "" : " ", perpetual ? "perpetual" : kind);
}

// Both generations of state names; `state` does not exist before 2026.
bool is_over(std::string_view state) {
  constexpr std::array<std::string_view, 6> kOver{"delivered", "inactive", "archivized",
                                                  "closed",    "settled",  "terminated"};
  return std::ranges::find(kOver, state) != kOver.end();
}

// What has no column of its own, as JSON.
std::string other_fields(Json row) {
  constexpr std::array<const char*, 9> kKnown{"instrument_name",     "base_currency", "quote_currency",
                                              "settlement_currency", "state",         "tick_size",
                                              "creation_timestamp",  "contract_size", "min_trade_amount"};
  for (const auto* key : kKnown) row.erase(key);
  return to_line(row);
}

void add_row(InstrumentsList& list, std::string_view text, std::string_view market) {
  const auto row = parse_json(text);
  auto instrument = row ? parse_instrument(*row) : Result<Instrument>{std::unexpected{row.error()}};
  if (!instrument) {
    ++list.unusable;
  } else if (instrument->id.market.text() == market) {
    list.instruments.push_back(*std::move(instrument));
  }
}

// Row by row: a list of all the options that ever expired would be a tree of gigabytes.
std::size_t read_rows(InstrumentsList& list, ondemand::value result, std::string_view market) {
  if (result.type().value() != ondemand::json_type::array) throw simdjson::simdjson_error{simdjson::INCORRECT_TYPE};
  std::size_t rows = 0;
  auto array = result.get_array().value();
  for (auto item : array) {
    add_row(list, json_of(item.value()), market);
    ++rows;
  }
  return rows;
}

}  // namespace

Result<Instrument> parse_instrument(const Json& row) {
  const auto symbol = text_of(row, "instrument_name");
  if (!symbol) return fail(ErrorCode::corrupt_data, "an instrument has no instrument_name");
  const auto kind = text_of(row, "kind").value_or("");
  const auto market = market_of_kind(kind);
  if (market.empty())
    return fail(ErrorCode::corrupt_data, fmt::format("{}: the kind '{}' is not known", *symbol, kind));
  auto id = InstrumentId::parse(fmt::format("{}.{}.{}", kExchange, market, *symbol));
  if (!id) return std::unexpected{std::move(id).error()};
  const auto text = [&](std::string_view key) { return text_of(row, key).value_or(""); };
  const auto& is_active = member(row, "is_active");
  const bool active = is_active.is_boolean() ? is_active.get<bool>() : text("state") == "open";
  return Instrument{
      .id = *std::move(id),
      .base = text("base_currency"),
      .quote = text("quote_currency"),
      .settle = text("settlement_currency"),
      .contract_type = contract_type_of(row, kind),
      .status = text_of(row, "state").value_or(active ? "active" : "inactive"),
      .active = active && !is_over(text("state")),
      .tick_size = text("tick_size"),
      .lot_size = text("min_trade_amount"),
      .contract_size = text("contract_size"),
      .launch_time = stated_time(row, "creation_timestamp"),
      .delivery_time = stated_time(row, "expiration_timestamp"),
      .valid_from = {},
      .valid_to = {},
      .details = other_fields(row),
  };
}

Result<InstrumentsList> parse_instruments(std::string_view body, std::string_view market) {
  InstrumentsList list;
  std::optional<std::size_t> rows;
  try {
    const simdjson::padded_string bytes{body};
    ondemand::parser parser;
    auto json = parser.iterate(bytes).value();
    auto object = json.get_object().value();
    for (auto field : object) {
      const auto key = field.unescaped_key().value();
      auto value = field.value().value();
      if (key == "result") rows = read_rows(list, value, market);
    }
    require_end(json);
  } catch (const simdjson::simdjson_error& error) {
    return fail(ErrorCode::corrupt_data, describe_bad_body(body, error.what()));
  }
  if (!rows) return fail(ErrorCode::corrupt_data, "result is missing");
  if (*rows > 0 && list.unusable == *rows)
    return fail(ErrorCode::corrupt_data, fmt::format("none of the {} instruments can be used", *rows));
  return list;
}

Result<TimePoint> parse_server_time(std::string_view body) {
  const auto json = parse_json(body);
  if (!json) return std::unexpected{json.error()};
  if (const auto text = text_of(*json, "result"))
    if (const auto time = parse_ms(*text)) return *time;
  return fail(ErrorCode::corrupt_data, "the answer states no time");
}

}  // namespace tdm::sources::deribit
