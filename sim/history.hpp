#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sim/tape.hpp"             // Tape, TapeBar
#include "tdm/core/instrument.hpp"  // PriceKind
#include "tdm/core/timeframe.hpp"   // Timeframe

namespace tdm::sim {

struct DatedBar {
  TimePoint open_time;
  TapeBar bar;
};

// Bars of every timeframe of one listing, made of its tape's minutes and so in agreement with them. Whole days are kept
// as hours, at most `kKeptDays` of them. Safe from several threads.
class History {
 public:
  // No bar opens before `from`, though the tape does not care: the same minute gives the same bar whatever `from` is.
  History(Listing listing, std::uint64_t seed, TimePoint from);

  const Tape& tape() const { return tape_; }
  const Listing& listing() const { return tape_.listing(); }
  // The first minute that has a bar, and the end of all bars when the listing has one.
  TimePoint begin() const { return begin_; }

  // The bar that opens at `open_time`, of what happened up to `now`; it may be open still. Absent when there is none.
  TapeBar bar(PriceKind kind, Timeframe timeframe, TimePoint open_time, TimePoint now) const;
  // The newest (oldest) `limit` bars whose open time lies in [first, last] and that exist at `now`; oldest first.
  std::vector<DatedBar> newest(PriceKind kind, Timeframe timeframe, TimePoint first, TimePoint last, std::size_t limit,
                               TimePoint now) const;
  std::vector<DatedBar> oldest(PriceKind kind, Timeframe timeframe, TimePoint first, TimePoint last, std::size_t limit,
                               TimePoint now) const;

 private:
  static constexpr std::size_t kKeptDays = 4'000;  // a kind: eleven years
  struct Day {
    std::array<TapeBar, 24> hours;
    TapeBar whole;
  };
  struct DayCache {
    std::mutex mutex;
    std::unordered_map<std::int64_t, std::shared_ptr<const Day>> days;
  };

  // Grid points from first to last, both included, clipped to the listing's life at `now`; nothing when none is left.
  struct Slots {
    TimePoint first;
    TimePoint last;
  };
  std::optional<Slots> slots(Timeframe timeframe, TimePoint first, TimePoint last, TimePoint now) const;
  std::vector<DatedBar> range(PriceKind kind, Timeframe timeframe, TimePoint first, TimePoint last,
                              TimePoint now) const;
  std::vector<DatedBar> short_bars(PriceKind kind, Timeframe timeframe, TimePoint first, TimePoint last,
                                   TimePoint now) const;
  std::shared_ptr<const Day> day(PriceKind kind, std::int64_t day) const;
  // Complete minutes [first, last), those before `begin_` left out.
  std::vector<TapeBar> whole_minutes(PriceKind kind, std::int64_t first, std::int64_t last) const;
  TapeBar sum(PriceKind kind, std::int64_t first, std::int64_t last) const;

  Tape tape_;
  TimePoint begin_;
  mutable std::array<DayCache, 4> caches_;
};

}  // namespace tdm::sim
