#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/bar.hpp"     // BarColumns, ObservationColumns, Frame
#include "tdm/core/gap.hpp"     // Gap
#include "tdm/store/store.hpp"  // Batch, Layer

// What a batch means, the same for every backend. Pure.
namespace tdm::store {

constexpr bool is_final(Finality finality) { return finality == Finality::confirmed || finality == Finality::revised; }

// True when storing `b` over `a` (rows of one key) would tell nothing new: the nine values, the flags and the rule
// version are equal, and `a` is final or both stand equally far from it. Who delivered the value, and when, is not a
// difference.
bool same_bar(const BarColumns& a, std::size_t a_row, const BarColumns& b, std::size_t b_row);

// Columns of equal length, rows sorted by open_time, a key at most once. invalid_argument names what is wrong.
Result<void> check_bars(const BarColumns& bars);

// Only what can be stored: columns of equal length, rows sorted by open_time, a key at most once, gaps of this series.
// invalid_argument names what is wrong.
Result<void> check_batch(const Batch& batch);

// The asked-for columns with open_time in front, each once; empty asks for all. invalid_argument names an unknown one.
Result<std::vector<std::string>> checked_columns(Layer layer, const std::vector<std::string>& asked);

// An answer that owns its rows. The names have passed checked_columns.
Frame make_frame(BarColumns rows, const std::vector<std::string>& columns);
Frame make_frame(const ObservationColumns& rows, const std::vector<std::string>& columns);
// All columns of rows that the caller keeps alive and unchanged; nothing is copied but words.
Frame view_of(const BarColumns& rows);
Frame view_of(const ObservationColumns& rows);
// The way back, from a frame with all columns. corrupt_data when a word is not known.
Result<BarColumns> bars_of(const Frame& frame);

// The one sentence with which every backend refuses a second origin.
std::unexpected<Error> refuse_origin(std::string_view exchange, std::string_view held, std::string_view offered);

// The sentences for a series that is not there, and for one that was removed after the caller took its manifest.
std::unexpected<Error> refuse_absent(const Series& series);
std::unexpected<Error> refuse_removed(const Series& series);

// `as_of` must not lie before the series' first knowledge: an empty answer there would be a lie.
Result<void> check_as_of(const Manifest& manifest, std::optional<TimePoint> as_of);

// What a batch's gaps do to the ledger. `ledger` holds the gaps that are not closed; ids of new ones are counted up
// from `next_id`. Returns the gaps that changed or came, with their ids, closed ones too; the ledger is sorted by
// begin.
Result<std::vector<Gap>> apply_gaps(std::vector<Gap>& ledger, const Series& series, const std::vector<Gap>& changes,
                                    std::int64_t& next_id);
// Gives the gaps inside the range the reason and settles them; returns those.
std::vector<Gap> accept_gaps(std::vector<Gap>& ledger, TimeRange range, std::string_view reason);

}  // namespace tdm::store
