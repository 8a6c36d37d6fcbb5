#include "sim/deribit/resolution.hpp"

#include <algorithm>
#include <iterator>

namespace tdm::sim::deribit {
namespace {

using std::chrono::minutes;

struct Row {
  std::string_view word, part;
  int parts;
  minutes begin{0};
};
constexpr Row kRows[] = {{"1", "1m", 1},   {"3", "3m", 1},   {"5", "5m", 1},    {"10", "5m", 2},
                         {"15", "15m", 1}, {"30", "30m", 1}, {"60", "1h", 1},   {"120", "1h", 2},
                         {"180", "1h", 3}, {"360", "1h", 6}, {"720", "1h", 12}, {"1D", "1h", 24, minutes{8 * 60}}};

}  // namespace

TimePoint Resolution::open_of(TimePoint t) const {
  const auto since = std::chrono::floor<minutes>(t.time_since_epoch() - begin);
  const std::int64_t whole = since.count() - ((since.count() % length().count()) + length().count()) % length().count();
  return TimePoint{minutes{whole} + begin};
}

std::optional<Resolution> resolution_of(std::string_view word) {
  const auto* const found = std::ranges::find(kRows, word, &Row::word);
  if (found == std::end(kRows)) return std::nullopt;
  return Resolution{*Timeframe::parse(found->part), found->parts, found->begin};
}

}  // namespace tdm::sim::deribit
