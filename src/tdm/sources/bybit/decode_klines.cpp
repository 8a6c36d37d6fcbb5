#include <fmt/format.h>

#include <algorithm>

#include "tdm/sources/bybit/detail/decode.hpp"
#include "tdm/sources/bybit/detail/kline.hpp"     // KlineDocument
#include "tdm/sources/bybit/detail/parse.hpp"     // sent_row
#include "tdm/sources/bybit/detail/protocol.hpp"  // timeframe_of, price_kind_of
#include "tdm/sources/decode_bars.hpp"            // emit_bars

namespace tdm::sources::bybit {
namespace {

// From the shortest distance between neighbours: a hole only makes distances longer.
std::optional<Timeframe> timeframe_by_spacing(const std::vector<KlineRow>& rows) {
  std::vector<TimePoint> times;
  for (const auto& row : rows)
    if (row.open_time) times.push_back(*row.open_time);
  std::ranges::sort(times);
  std::optional<Micros> shortest;
  for (std::size_t i = 1; i < times.size(); ++i) {
    const auto distance = times[i] - times[i - 1];
    if (distance > Micros{0} && (!shortest || distance < *shortest)) shortest = distance;
  }
  if (!shortest) return std::nullopt;
  for (const auto timeframe : Timeframe::all()) {
    const auto open = times.front();
    if (timeframe.is_month() ? *shortest >= std::chrono::days{28} : timeframe.advance(open, 1) - open == *shortest)
      return timeframe;
  }
  return std::nullopt;
}

std::string first_of(std::string_view stated, std::string_view otherwise) {
  return std::string{stated.empty() ? otherwise : stated};
}

BarMeaning meaning_of(const Events& events, const KlineDocument& document) {
  const auto& target = events.request().target;
  BarMeaning meaning{.channel = "rest"};
  meaning.market = first_of(document.category, first_of(target_parameter(target, "category"), events.request().market));
  meaning.symbol = first_of(document.symbol, target_parameter(target, "symbol"));
  if (const auto kind = price_kind_of(target_path(target))) {
    meaning.price_kind = *kind;
  } else if (!document.rows.empty() && !document.rows.front().values[4]) {
    meaning.price_kind = PriceKind::mark;  // five columns: mark, index or premium
    meaning.assumed.emplace_back("price_kind");
  }
  auto timeframe = timeframe_of(target_parameter(target, "interval"));
  if (!timeframe) {
    timeframe = timeframe_by_spacing(document.rows);
    meaning.assumed.emplace_back("timeframe");
  }
  if (timeframe) meaning.length.emplace(*timeframe);
  return meaning;
}

}  // namespace

void decode_klines(const Events& events, std::string_view text) {
  const auto document = KlineDocument::parse(text);
  if (!document) return events.error(document.error());
  const auto meaning = meaning_of(events, *document);
  if (document->rows.empty()) return emit_empty_list(events, meaning.market, meaning.symbol);
  if (!meaning.length)
    return events.error(ErrorCode::invalid_argument,
                        "the timeframe is not stated and the bars do not show it: give the request");
  std::vector<SentRow> rows;
  rows.reserve(document->rows.size());
  for (const auto& row : document->rows) rows.push_back(sent_row(row, meaning.market));
  emit_bars(events, meaning, rows, document->envelope ? document->envelope->time : std::nullopt);
}

}  // namespace tdm::sources::bybit
