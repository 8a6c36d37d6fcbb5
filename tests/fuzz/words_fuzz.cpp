// What users write: times, ranges, series, patterns, columns, cursors. Each is refused with a reason or means one
// thing.
#include <string>

#include "tdm/core/instrument.hpp"
#include "tdm/query/detail/frames.hpp"
#include "tdm/query/detail/pages.hpp"
#include "tdm/query/detail/patterns.hpp"
#include "tdm/query/detail/range.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace tdm;
using fuzz::must;

void check_time(const std::string& text) {
  const auto bound = parse_time_bound(text, "start");
  if (!bound) {
    must(bound.error().parameter == "start" && !bound.error().message.empty(), "a refusal names its parameter");
    return;
  }
  must(bound->first <= bound->after, "a bound is ordered");
  must(bound->is_date || bound->first == bound->after, "an instant has no length");
  const auto again = parse_time_bound(to_iso(bound->first), "start");
  must(!again || again->first == bound->first, "an instant reads back as it is written");
}

void check_range(const std::string& text) {
  const auto dots = text.find("..");
  if (dots == std::string::npos) return;
  const auto bounds = query::detail::parse_bounds(text.substr(0, dots), text.substr(dots + 2));
  if (!bounds) return;
  must(*bounds->begin <= *bounds->end, "a range is ordered");
  const auto now = from_ms(1'700'000'000'000);
  for (const auto timeframe : Timeframe::all()) {
    for (const auto straddle : {query::Straddle::withhold, query::Straddle::keep}) {
      const auto window = query::detail::settle(*bounds->begin, bounds->end, timeframe, now, straddle);
      must(window.stated.contains(window.bars) || window.bars.empty(), "whole bars lie in the range");
      must(window.bars.empty() || window.bars.end() <= now, "nothing lies in the future");
      must(timeframe.count(window.bars) >= 0, "bars can be counted");
    }
  }
}

void check_series(const std::string& text) {
  if (const auto series = Series::parse(text)) {
    const auto again = Series::parse(series->text());
    must(again.has_value() && *again == *series, "a series reads back as it is written");
    const auto pattern = query::detail::Pattern::parse(series->text());
    must(pattern.has_value() && pattern->matches(*series), "a series is a pattern of itself");
  }
  if (const auto pattern = query::detail::Pattern::parse(text)) {
    static const auto known = Series::parse("bybit.linear.BTCUSDT@1h").value();
    (void)pattern->matches(known);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text{fuzz::text_of(data, size)};
  check_time(text);
  check_range(text);
  check_series(text);
  (void)query::detail::select({text}, query::Layer::validated);
  if (const auto cursor = query::detail::decode(text, 1, 1))
    must(query::detail::encode(*cursor) == text || text.find_first_of("ABCDEF") != std::string::npos,
         "a cursor is written in one way");
  return 0;
}
