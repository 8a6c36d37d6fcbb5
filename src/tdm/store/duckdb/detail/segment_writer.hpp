#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "tdm/core/bar.hpp"                    // Frame
#include "tdm/store/duckdb/detail/layout.hpp"  // Layout, Period

namespace tdm::store::duckdb::detail {

// Rows of one series and layer: a frame with all columns, of which [first, last) are meant.
struct Rows {
  Layer layer = Layer::validated;
  const Frame& frame;
  std::size_t first = 0;
  std::size_t last = 0;
};

// The rows as a Parquet file in memory. The same rows give the same bytes.
Result<std::string> encode(const Series& series, const Rows& rows);

// Makes one immutable file of the rows, at its place for current rows or among the superseded: written under a
// temporary name, synced, read back (checksum of every page, count, hash), renamed, folder synced. A file of the same
// bytes that is already there is replaced by itself.
enum class Place : bool { current, superseded };
Result<Segment> write_segment(const Layout& layout, const Series& series, const Rows& rows, Place place);

}  // namespace tdm::store::duckdb::detail
