#include "sim/bybit/parameters.hpp"

#include <algorithm>
#include <charconv>
#include <string>

namespace tdm::sim::bybit {
namespace {

constexpr std::int64_t kUsualCandles = 200;
constexpr std::int64_t kMostCandles = 1'000;
constexpr std::int64_t kFarthestMs = 4'102'444'800'000;  // 2100-01-01: times beyond are clamped
constexpr std::int64_t kNotSent = -1;

}  // namespace

std::string_view parameter(const net::ServerRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.query) {
    if (key == name) return value;
  }
  return {};
}

std::optional<std::int64_t> number_parameter(const net::ServerRequest& request, std::string_view name,
                                             std::int64_t otherwise) {
  const std::string_view text = parameter(request, name);
  if (text.empty()) return otherwise;
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::size_t> limit_parameter(const net::ServerRequest& request, std::int64_t otherwise,
                                           std::int64_t most) {
  const auto limit = number_parameter(request, "limit", otherwise);
  if (!limit || *limit < 1) return std::nullopt;
  return static_cast<std::size_t>(std::min(*limit, most));
}

Result<KlineWindow> kline_window(const net::ServerRequest& request, TimePoint now) {
  const auto refused = [](std::string_view what) {
    return fail(ErrorCode::invalid_argument, "params error: " + std::string{what});
  };
  const auto limit = limit_parameter(request, kUsualCandles, kMostCandles);
  if (!limit) return refused("limit invalid");
  const auto start = number_parameter(request, "start", kNotSent);
  const auto end = number_parameter(request, "end", kNotSent);
  if (!start || *start < kNotSent) return refused("start invalid");
  if (!end || *end < kNotSent) return refused("end invalid");
  if (*end != kNotSent && *end < *start) return refused("start is after end");
  return KlineWindow{.start = from_ms(std::clamp<std::int64_t>(*start, 0, kFarthestMs)),
                     .last = *end == kNotSent ? now : from_ms(std::min(*end, kFarthestMs)),
                     .limit = *limit,
                     .forward = *start != kNotSent && *end == kNotSent};
}

}  // namespace tdm::sim::bybit
