#include "tdm/validate/detail/sheet.hpp"

#include <fmt/format.h>

namespace tdm::validate::detail {
namespace {

constexpr std::size_t kMessageField = 64;  // bytes of a field that a message repeats
constexpr std::size_t kRawField = 1'024;   // bytes of a field that the quarantine repeats; raw_ohlcv has all of it

// Beyond these years the calendar is not asked: such a row is refused by its epoch (T4).
constexpr TimePoint kCalendarBegin{};
constexpr TimePoint kCalendarEnd = from_ms(7'258'118'400'000);  // 2200-01-01

void append_json_string(std::string& to, std::string_view text) {
  to += '"';
  for (const char c : text.substr(0, kRawField)) {
    if (c == '"' || c == '\\') to += '\\';
    if (static_cast<unsigned char>(c) < 0x20)
      fmt::format_to(std::back_inserter(to), "\\u{:04x}", static_cast<unsigned>(c));
    else
      to += c;
  }
  to += '"';
}

void load_numbers(const TextColumn& column, std::span<const std::size_t> positions, std::vector<Number>& to) {
  to.clear();
  if (column.null_count() == column.size()) {
    to.resize(positions.size());
    return;
  }
  const std::string_view bytes{column.bytes()};
  const auto offsets = column.offsets();
  const auto valid = column.validity();
  for (const auto row : positions) {
    const auto begin = static_cast<std::size_t>(offsets[row]);
    const auto end = static_cast<std::size_t>(offsets[row + 1]);
    to.push_back(valid[row] != 0 ? Number::parse(bytes.substr(begin, end - begin)) : Number{});
  }
}

}  // namespace

std::string_view name_of(Field field) {
  constexpr std::array<std::string_view, kFields> kNames{"open",
                                                         "high",
                                                         "low",
                                                         "close",
                                                         "volume",
                                                         "quote_volume",
                                                         "trade_count",
                                                         "taker_buy_volume",
                                                         "taker_buy_quote_volume"};
  return kNames[static_cast<std::size_t>(field)];
}

const TextColumn& text_column(const ObservationColumns& rows, Field field) {
  const std::array<const TextColumn*, kFields> columns{&rows.open,
                                                       &rows.high,
                                                       &rows.low,
                                                       &rows.close,
                                                       &rows.volume,
                                                       &rows.quote_volume,
                                                       &rows.trade_count,
                                                       &rows.taker_buy_volume,
                                                       &rows.taker_buy_quote_volume};
  return *columns[static_cast<std::size_t>(field)];
}

void Sheet::load(std::span<const std::size_t> positions, std::span<const Repeat> repeats) {
  position.assign(positions.begin(), positions.end());
  open_time.clear();
  close_time.clear();
  event_time.clear();
  close_proof.clear();
  for (const auto row : positions) {
    const auto open = rows_->open_time[row];
    const bool in_calendar = open >= kCalendarBegin && open < kCalendarEnd;
    open_time.push_back(open);
    close_time.push_back(in_calendar ? context_->series.timeframe.close_of(open) : open);
    event_time.push_back(rows_->event_time[row]);
    close_proof.push_back(rows_->close_proof[row]);
  }
  if (repeats.empty())
    repeat.assign(positions.size(), Repeat::none);
  else
    repeat.assign(repeats.begin(), repeats.end());
  for (std::size_t field = 0; field < kFields; ++field)
    load_numbers(text_column(*rows_, static_cast<Field>(field)), positions, numbers_[field]);
}

std::string raw_text(const ObservationColumns& rows, std::size_t position) {
  auto text = fmt::format("{{\"open_time\":{}", to_ms(rows.open_time[position]));
  for (std::size_t field = 0; field < kFields; ++field) {
    const auto value = text_column(rows, static_cast<Field>(field))[position];
    if (!value) continue;
    fmt::format_to(std::back_inserter(text), ",\"{}\":", name_of(static_cast<Field>(field)));
    append_json_string(text, *value);
  }
  return text + '}';
}

std::string quoted(const Number& number) {
  if (number.is_absent()) return "(absent)";
  std::string text;
  append_json_string(text, number.text().substr(0, kMessageField));
  return number.text().size() > kMessageField ? text + "..." : text;
}

}  // namespace tdm::validate::detail
