#include <utility>

#include "tdm/query/detail/account.hpp"  // gaps_of_groups
#include "tdm/query/detail/gaps.hpp"     // verdict, incomplete
#include "tdm/query/detail/range.hpp"    // parse_grid
#include "tdm/query/market_data.hpp"

namespace tdm::query {

Result<std::vector<Gap>> apply_on_gap(const Series& series, TimeRange range, const std::vector<Gap>& gaps,
                                      OnGap on_gap) {
  std::vector<Gap> raised, warned;
  for (const auto& gap : gaps) {
    switch (detail::verdict(gap, on_gap)) {
      case detail::Verdict::silent: break;
      case detail::Verdict::warn: warned.push_back(gap); break;
      case detail::Verdict::raise: raised.push_back(gap); break;
    }
  }
  if (!raised.empty()) return std::unexpected{detail::incomplete(series, range, raised)};
  return warned;
}

Result<std::vector<Gap>> gaps_of_derived(const Series& series, const std::optional<std::string>& day_start,
                                         const std::vector<Gap>& parts) {
  const auto grid = detail::parse_grid(series.timeframe, day_start);
  if (!grid) return std::unexpected{grid.error()};
  return detail::gaps_of_groups(series, *grid, parts);
}

}  // namespace tdm::query
