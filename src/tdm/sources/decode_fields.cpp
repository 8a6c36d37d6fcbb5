#include "tdm/sources/decode_fields.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tdm/core/decimal.hpp"  // Decimal

namespace tdm::sources {
namespace {

constexpr std::int64_t kFirstMicros = 100'000'000'000'000;  // 1973 in microseconds, the year 5138 in milliseconds

std::string shown(const Json& value) {
  constexpr std::size_t kShown = 60;
  auto text = to_line(value);
  if (text.size() > kShown) text = fmt::format("{}...", to_line(Json(text.substr(0, kShown))));
  return text;
}

bool is_none(const Json& value) {
  return value.is_null() || (value.is_string() && value.get_ref<const std::string&>().empty());
}

bool is_number(const Json& value) {
  const auto text = text_of(value);
  return text && Decimal::parse(*text);
}

bool is_level(const Json& level) {
  return level.is_array() && level.size() >= 2 && is_number(level[0]) && is_number(level[1]);
}

}  // namespace

std::optional<TimePoint> parse_instant(std::string_view text) {
  const auto decimal = Decimal::parse(text);
  const auto count = decimal ? decimal->to_scaled(0) : Result<std::int64_t>{std::unexpect, Error{}};
  if (!count) return std::nullopt;
  if (*count >= kFirstMicros) return from_us(*count);
  return parse_ms(text);
}

void Fields::require(bool holds, std::string_view what) {
  if (!holds && !failed()) *problem_ = fmt::format("{} {}", event_, what);
}

void Fields::refuse(std::string_view key, std::string_view what, const Json& value) {
  if (failed()) return;
  *problem_ = is_none(value) ? fmt::format("{} needs {}, {}", event_, key, what)
                             : fmt::format("{} has {} {}, which is not {}", event_, key, shown(value), what);
}

std::optional<std::string> Fields::sent(std::string_view key, Need need, std::string_view what) {
  const auto& value = member(row_, key);
  if (auto text = text_of(value)) return text;
  if (need == Need::must || !is_none(value)) refuse(key, what, value);
  return std::nullopt;
}

Line Fields::number(std::string_view key, Need need) {
  auto text = sent(key, need, "a number");
  if (!text) return nullptr;
  if (!Decimal::parse(*text)) refuse(key, "a number", member(row_, key));
  return *std::move(text);
}

Line Fields::text(std::string_view key, Need need) {
  auto text = sent(key, need, "a text");
  return text ? Line(*std::move(text)) : Line(nullptr);
}

std::string Fields::word(std::string_view key, Need need) { return sent(key, need, "a text").value_or(""); }

Line Fields::flag(std::string_view key, Need need) {
  const auto& value = member(row_, key);
  if (value.is_boolean()) return value.get<bool>();
  if (need == Need::must || !value.is_null()) refuse(key, "true or false", value);
  return nullptr;
}

std::optional<TimePoint> Fields::time(std::string_view key, Need need) {
  const auto text = sent(key, need, "a time");
  if (!text) return std::nullopt;
  const auto time = parse_instant(*text);
  if (!time) refuse(key, "a time", member(row_, key));
  return time;
}

Line Fields::micros(std::string_view key, Need need) {
  const auto at = time(key, need);
  return at ? Line(to_us(*at)) : Line(nullptr);
}

Line Fields::millis(std::string_view key, Need need) {
  const auto at = time(key, need);
  return at && *at != TimePoint{} ? Line(to_ms(*at)) : Line(nullptr);
}

Line Fields::levels(std::string_view key) {
  const auto& side = member(row_, key);
  auto levels = Line::array();
  if (!side.is_array() || !std::ranges::all_of(side, is_level)) {
    refuse(key, "a list of [price, size]", side);
    return levels;
  }
  for (const auto& level : side) levels.push_back({*text_of(level[0]), *text_of(level[1])});
  return levels;
}

void Fields::put_ticker(Line& line, std::span<const TickerField> fields, std::initializer_list<std::string_view> skip) {
  if (!row_.is_object()) return;
  auto other = Line::object();
  for (const auto& [key, value] : row_.items()) {
    if (std::ranges::find(skip, key) != skip.end()) continue;
    const auto field = std::ranges::find(fields, key, &TickerField::theirs);
    if (field == fields.end()) {
      other[key] = value;
    } else {
      line[std::string{field->ours}] =
          field->is == TickerField::Is::time ? millis(key, Need::may) : number(key, Need::may);
    }
  }
  if (!other.empty()) line["other"] = std::move(other);
}

void Fields::emit(const Events& events, const Line& line) const {
  if (failed()) return events.error(ErrorCode::corrupt_data, **problem_);
  events.emit(line);
}

}  // namespace tdm::sources
