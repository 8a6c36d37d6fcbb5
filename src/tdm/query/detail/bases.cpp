#include "tdm/query/detail/bases.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "tdm/query/detail/account.hpp"  // Account
#include "tdm/store/rows.hpp"            // check_as_of

namespace tdm::query::detail {

bool is_native(const Series& series, const sources::MarketTraits& traits) {
  return std::ranges::find(traits.native, series.timeframe) != traits.native.end();
}

std::vector<Series> bases_of(const Series& series, const Grid& grid, const sources::MarketTraits& traits) {
  std::vector<Series> bases;
  if (grid.day_start() == Micros{0}) bases.push_back(series);
  auto parts = traits.native;
  std::ranges::sort(parts, std::greater{});
  for (const auto part : parts)
    if (grid.is_made_of(part)) bases.push_back(Series{series.instrument, series.price_kind, part});
  return bases;
}

std::optional<Series> fetched_of(const std::vector<Series>& bases, const sources::MarketTraits& traits) {
  const auto found = std::ranges::find_if(bases, [&](const Series& base) { return is_native(base, traits); });
  return found == bases.end() ? std::nullopt : std::optional{*found};
}

Result<std::optional<Held>> most_complete(const store::Store& store, const Series& series, const Grid& grid,
                                          const std::vector<Series>& bases, std::optional<TimePoint> as_of,
                                          const std::function<Window(const store::Manifest&)>& window_of) {
  std::optional<Held> best;
  std::int64_t most = -1;
  for (const auto& base : bases) {
    auto manifest = store.manifest(base);
    if (!manifest) return std::unexpected{std::move(manifest).error()};
    if (!*manifest || !store::check_as_of(**manifest, as_of)) continue;
    const auto bars = window_of(**manifest).bars;
    const auto settled = Account{series, grid, **manifest}.settled_bars(bars);
    const bool whole = settled == grid.count(bars);
    if (settled <= most) continue;
    most = settled;
    best = Held{**std::move(manifest), whole};
    if (whole && !bars.empty()) break;
  }
  return best;
}

}  // namespace tdm::query::detail
