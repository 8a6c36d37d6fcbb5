#include "tdm/core/time.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "tdm/core/detail/words.hpp"  // quoted

namespace tdm {

std::string to_iso(TimePoint t) {
  const auto day = std::chrono::floor<std::chrono::days>(t);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss<Micros> time{t - day};
  std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                                 static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                                 time.hours().count(), time.minutes().count(), time.seconds().count());
  if (const auto micros = time.subseconds().count(); micros % 1000 != 0)
    text += fmt::format(".{:06}", micros);
  else if (micros != 0)
    text += fmt::format(".{:03}", micros / 1000);
  return text + "Z";
}

Result<TimeRange> TimeRange::make(TimePoint begin, TimePoint end) {
  if (end < begin)
    return fail(ErrorCode::invalid_argument,
                fmt::format("a range must not end before it begins: begin {}, end {}", to_iso(begin), to_iso(end)),
                "end");
  return TimeRange{begin, end};
}

std::string to_string(TimeRange range) { return fmt::format("[{}, {})", to_iso(range.begin()), to_iso(range.end())); }

namespace {

using std::chrono::days;
using std::chrono::year_month_day;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Reads a text from left to right. Every step says whether it found what it wanted and moves only then.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_{text} {}

  bool done() const { return rest_.empty(); }

  bool take(std::string_view any_of) {
    if (rest_.empty() || any_of.find(rest_.front()) == std::string_view::npos) return false;
    taken_ = rest_.front();
    rest_.remove_prefix(1);
    return true;
  }
  char taken() const { return taken_; }

  // A number of exactly `width` digits.
  std::optional<int> number(std::size_t width) {
    if (rest_.size() < width) return std::nullopt;
    int value = 0;
    for (const char c : rest_.substr(0, width)) {
      if (!is_digit(c)) return std::nullopt;
      value = value * 10 + (c - '0');
    }
    rest_.remove_prefix(width);
    return value;
  }

  // The same, and not above `most`.
  std::optional<int> number(std::size_t width, int most) {
    const auto value = number(width);
    return value && *value <= most ? value : std::nullopt;
  }

  std::string_view digits() {
    std::size_t count = 0;
    while (count < rest_.size() && is_digit(rest_[count])) ++count;
    const auto found = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return found;
  }

 private:
  std::string_view rest_;
  char taken_ = '\0';
};

TimePoint midnight(year_month_day date) { return TimePoint{std::chrono::sys_days{date}}; }

TimeBound date_bound(year_month_day first, year_month_day after) { return {midnight(first), midnight(after), true}; }

// Digits after the point as microseconds. Finer than that is refused and not rounded: a bound is meant exactly.
std::optional<Micros> fraction(std::string_view digits) {
  constexpr std::size_t kMicroDigits = 6;
  constexpr std::size_t kNanoDigits = 9;
  if (digits.empty() || digits.size() > kNanoDigits) return std::nullopt;
  std::int64_t micros = 0;
  for (std::size_t place = 0; place < std::max(kMicroDigits, digits.size()); ++place) {
    const int digit = place < digits.size() ? digits[place] - '0' : 0;
    if (place < kMicroDigits)
      micros = micros * 10 + digit;
    else if (digit != 0)
      return std::nullopt;
  }
  return Micros{micros};
}

// The distance of local time from UTC; no zone at all means UTC.
std::optional<std::chrono::minutes> zone(Reader& in) {
  if (in.done() || in.take("Zz")) return std::chrono::minutes{0};
  if (!in.take("+-")) return std::nullopt;
  const int sign = in.taken() == '-' ? -1 : 1;
  const auto hours = in.number(2, 23);
  if (!hours || !in.take(":")) return std::nullopt;
  const auto minutes = in.number(2, 59);
  if (!minutes) return std::nullopt;
  return sign * (std::chrono::hours{*hours} + std::chrono::minutes{*minutes});
}

std::optional<Micros> time_of_day(Reader& in) {
  const auto hour = in.number(2, 23);
  if (!hour || !in.take(":")) return std::nullopt;
  const auto minute = in.number(2, 59);
  if (!minute) return std::nullopt;
  Micros time = std::chrono::hours{*hour} + std::chrono::minutes{*minute};
  if (in.take(":")) {
    const auto second = in.number(2, 59);
    if (!second) return std::nullopt;
    time += std::chrono::seconds{*second};
    if (in.take(".")) {
      const auto part = fraction(in.digits());
      if (!part) return std::nullopt;
      time += *part;
    }
  }
  const auto offset = zone(in);
  if (!offset) return std::nullopt;
  return time - *offset;
}

// A date, or a date and a time of day.
std::optional<TimeBound> parse_calendar(std::string_view text) {
  Reader in{text};
  const auto year_number = in.number(4);
  if (!year_number) return std::nullopt;
  const std::chrono::year year{*year_number};
  if (in.done()) return date_bound(year / 1 / 1, (year + std::chrono::years{1}) / 1 / 1);

  if (!in.take("-")) return std::nullopt;
  const auto month_number = in.number(2);
  if (!month_number) return std::nullopt;
  const auto month = year / *month_number;
  if (!month.ok()) return std::nullopt;
  if (in.done()) return date_bound(month / 1, (month + std::chrono::months{1}) / 1);

  if (!in.take("-")) return std::nullopt;
  const auto day_number = in.number(2);
  if (!day_number) return std::nullopt;
  const year_month_day date = month / *day_number;
  if (!date.ok()) return std::nullopt;
  if (in.done()) return date_bound(date, std::chrono::sys_days{date} + days{1});

  if (!in.take("Tt ")) return std::nullopt;
  const auto time = time_of_day(in);
  if (!time || !in.done()) return std::nullopt;
  const auto instant = midnight(date) + *time;
  return TimeBound{instant, instant, false};
}

bool is_integer(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && std::ranges::all_of(text, is_digit);
}

std::unexpected<Error> bad_time(std::string_view parameter, std::string_view text, std::string_view why) {
  return fail(ErrorCode::invalid_argument, fmt::format("{} {} {}", parameter, detail::quoted(text), why),
              std::string{parameter});
}

Result<TimeBound> parse_milliseconds(std::string_view text, std::string_view parameter) {
  constexpr std::int64_t kLeast = 100'000'000'000;     // 1973: below, it is a count of seconds
  constexpr std::int64_t kMost = 100'000'000'000'000;  // 5138: above, it is a count of micro- or nanoseconds
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || value > kMost || value < -kMost)
    return bad_time(parameter, text,
                    "looks like microseconds or nanoseconds; an integer must be milliseconds since 1970");
  if (value < kLeast && value > -kLeast)
    return bad_time(parameter, text, "looks like seconds; an integer must be milliseconds since 1970");
  return TimeBound{from_ms(value), from_ms(value), false};
}

}  // namespace

Result<TimeBound> parse_time_bound(std::string_view text, std::string_view parameter) {
  if (const auto bound = parse_calendar(text)) return *bound;
  if (is_integer(text)) return parse_milliseconds(text, parameter);
  return bad_time(parameter, text,
                  "is not a time; expected a date (2023-12-31, 2023-12, 2023), an instant (2023-12-31T23:00:00Z) or "
                  "integer milliseconds");
}

Result<TimeRange> resolve_range(const TimeBound& start, const TimeBound& end) {
  const auto finish = end.is_date ? end.after : end.first;
  // A named day holds at least its first instant, so a start at its end is already too late.
  if (start.first > finish || (end.is_date && start.first == finish))
    return fail(ErrorCode::invalid_argument,
                fmt::format("start {} is after end {}", to_iso(start.first), to_iso(end.first)), "start");
  return TimeRange::of(start.first, finish);
}

}  // namespace tdm
