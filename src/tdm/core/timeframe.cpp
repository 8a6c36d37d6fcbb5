#include "tdm/core/timeframe.hpp"

#include <fmt/format.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "tdm/core/detail/words.hpp"  // quoted, join

namespace tdm {
namespace {

using std::chrono::days;

struct Unit {
  std::string_view name;
  std::chrono::minutes length;
};

constexpr std::chrono::minutes kDay = days{1};
constexpr std::array<Unit, 14> kUnits{{
    {"1m", std::chrono::minutes{1}},
    {"3m", std::chrono::minutes{3}},
    {"5m", std::chrono::minutes{5}},
    {"15m", std::chrono::minutes{15}},
    {"30m", std::chrono::minutes{30}},
    {"1h", std::chrono::hours{1}},
    {"2h", std::chrono::hours{2}},
    {"4h", std::chrono::hours{4}},
    {"6h", std::chrono::hours{6}},
    {"8h", std::chrono::hours{8}},
    {"12h", std::chrono::hours{12}},
    {"1d", days{1}},
    {"1w", days{7}},
    {"1M", days{30}},
}};
constexpr std::uint8_t kMonth = kUnits.size() - 1;
constexpr auto kMondayBeforeEpoch = days{-3};  // 1970-01-01 was a Thursday

constexpr std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

// Instants at the ends of what 64 bits hold stand for "always" and "never" in ranges, so the grid stops there and does
// not wrap around.
TimePoint saturated(std::int64_t count, Micros length, Micros offset) {
  std::int64_t product = 0;
  std::int64_t sum = 0;
  if (__builtin_mul_overflow(count, length.count(), &product) || __builtin_add_overflow(product, offset.count(), &sum))
    return count < 0 ? TimePoint::min() : TimePoint::max();
  return from_us(sum);
}

// Months since year 0. The calendar repeats after 400 years, which keeps chrono's 16-bit year in range for every
// instant.
constexpr std::int64_t kEraMonths = 4800;
constexpr days kEra{146097};

std::int64_t month_of(TimePoint t) {
  const auto day = std::chrono::floor<days>(t).time_since_epoch();
  const auto era = floor_div(day.count(), kEra.count());
  const std::chrono::year_month_day date{std::chrono::sys_days{day - era * kEra}};
  return era * kEraMonths + std::int64_t{static_cast<int>(date.year())} * 12 +
         static_cast<int>(static_cast<unsigned>(date.month())) - 1;
}

TimePoint start_of_month(std::int64_t month) {
  constexpr std::int64_t kFirst = std::int64_t{1970} * 12;
  const auto era = floor_div(month - kFirst, kEraMonths);
  const auto in_era = month - era * kEraMonths;
  const auto year = std::chrono::year{static_cast<int>(in_era / 12)};
  const auto date = year / static_cast<int>(in_era % 12 + 1) / 1;
  const auto day = std::chrono::sys_days{date}.time_since_epoch() + era * kEra;
  return saturated(day.count(), days{1}, Micros{0});
}

}  // namespace

std::span<const Timeframe> Timeframe::all() {
  static const auto frames = []<std::size_t... I>(std::index_sequence<I...>) {
    return std::array{Timeframe{static_cast<std::uint8_t>(I)}...};
  }(std::make_index_sequence<kUnits.size()>{});
  return frames;
}

Result<Timeframe> Timeframe::parse(std::string_view text) {
  std::vector<std::string> names;
  for (const auto timeframe : all()) {
    if (timeframe.name() == text) return timeframe;
    names.emplace_back(timeframe.name());
  }
  return fail(ErrorCode::invalid_argument,
              fmt::format("timeframe {} is not known; it is one of: {}", detail::quoted(text), detail::join(names)),
              "timeframe", nearest(text, names));
}

std::string_view Timeframe::name() const { return kUnits[index_].name; }
bool Timeframe::is_month() const { return index_ == kMonth; }
std::chrono::minutes Timeframe::nominal_length() const { return kUnits[index_].length; }

// Bars are numbered on an endless grid: everything else is arithmetic on these numbers.
std::int64_t Timeframe::number_of(TimePoint t) const {
  if (is_month()) return month_of(t);
  const auto length = nominal_length();
  if (length <= kDay) return floor_div(to_us(t), Micros{length}.count());
  const auto day = std::chrono::floor<days>(t).time_since_epoch() - kMondayBeforeEpoch;
  return floor_div(day.count(), 7);
}

TimePoint Timeframe::open_time_of(std::int64_t number) const {
  if (is_month()) return start_of_month(number);
  return saturated(number, nominal_length(), nominal_length() <= kDay ? Micros{0} : Micros{kMondayBeforeEpoch});
}

TimePoint Timeframe::open_of(TimePoint t) const { return open_time_of(number_of(t)); }
TimePoint Timeframe::close_of(TimePoint open_time) const { return open_time_of(number_of(open_time) + 1); }

TimePoint Timeframe::advance(TimePoint open_time, std::int64_t bars) const {
  return open_time_of(number_of(open_time) + bars);
}

TimePoint Timeframe::ceil(TimePoint t) const {
  const auto open = open_of(t);
  return open == t ? t : close_of(open);
}

std::int64_t Timeframe::count(TimeRange range) const {
  return number_of(ceil(range.end())) - number_of(ceil(range.begin()));
}

TimeRange Timeframe::whole_bars(TimeRange range) const {
  return TimeRange::of(ceil(range.begin()), open_of(range.end()));
}

bool Timeframe::is_multiple_of(Timeframe part) const {
  if (*this == part) return true;
  if (part.nominal_length() > kDay) return false;  // neither weeks nor months make up anything but themselves
  return is_month() || nominal_length() % part.nominal_length() == std::chrono::minutes{0};
}

}  // namespace tdm
