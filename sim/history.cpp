#include "sim/history.hpp"

#include <algorithm>
#include <utility>

namespace tdm::sim {
namespace {

using std::chrono::minutes;

constexpr std::int64_t kHour = 60;
constexpr std::int64_t kDay = 1'440;
constexpr std::int64_t kSlotsAtOnce = 1'000;

constexpr std::int64_t minute_of(TimePoint t) { return std::chrono::floor<minutes>(t).time_since_epoch().count(); }
constexpr TimePoint time_of(std::int64_t minute) { return TimePoint{minutes{minute}}; }

}  // namespace

History::History(Listing listing, std::uint64_t seed, TimePoint from)
    : tape_{std::move(listing), seed},
      begin_{std::chrono::floor<minutes>(std::max(from, tape_.listing().first_bar.value_or(from)))} {}

std::vector<TapeBar> History::whole_minutes(PriceKind kind, std::int64_t first, std::int64_t last) const {
  auto bars = tape_.minutes(kind, first, last);
  const std::int64_t hidden =
      std::clamp<std::int64_t>(minute_of(begin_) - first, 0, static_cast<std::int64_t>(bars.size()));
  std::fill_n(bars.begin(), hidden, TapeBar{});
  return bars;
}

std::shared_ptr<const History::Day> History::day(PriceKind kind, std::int64_t day) const {
  DayCache& cache = caches_[static_cast<std::size_t>(kind)];
  {
    const std::scoped_lock lock{cache.mutex};
    if (const auto found = cache.days.find(day); found != cache.days.end()) return found->second;
  }
  auto made = std::make_shared<Day>();
  const auto bars = whole_minutes(kind, day * kDay, (day + 1) * kDay);
  for (std::size_t i = 0; i < bars.size(); ++i) append(made->hours[i / kHour], bars[i]);
  for (const TapeBar& hour : made->hours) append(made->whole, hour);
  const std::scoped_lock lock{cache.mutex};
  if (cache.days.size() >= kKeptDays) cache.days.clear();
  cache.days.emplace(day, made);
  return made;
}

// Of complete minutes [first, last): whole days and hours from the cache, the rest minute by minute.
TapeBar History::sum(PriceKind kind, std::int64_t first, std::int64_t last) const {
  TapeBar total;
  while (first < last) {
    if (first % kDay == 0 && first + kDay <= last) {
      append(total, day(kind, first / kDay)->whole);
      first += kDay;
    } else if (first % kHour == 0 && first + kHour <= last) {
      append(total, day(kind, first / kDay)->hours[static_cast<std::size_t>(first % kDay / kHour)]);
      first += kHour;
    } else {
      const std::int64_t next = std::min(last, (first / kHour + 1) * kHour);
      for (const TapeBar& minute : whole_minutes(kind, first, next)) append(total, minute);
      first = next;
    }
  }
  return total;
}

TapeBar History::bar(PriceKind kind, Timeframe timeframe, TimePoint open_time, TimePoint now) const {
  const std::int64_t first = minute_of(open_time);
  const std::int64_t last = minute_of(timeframe.close_of(open_time));
  const std::int64_t current = minute_of(now);
  TapeBar total = sum(kind, first, std::min(last, current));
  if (first <= current && current < last && now >= begin_) {
    append(total, tape_.partial(kind, current, to_ms(now) - to_ms(time_of(current))));
  }
  return total;
}

std::optional<History::Slots> History::slots(Timeframe timeframe, TimePoint first, TimePoint last,
                                             TimePoint now) const {
  TimePoint end = now;
  if (const auto& delivery = listing().delivery) end = std::min(end, *delivery - Micros{1});
  if (end < begin_ || last < first) return std::nullopt;
  const TimePoint from = timeframe.ceil(std::max(first, timeframe.open_of(begin_)));
  const TimePoint to = timeframe.open_of(std::min(last, end));
  if (to < from) return std::nullopt;
  return Slots{from, to};
}

std::vector<DatedBar> History::short_bars(PriceKind kind, Timeframe timeframe, TimePoint first, TimePoint last,
                                          TimePoint now) const {
  const std::int64_t begin = minute_of(first);
  const std::int64_t current = minute_of(now);
  const std::int64_t end = minute_of(timeframe.close_of(last));
  auto parts = whole_minutes(kind, begin, std::min(end, current));
  if (current < end && now >= begin_)
    parts.push_back(tape_.partial(kind, current, to_ms(now) - to_ms(time_of(current))));
  const auto length = static_cast<std::size_t>(timeframe.nominal_length().count());
  std::vector<DatedBar> bars;
  bars.reserve(parts.size() / length + 1);
  for (std::size_t i = 0; i < parts.size(); i += length) {
    TapeBar total;
    for (std::size_t k = i; k < std::min(parts.size(), i + length); ++k) append(total, parts[k]);
    if (total.present) bars.push_back({time_of(begin + static_cast<std::int64_t>(i)), total});
  }
  return bars;
}

std::vector<DatedBar> History::range(PriceKind kind, Timeframe timeframe, TimePoint first, TimePoint last,
                                     TimePoint now) const {
  if (timeframe.nominal_length() < minutes{kHour}) return short_bars(kind, timeframe, first, last, now);
  std::vector<DatedBar> bars;
  for (TimePoint t = first; t <= last; t = timeframe.close_of(t)) {
    const TapeBar total = bar(kind, timeframe, t, now);
    if (total.present) bars.push_back({t, total});
  }
  return bars;
}

std::vector<DatedBar> History::newest(PriceKind kind, Timeframe timeframe, TimePoint first, TimePoint last,
                                      std::size_t limit, TimePoint now) const {
  const auto wanted = slots(timeframe, first, last, now);
  std::vector<DatedBar> found;
  if (!wanted) return found;
  TimePoint to = wanted->last;
  auto slots = static_cast<std::int64_t>(limit);
  while (found.size() < limit && wanted->first <= to) {
    const TimePoint from = std::max(wanted->first, timeframe.advance(to, 1 - slots));
    auto piece = range(kind, timeframe, from, to, now);
    piece.insert(piece.end(), found.begin(), found.end());
    found = std::move(piece);
    to = timeframe.advance(from, -1);
    slots = kSlotsAtOnce;  // bars were absent, so it looks further
  }
  if (found.size() > limit) found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(limit));
  return found;
}

std::vector<DatedBar> History::oldest(PriceKind kind, Timeframe timeframe, TimePoint first, TimePoint last,
                                      std::size_t limit, TimePoint now) const {
  const auto wanted = slots(timeframe, first, last, now);
  std::vector<DatedBar> found;
  if (!wanted) return found;
  TimePoint from = wanted->first;
  auto slots = static_cast<std::int64_t>(limit);
  while (found.size() < limit && from <= wanted->last) {
    const TimePoint to = std::min(wanted->last, timeframe.advance(from, slots - 1));
    const auto piece = range(kind, timeframe, from, to, now);
    found.insert(found.end(), piece.begin(), piece.end());
    from = timeframe.advance(to, 1);
    slots = kSlotsAtOnce;
  }
  if (found.size() > limit) found.erase(found.begin() + static_cast<std::ptrdiff_t>(limit), found.end());
  return found;
}

}  // namespace tdm::sim
