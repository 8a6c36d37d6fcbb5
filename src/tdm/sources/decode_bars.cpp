#include "tdm/sources/decode_bars.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "tdm/core/bar.hpp"      // validated_column_names
#include "tdm/core/decimal.hpp"  // Decimal

namespace tdm::sources {
namespace {

// In the order of SentRow's values: what stands after open_time.
std::span<const std::string_view> columns() {
  return validated_column_names().subspan(1, std::tuple_size_v<decltype(SentRow::values)>);
}

constexpr std::size_t kPrices = 4;

// Why the row is no bar; nothing when it is one.
std::optional<std::string> problem_of(const SentRow& row, const BarMeaning& meaning) {
  if (!row.open_time) return "has no usable open time";
  if (!meaning.length->on_grid(*row.open_time)) return fmt::format("is not on the {} grid", meaning.length->name());
  // Mark, index and premium prices have no volume.
  const auto needed = meaning.price_kind == PriceKind::last ? kPrices + 1 : kPrices;
  for (std::size_t i = 0; i < columns().size(); ++i) {
    const auto& value = row.values[i];
    if (value ? !Decimal::parse(*value) : i < needed)
      return fmt::format("has {} missing or not a number", columns()[i]);
  }
  return std::nullopt;
}

}  // namespace

TimePoint BarLength::close_of(TimePoint open_time) const {
  return timeframe_ ? timeframe_->close_of(open_time) : open_time + length_;
}

bool BarLength::on_grid(TimePoint open_time) const {
  return timeframe_ ? timeframe_->on_grid(open_time) : open_time.time_since_epoch() % grid_ == Micros{0};
}

Line begin_bar(const Events& events, const BarMeaning& meaning, TimePoint open_time) {
  auto line = events.begin("bar", meaning.market, meaning.symbol);
  line["price_kind"] = to_string(meaning.price_kind);
  line["timeframe"] = meaning.length->name();
  line["open_time"] = to_ms(open_time);
  line["close_time"] = to_ms(meaning.length->close_of(open_time));
  return line;
}

void emit_bar(const Events& events, const BarMeaning& meaning, const SentRow& row, bool closed) {
  if (const auto problem = problem_of(row, meaning))
    return events.error(ErrorCode::corrupt_data, fmt::format("a bar {}: {:.200}", *problem, row.raw));
  auto line = begin_bar(events, meaning, *row.open_time);
  for (std::size_t i = 0; i < columns().size(); ++i)
    line[std::string{columns()[i]}] = row.values[i] ? Line(*row.values[i]) : Line(nullptr);
  line["closed"] = closed;
  line["channel"] = meaning.channel;
  if (!row.extra.empty()) line["extra"] = row.extra;
  if (!meaning.assumed.empty()) line["assumed"] = meaning.assumed;
  events.emit(line);
}

void emit_bars(const Events& events, const BarMeaning& meaning, std::span<const SentRow> all,
               std::optional<TimePoint> now) {
  std::vector<const SentRow*> rows;
  rows.reserve(all.size());
  for (const auto& row : all) rows.push_back(&row);
  std::ranges::stable_sort(rows, {}, [](const SentRow* row) { return row->open_time; });  // none comes first
  for (const auto* row : rows) {
    const bool followed = row->open_time < rows.back()->open_time;
    const bool ended = now && row->open_time && meaning.length->close_of(*row->open_time) <= *now;
    emit_bar(events, meaning, *row, followed || ended);
  }
}

void emit_empty_list(const Events& events, std::string_view market, std::string_view symbol) {
  auto line = events.begin("control", market, symbol);
  line["event"] = "empty_list";
  events.emit(line);
}

}  // namespace tdm::sources
