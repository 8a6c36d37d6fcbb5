#include <fmt/format.h>

#include <array>
#include <deque>

#include "tdm/net/http_client.hpp"       // percent_encode
#include "tdm/sources/ccxt_symbol.hpp"   // parse_ccxt_symbol
#include "tdm/sources/decode_bars.hpp"   // emit_bars
#include "tdm/sources/decode_lines.hpp"  // Events, emit_instrument
#include "tdm/sources/json_text.hpp"     // parse_json
#include "tdm/sources/page_rows.hpp"     // SentRow, add_rows
#include "tests/fourth_exchange/tinex/detail/tinex.hpp"

namespace tdm::sources::tinex {
namespace {

constexpr std::array<std::string_view, 5> kColumns{"o", "h", "l", "c", "v"};

// A page's rows and the texts that they view.
struct Candles {
  std::deque<std::string> texts;
  std::vector<SentRow> rows;
  std::string pair;
  std::optional<TimePoint> now{};
  std::optional<Timeframe> timeframe{};
};

// The exchange speaks in seconds.
std::optional<TimePoint> time_of(const Json& seconds) {
  const auto count = integer_of(seconds);
  return count && *count >= 0 && *count < 253'402'300'800 ? std::optional{from_ms(*count * 1'000)} : std::nullopt;
}

std::optional<Timeframe> timeframe_of(const Json& step) {
  for (const auto timeframe : market_traits().front().native)
    if (integer_of(step) == std::chrono::seconds{timeframe.nominal_length()}.count()) return timeframe;
  return std::nullopt;
}

Result<Json> parse_answer(std::string_view body) {
  auto answer = parse_json(body);
  if (answer && !answer->is_object()) return fail(ErrorCode::corrupt_data, "the answer is no JSON object");
  if (answer && answer->contains("fault"))
    return fail(ErrorCode::invalid_argument, fmt::format("the exchange says: {}", to_line((*answer)["fault"])));
  return answer;
}

// Columns as long as the times become rows: "" and null are no value.
Result<Candles> parse_candles(const Json& answer) {
  Candles candles;
  candles.pair = text_of(answer, "pair").value_or("");
  candles.now = time_of(member(answer, "now"));
  candles.timeframe = timeframe_of(member(answer, "step"));
  const auto& times = member(answer, "t");
  for (const auto name : {std::string_view{"t"}, kColumns[0], kColumns[1], kColumns[2], kColumns[3], kColumns[4]})
    if (!member(answer, name).is_array() || member(answer, name).size() != times.size())
      return fail(ErrorCode::corrupt_data, fmt::format("the column {} is missing or not as long as t", name));
  for (std::size_t i = 0; i < times.size(); ++i) {
    SentRow row;
    row.open_time = time_of(times[i]);
    row.raw = candles.texts.emplace_back(fmt::format("row {} at {}", i, to_line(times[i])));
    for (std::size_t column = 0; column < kColumns.size(); ++column)
      if (auto text = text_of(answer[std::string{kColumns[column]}][i]))
        row.values[column] = candles.texts.emplace_back(*std::move(text));
    candles.rows.push_back(std::move(row));
  }
  return candles;
}

Result<Instrument> parse_pair(const Json& row) {
  const auto text = [&](std::string_view key) { return text_of(row, key).value_or(""); };
  auto id = InstrumentId::parse(fmt::format("{}.{}.{}", kExchange, kMarket, text("name")));
  if (!id) return std::unexpected{std::move(id).error()};
  return Instrument{.id = *std::move(id),
                    .base = text("base"),
                    .quote = text("quote"),
                    .contract_type = std::string{kMarket},
                    .status = text("state"),
                    .active = text("state") == "open",
                    .tick_size = text("tick"),
                    .lot_size = text("lot"),
                    .contract_size = "1",
                    .details = "{}"};
}

void decode_candles(const Events& events, const Json& answer) {
  const auto candles = parse_candles(answer);
  if (!candles) return events.error(candles.error());
  if (candles->rows.empty()) return emit_empty_list(events, kMarket, candles->pair);
  if (!candles->timeframe) return events.error(ErrorCode::corrupt_data, "the step is not one of ours");
  BarMeaning meaning{.market = std::string{kMarket}, .symbol = candles->pair, .channel = "rest"};
  meaning.length.emplace(*candles->timeframe);
  emit_bars(events, meaning, candles->rows, candles->now);
}

}  // namespace

const std::vector<MarketTraits>& market_traits() {
  static const auto traits = [] {
    MarketTraits spot;
    spot.name = kMarket;
    for (const auto* name : {"1m", "1h"}) spot.native.push_back(*Timeframe::parse(name));
    spot.price_kinds = {PriceKind::last};
    spot.open_rule = "first_trade";
    return std::vector{spot};
  }();
  return traits;
}

std::string candles_target(const Series& series, const PageRequest& request) {
  return fmt::format("/v1/candles?pair={}&step={}&from={}&count={}",
                     net::percent_encode(series.instrument.symbol.text()),
                     std::chrono::seconds{series.timeframe.nominal_length()}.count(),
                     to_ms(request.range.begin()) / 1'000, series.timeframe.count(request.range));
}

Result<Page> parse_page(std::string_view body, const Series& series, const PageRequest& request,
                        TimePoint received_at) {
  const auto answer = parse_answer(body);
  if (!answer) return std::unexpected{answer.error()};
  const auto candles = parse_candles(*answer);
  if (!candles) return std::unexpected{candles.error()};
  if (candles->pair != series.instrument.symbol.text() || candles->timeframe != series.timeframe || !candles->now)
    return fail(ErrorCode::corrupt_data, "the answer is of another pair or step, or has no time");
  Page page;
  page.request = request;
  page.exchange_time = *candles->now;
  page.bytes = static_cast<std::int64_t>(body.size());
  if (auto added = add_rows(page, candles->rows, series.timeframe, received_at); !added)
    return std::unexpected{std::move(added).error()};
  return page;
}

Result<std::vector<Instrument>> parse_pairs(std::string_view body) {
  const auto answer = parse_answer(body);
  if (!answer) return std::unexpected{answer.error()};
  const auto& pairs = member(*answer, "pairs");
  if (!pairs.is_array()) return fail(ErrorCode::corrupt_data, "pairs is missing");
  std::vector<Instrument> instruments;
  for (const auto& row : pairs)
    if (auto instrument = parse_pair(row)) instruments.push_back(*std::move(instrument));
  return instruments;
}

Result<TimePoint> parse_clock(std::string_view body) {
  const auto answer = parse_answer(body);
  if (!answer) return std::unexpected{answer.error()};
  const auto now = time_of(member(*answer, "now"));
  if (!now) return fail(ErrorCode::corrupt_data, "the answer states no time");
  return *now;
}

void decode(const DecodeRequest& request, std::string_view document, std::int64_t line, const LineSink& sink) {
  const Events events{kExchange, request, line, sink};
  if (request.channel != "rest" || request.market != kMarket)
    return events.error(ErrorCode::invalid_argument, "tinex has the market spot and the channel rest");
  const auto answer = parse_answer(document);
  if (!answer) return events.error(answer.error());
  if (answer->contains("t")) return decode_candles(events, *answer);
  const auto& pairs = member(*answer, "pairs");
  if (!pairs.is_array()) return events.error(ErrorCode::invalid_argument, "the answer is of no known endpoint");
  for (const auto& row : pairs) {
    const auto instrument = parse_pair(row);
    instrument ? emit_instrument(events, *instrument) : events.error(instrument.error());
  }
}

std::vector<std::pair<std::string, std::string>> parse_alias(std::string_view alias) {
  const auto symbol = parse_ccxt_symbol(alias);
  if (!symbol || !symbol->settle.empty() || !symbol->expiry.empty()) return {};
  return {{std::string{kMarket}, fmt::format("{}-{}", symbol->base, symbol->quote)}};
}

}  // namespace tdm::sources::tinex
