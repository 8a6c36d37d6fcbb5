#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "tdm/ingest/ingest.hpp"       // MarketTraits
#include "tdm/query/detail/grid.hpp"   // Grid
#include "tdm/query/detail/range.hpp"  // Window
#include "tdm/store/store.hpp"         // Store, Manifest

// Which series the bars of an answer can come from.
namespace tdm::query::detail {

bool is_native(const Series& series, const sources::MarketTraits& traits);

// The series itself, where the grid is its own, then the native ones whose bars make it up, longest first. The first
// that is native is the one to fetch: the others answer only from what is stored.
std::vector<Series> bases_of(const Series& series, const Grid& grid, const sources::MarketTraits& traits);

// The first native one; nothing when the market serves none.
std::optional<Series> fetched_of(const std::vector<Series>& bases, const sources::MarketTraits& traits);

// The stored base that knows most bars of its window, the first of equals; nothing when none is stored, or none was
// known at `as_of`.
struct Held {
  store::Manifest manifest;
  bool whole = false;  // there is nothing to be had beyond it
};
Result<std::optional<Held>> most_complete(const store::Store& store, const Series& series, const Grid& grid,
                                          const std::vector<Series>& bases, std::optional<TimePoint> as_of,
                                          const std::function<Window(const store::Manifest&)>& window_of);

}  // namespace tdm::query::detail
