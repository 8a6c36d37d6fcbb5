#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tdm/core/gap.hpp"           // Gap
#include "tdm/sources/connector.hpp"  // KnownOutage
#include "tdm/store/store.hpp"        // Manifest

// The gap ledger: what an answer says of the bars that were expected in it. Pure.
namespace tdm::ingest::detail {

// What is known of the life of a series.
struct Life {
  std::optional<TimePoint> proven;        // the first bar that the exchange itself returned to a probe
  std::string evidence;                   // how it was found
  std::optional<TimePoint> earliest_bar;  // some bar that exists: what is absent after it is no matter of listing
  std::optional<TimePoint> ended;         // when the exchange says that the instrument ended; nothing while it trades
};
Life life_of(const std::optional<store::Manifest>& manifest, const Instrument& instrument, Timeframe timeframe);

// One answered window.
struct Look {
  TimeRange window;                            // whole bars that had ended
  std::vector<TimePoint> present{};            // open times that are held now, sorted
  std::map<TimePoint, std::string> refused{};  // open time -> what refused it, for bars that are not held
  TimePoint at{};                              // exchange time of the answer
  bool asked = true;                           // false: a file was looked at, and the exchange was not asked
};

struct Facts {
  Series series;
  Life life;
  std::span<const sources::KnownOutage> outages{};
};

// The ledger after the look: holes that came are gone from it, holes that are still there have one look more, new ones
// are in it with id 0; neighbours of one kind are one gap. By begin.
std::vector<Gap> after_look(const std::vector<Gap>& ledger, const Look& look, const Facts& facts);

// What the store must be told: new and changed gaps, and those of `before` that are gone, as closed at `at`.
std::vector<Gap> changes(const std::vector<Gap>& before, const std::vector<Gap>& after, TimePoint at);

// The end of the first run of ranges that were looked at, or the first provisional bar in it: all before it is complete
// or accounted for by gaps. Nothing when nothing was looked at.
std::optional<TimePoint> watermark_of(std::vector<TimeRange> looked, std::optional<TimePoint> first_provisional);

}  // namespace tdm::ingest::detail
