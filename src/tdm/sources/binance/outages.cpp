#include "tdm/sources/binance/detail/outages.hpp"

#include <array>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace tdm::sources::binance {
namespace {

struct Stop {
  std::string_view begin, end;
};

// UTC, version 2026-11. The beginning is the last activity of the bar that the stop cut, the end the first bar after
// it.
constexpr std::array kStops{std::to_array<Stop>({
    {"2017-09-06T16:00Z", "2017-09-06T23:00Z"}, {"2017-12-04T06:00Z", "2017-12-04T06:49Z"},
    {"2017-12-18T10:00Z", "2017-12-18T10:14Z"}, {"2017-12-18T12:29Z", "2017-12-18T13:34Z"},
    {"2018-01-04T03:00Z", "2018-01-04T05:06Z"}, {"2018-02-08T00:28Z", "2018-02-09T10:00Z"},
    {"2018-02-10T06:00Z", "2018-02-10T06:15Z"}, {"2018-02-11T04:00Z", "2018-02-11T04:35Z"},
    {"2018-06-26T02:00Z", "2018-06-26T12:00Z"}, {"2018-06-27T13:00Z", "2018-06-27T14:45Z"},
    {"2018-07-04T00:22Z", "2018-07-04T08:00Z"}, {"2018-10-19T06:00Z", "2018-10-19T09:30Z"},
    {"2018-11-14T02:00Z", "2018-11-14T09:00Z"}, {"2019-03-12T02:00Z", "2019-03-12T08:00Z"},
    {"2019-05-15T03:00Z", "2019-05-15T13:00Z"}, {"2019-06-07T21:13Z", "2019-06-07T22:15Z"},
    {"2019-08-15T02:00Z", "2019-08-15T10:00Z"}, {"2019-11-13T02:00Z", "2019-11-13T04:00Z"},
    {"2019-11-25T02:00Z", "2019-11-25T04:00Z"}, {"2020-02-09T02:00Z", "2020-02-09T03:00Z"},
    {"2020-02-19T11:35Z", "2020-02-19T17:30Z"}, {"2020-03-04T09:21Z", "2020-03-04T11:30Z"},
    {"2020-04-25T02:00Z", "2020-04-25T04:30Z"}, {"2020-06-28T02:00Z", "2020-06-28T05:30Z"},
    {"2020-12-21T13:47Z", "2020-12-21T18:00Z"}, {"2020-12-25T02:00Z", "2020-12-25T03:00Z"},
    {"2021-02-11T03:40Z", "2021-02-11T05:00Z"}, {"2021-03-06T02:00Z", "2021-03-06T03:30Z"},
    {"2021-04-20T02:00Z", "2021-04-20T04:30Z"}, {"2021-04-25T04:00Z", "2021-04-25T08:45Z"},
    {"2021-08-13T02:00Z", "2021-08-13T06:30Z"}, {"2021-09-29T07:00Z", "2021-09-29T09:00Z"},
    {"2023-03-24T12:39Z", "2023-03-24T14:00Z"},
})};

TimePoint instant(std::string_view text) {
  const auto bound = parse_time_bound(text, "outage");
  if (!bound) std::abort();  // the table above is wrong
  return bound->first;
}

}  // namespace

std::span<const KnownOutage> known_outages() {
  static const auto outages = [] {
    std::vector<KnownOutage> all;
    for (const auto& stop : kStops) {
      KnownOutage outage;
      outage.range = TimeRange::of(instant(stop.begin), instant(stop.end));
      outage.market = "spot";
      outage.evidence = "all of Binance spot stood still " + to_string(outage.range) + " (list of 2026-11)";
      all.push_back(std::move(outage));
    }
    return all;
  }();
  return outages;
}

}  // namespace tdm::sources::binance
