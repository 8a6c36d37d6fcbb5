#include "tdm/net/retry.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <system_error>
#include <vector>

namespace tdm::net {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || failed != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::optional<unsigned> month(std::string_view name) {
  constexpr std::array<std::string_view, 12> kNames{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto* const found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<unsigned>(found - kNames.begin()) + 1;
}

// Words of `text`, cut at spaces, dashes and commas; the three forms of an HTTP date differ in little else.
std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> found;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto begin = text.find_first_not_of(" -,", at);
    if (begin == std::string_view::npos) break;
    const auto end = std::min(text.find_first_of(" -,", begin), text.size());
    found.push_back(text.substr(begin, end - begin));
    at = end;
  }
  return found;
}

std::optional<TimePoint> moment(std::string_view year_text, std::string_view month_text, std::string_view day_text,
                                std::string_view clock) {
  auto year = number(year_text);
  const auto day = number(day_text);
  const auto named = month(month_text);
  if (!year || !day || !named || clock.size() != 8 || clock[2] != ':' || clock[5] != ':') return std::nullopt;
  if (year_text.size() == 2) *year += *year < 70 ? 2000 : 1900;
  const auto hour = number(clock.substr(0, 2));
  const auto minute = number(clock.substr(3, 2));
  const auto second = number(clock.substr(6, 2));
  if (!hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{*year}, std::chrono::month{*named},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  return TimePoint{std::chrono::sys_days{date}} + std::chrono::hours{*hour} + std::chrono::minutes{*minute} +
         seconds{*second};
}

// "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT" and "Sun Nov  6 08:49:37 1994" (RFC 9110 §5.6.7).
std::optional<TimePoint> parse_http_date(std::string_view text) {
  const auto part = words(text);
  if (part.size() == 6 && part[5] == "GMT") return moment(part[3], part[2], part[1], part[4]);
  if (part.size() == 5) return moment(part[4], part[1], part[2], part[3]);
  return std::nullopt;
}

}  // namespace

milliseconds backoff(const RetryPolicy& policy, int attempt, double random, std::optional<milliseconds> retry_after) {
  milliseconds bound = std::min(policy.base, policy.cap);
  for (int i = 0; i < attempt && bound < policy.cap; ++i) bound = std::min(policy.cap, bound * 2);
  const milliseconds jittered{
      static_cast<milliseconds::rep>(static_cast<double>(bound.count()) * std::clamp(random, 0.0, 1.0))};
  return std::max(jittered, retry_after.value_or(milliseconds{0}));
}

std::optional<milliseconds> parse_retry_after(std::string_view value, TimePoint now, seconds longest) {
  while (value.starts_with(' ')) value.remove_prefix(1);
  while (value.ends_with(' ')) value.remove_suffix(1);
  if (!value.empty() && std::ranges::all_of(value, [](char c) { return '0' <= c && c <= '9'; })) {
    // A number too long for us is still a wish for a long pause.
    const auto wished = number(value);
    return wished ? std::min(seconds{*wished}, longest) : longest;
  }
  const auto at = parse_http_date(value);
  if (!at || *at <= now) return std::nullopt;
  return std::min<milliseconds>(std::chrono::ceil<milliseconds>(*at - now), longest);
}

}  // namespace tdm::net
