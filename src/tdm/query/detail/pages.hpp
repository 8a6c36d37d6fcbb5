#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tdm/core/gap.hpp"           // TimeRange
#include "tdm/query/detail/grid.hpp"  // Grid
#include "tdm/query/market_data.hpp"  // ReadRequest

// Answers in pages. Pure.
namespace tdm::query::detail {

// Where the next page begins. It carries the range that the first page resolved, so that a later page of a range that
// ends "now" ends where the first one said.
struct Cursor {
  std::uint64_t request = 0;  // digest of the request it belongs to
  std::int64_t dataset_version = 0;
  TimeRange stated, bars;
  TimePoint next{};       // the first bar that was not delivered
  std::int64_t skip = 0;  // raw: rows of `next` that were delivered
};
std::string encode(const Cursor& cursor);
// invalid_argument when the text is not one of ours, is of another request or of an older version of the data.
Result<Cursor> decode(const std::string& text, std::uint64_t request, std::int64_t dataset_version);
// True when it is one of ours and of this request.
bool belongs(const std::string& text, std::uint64_t request);

// What a request asks for, apart from limit and cursor: equal requests have equal digests, in every process.
std::uint64_t digest(const Series& series, const ReadRequest& request);
// FNV-1a, continued from `seed`.
std::uint64_t hash(std::string_view bytes, std::uint64_t seed = 0xcbf29ce484222325);

// The part of `range` that holds `limit` bars outside of `holes`; it begins at the first such bar, or is empty.
TimeRange page_of(const Grid& grid, TimeRange range, const std::vector<TimeRange>& holes, std::int64_t limit);

}  // namespace tdm::query::detail
