#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "tdm/core/error.hpp"         // Result
#include "tdm/core/timeframe.hpp"     // Timeframe
#include "tdm/sources/connector.hpp"  // Page

// How the rows of an answer become the rows of a page: the same for every exchange.
namespace tdm::sources {

// One bar as it was sent, its fields in our order and units. Views into the answer.
struct SentRow {
  std::optional<TimePoint> open_time{};  // nothing when the field is no time
  // open high low close volume quote_volume trade_count taker_buy_volume taker_buy_quote_volume; absent or null:
  // nothing
  std::array<std::optional<std::string_view>, 9> values{};
  std::string extra{};     // its other fields as a JSON object, else empty
  std::string_view raw{};  // the whole row
};

// Sorts the rows, drops repeated ones, and tells apart what cannot be an observation: S9 no usable open time, T1 off
// the grid, C6 outside the request or two different rows for one open time. A field that is missing or not a number
// stays in its row as it was sent: raw is recorded before anything judges it. `page.request` and `page.exchange_time`
// are set already; a request of an archive file makes rows of its channel, which prove that they are closed. Rows that
// all lie outside the request did not move with it: corrupt_data.
Result<void> add_rows(Page& page, std::span<const SentRow> rows, Timeframe timeframe, TimePoint received_at);

// For an answer without a time: `time` was learned before the answer.
void set_exchange_time(Page& page, TimePoint time);

}  // namespace tdm::sources
