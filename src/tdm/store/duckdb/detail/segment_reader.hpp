#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tdm/core/bar.hpp"                    // Frame
#include "tdm/store/duckdb/detail/layout.hpp"  // Layout, Segment

// Reads segments straight into the columns of an answer. Every page is checked by its checksum each time it is read;
// the whole file is compared with the manifest's hash once per process. Blocking and thread-safe.
namespace tdm::store::duckdb::detail {

struct Selection {
  Layer layer = Layer::validated;
  std::vector<Segment> segments;     // all that may hold rows of the range, superseded ones too when as_of is set
  const BarColumns* tail = nullptr;  // rows that lie in no segment; nothing when they are not wanted
  TimeRange range;
  std::vector<std::string> columns;  // checked, open_time first
  std::optional<TimePoint> as_of{};  // of several versions of a bar the last one known then
};

std::vector<std::string> all_columns(Layer layer);
// What a manifest says of the range, its tail included; all columns.
Selection select(const Manifest& manifest, Layer layer, TimeRange range);

// Float64 columns lie one after another in one allocation, in the order of `columns`. corrupt_data names the segment.
Result<Frame> read_rows(const Layout& layout, const Selection& selection);

// The file at `path` has the segment's hash, every page its checksum, every column its count.
Result<void> check_pages(const std::string& path, const Segment& segment);

// All that can be known to be wrong with a segment: hash, checksums, count, order, range. Empty when nothing is.
std::string problem_of(const Layout& layout, const Segment& segment);

// Whether two frames with all columns of the layer hold the same values, bit for bit.
bool same_values(Layer layer, const Frame& a, const Frame& b);

// One hash over all values in their order, which two files share exactly when they hold the same rows.
std::string value_hash(Layer layer, const Frame& frame);

}  // namespace tdm::store::duckdb::detail
