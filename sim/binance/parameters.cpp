#include "sim/binance/parameters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>

namespace tdm::sim::binance {
namespace {

constexpr std::int64_t kUsualRows = 500;                 // §6.1
constexpr std::int64_t kFarthestMs = 4'102'444'800'000;  // 2100-01-01: times beyond are clamped
constexpr std::int64_t kMicroseconds =
    100'000'000'000'000;                            // from here on a time is in µs (§4.1; by magnitude: assumed)
constexpr std::chrono::hours kCoinmSpan{24 * 200};  // §6.6

Refusal illegal_characters(std::string_view name, std::string_view range) {
  return {-1100, fmt::format("Illegal characters found in parameter '{}'; legal range is '{}'.", name, range)};
}

TimePoint time_of(std::int64_t value, const Api& api) {
  if (api.spot() && value >= kMicroseconds) value /= 1'000;
  return from_ms(std::min(value, kFarthestMs));
}

Parsed<std::size_t> limit_parameter(const net::ServerRequest& request, const Api& api, LimitAbove above) {
  const auto limit = number_parameter(request, "limit");
  if (!limit) return std::unexpected{limit.error()};
  const std::int64_t wanted = limit->value_or(kUsualRows);
  // Too small: assumed. Too large: spot cuts it, futures refuse it (§6.1, unverified there: a switch of the script).
  if (wanted < 1 || (wanted > api.most_rows && above == LimitAbove::refuse)) {
    return std::unexpected{invalid_parameter("limit")};
  }
  return static_cast<std::size_t>(std::min(wanted, api.most_rows));
}

// At most 200 days, and always the newest rows before its end. Neither bound sent: the newest rows (assumed).
Parsed<Window> coinm_window(std::optional<TimePoint> start, std::optional<TimePoint> end, std::size_t limit,
                            TimePoint now) {
  if (start && end && *end - *start > kCoinmSpan) {
    return std::unexpected{Refusal{-1127, "Lookup interval is too big."}};  // the code is unverified (§4.5): assumed
  }
  if (!start && !end) return Window{.first = {}, .last = now, .limit = limit};
  const TimePoint last = end ? *end : std::min(*start + kCoinmSpan, now);
  return Window{.first = start ? *start : last - kCoinmSpan, .last = last, .limit = limit};
}

}  // namespace

std::optional<std::string_view> parameter(const net::ServerRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.query) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::optional<Refusal> check_names(const net::ServerRequest& request, std::initializer_list<std::string_view> known) {
  std::size_t read = 0;
  for (const std::string_view name : known) {
    const auto sent =
        std::ranges::count(request.query, name, [](const auto& pair) -> std::string_view { return pair.first; });
    if (sent > 1) return Refusal{-1101, "Duplicate values for a parameter detected."};
    if (sent == 0) continue;
    ++read;
    if (parameter(request, name)->empty()) return Refusal{-1105, fmt::format("Parameter '{}' was empty.", name)};
  }
  if (read == request.query.size()) return std::nullopt;
  return Refusal{-1104, fmt::format("Not all sent parameters were read; read '{}' parameter(s) but was sent '{}'.",
                                    read, request.query.size())};
}

Parsed<std::optional<std::int64_t>> number_parameter(const net::ServerRequest& request, std::string_view name) {
  const auto text = parameter(request, name);
  if (!text) return std::optional<std::int64_t>{};
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (failure != std::errc{} || end != text->data() + text->size() || text->starts_with('-')) {
    return std::unexpected{illegal_characters(name, "^[0-9]{1,20}$")};  // assumed: which code a text gets
  }
  return std::optional{value};
}

std::int64_t limit_of(const net::ServerRequest& request) {
  const auto limit = number_parameter(request, "limit");
  return limit ? limit->value_or(kUsualRows) : kUsualRows;
}

std::optional<Refusal> check_symbol(const Api& api, std::string_view symbol) {
  if (!api.spot()) return std::nullopt;
  const bool legal = symbol.size() <= 50 && std::ranges::all_of(symbol, [](char c) {
                       return ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9') || c == '-' || c == '_' || c == '.' ||
                              static_cast<unsigned char>(c) >= 0x80;  // other scripts since 2025-12 (§2)
                     });
  if (legal) return std::nullopt;
  return illegal_characters("symbol", "^[\\w\\-._&&[^a-z]]{1,50}$");
}

Parsed<Window> window_of(const net::ServerRequest& request, const Api& api, bool anchored_at_end,
                         const BinanceSettings& settings, TimePoint now) {
  const auto limit =
      limit_parameter(request, api, api.spot() ? settings.spot_limit_above : settings.futures_limit_above);
  if (!limit) return std::unexpected{limit.error()};
  const auto start = number_parameter(request, "startTime");
  if (!start) return std::unexpected{start.error()};
  const auto end = number_parameter(request, "endTime");
  if (!end) return std::unexpected{end.error()};
  const auto first = start->transform([&](std::int64_t value) { return time_of(value, api); });
  const auto last = end->transform([&](std::int64_t value) { return time_of(value, api); });
  // Spot: an empty page, which the window gives by itself (unverified, §17: assumed).
  if (first && last && *last < *first && !api.spot()) {
    return std::unexpected{Refusal{-1023, "Start time is greater than end time."}};
  }
  if (anchored_at_end) return coinm_window(first, last, *limit, now);
  // §4.2: with a start the oldest rows from it, else the newest up to the end.
  return Window{
      .first = first.value_or(TimePoint{}), .last = last.value_or(now), .limit = *limit, .forward = first.has_value()};
}

Parsed<bool> wants_microseconds(const net::ServerRequest& request, const Api& api) {
  const auto unit = net::find_header(request.headers, "X-MBX-TIME-UNIT");
  if (!api.spot() || !unit) return false;
  std::string word{*unit};
  std::ranges::transform(word, word.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (word == "MICROSECOND") return true;
  if (word == "MILLISECOND") return false;
  return std::unexpected{Refusal{-1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND."}};
}

}  // namespace tdm::sim::binance
