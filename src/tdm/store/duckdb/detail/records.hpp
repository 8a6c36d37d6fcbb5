#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/store/duckdb/detail/catalog.hpp"        // Catalog
#include "tdm/store/duckdb/detail/manifest_file.hpp"  // SeriesState

// What the catalogue holds of one series, as its rows. The functions that write belong inside a transaction.
namespace tdm::store::duckdb::detail {

struct SeriesRecord {
  std::int64_t id = 0;  // 0: not in the catalogue yet
  SeriesState state;
};

// A segment is current, or was merged into another one (the same rows), or revised (other values).
enum class SegmentState : std::uint8_t { current, merged, revised };
std::string_view to_string(SegmentState state);

Result<std::optional<SeriesRecord>> load_series(Catalog& catalog, const Series& series);

Result<void> insert_series(Catalog& catalog, std::int64_t id, const SeriesState& state);
Result<void> update_series(Catalog& catalog, std::int64_t id, const Manifest& manifest);
Result<void> insert_segment(Catalog& catalog, std::int64_t id, const Segment& segment);
Result<void> insert_history(Catalog& catalog, std::int64_t id, const Superseded& old, TimePoint at);
Result<void> supersede_segment(Catalog& catalog, std::int64_t id, const Segment& segment, SegmentState state,
                               std::int64_t version, TimePoint at);
Result<bool> has_segment(Catalog& catalog, std::int64_t id, const Segment& segment);
Result<void> save_gaps(Catalog& catalog, std::int64_t id, const std::vector<Gap>& changed,
                       std::optional<TimePoint> accepted_at = std::nullopt);
Result<void> replace_looked(Catalog& catalog, std::int64_t id, const std::vector<TimeRange>& looked);
Result<void> replace_tail(Catalog& catalog, std::int64_t id, const BarColumns& tail);
Result<void> insert_quarantine(Catalog& catalog, const Series& series, const std::vector<Rejection>& rejections);
Result<void> save_checkpoint(Catalog& catalog, std::int64_t id, std::int64_t version, std::int64_t ingest_id,
                             TimePoint at);
// Everything of a series but its observations, or those too. Its row stays, and says that it was removed.
Result<void> remove_series(Catalog& catalog, const SeriesRecord& left, Raw raw);
// Hashes of its files that are not current, of observations only when those go too; and whether any series has one.
Result<std::vector<std::string>> superseded_hashes(Catalog& catalog, std::int64_t id, Raw raw);
Result<bool> is_superseded(Catalog& catalog, std::string_view hash);
// Everything of a series anew, as its manifest tells it.
Result<void> adopt_series(Catalog& catalog, const SeriesRecord& record, TimePoint at);

}  // namespace tdm::store::duckdb::detail
