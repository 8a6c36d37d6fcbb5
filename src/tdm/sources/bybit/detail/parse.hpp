#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/instrument.hpp"             // Instrument, Series
#include "tdm/sources/bybit/detail/kline.hpp"  // KlineDocument
#include "tdm/sources/connector.hpp"           // Page, PageRequest

// From Bybit's answers to our values. Pure: text in, values out.
namespace tdm::sources::bybit {

struct ParsedPage {
  Page page;
  bool has_exchange_time = true;  // false: the envelope had no time, page.exchange_time was not set
};

// Sorts the rows, drops repeated ones, and tells apart what cannot be an observation: S9 no usable open time, T1 off
// the grid, C6 outside the request or two different rows for one open time. A field that is missing or not a number
// stays in its row as it was sent: raw is recorded before anything judges it. An answer whose rows all lie outside the
// request did not move with it: corrupt_data.
Result<ParsedPage> parse_page(std::string_view body, const Series& series, const PageRequest& request,
                              TimePoint received_at);

// For an answer without a time: `time` was asked for separately, before the answer.
void set_exchange_time(Page& page, TimePoint time);

// The row's volume and turnover in our units: on inverse, volume is USD and turnover base coin.
struct Volumes {
  std::optional<std::string_view> base, quote;
};
Volumes volumes_of(const KlineRow& row, std::string_view market);

Result<TimePoint> parse_server_time(std::string_view body);

struct InstrumentsPage {
  std::vector<Instrument> instruments;  // of the market that was asked for
  std::size_t rows = 0;                 // in the answer: decides whether the list goes on
  std::size_t unusable = 0;             // rows without a symbol that can be named
  std::string next_cursor;              // empty at the end
};
// corrupt_data when the answer has rows and none of them can be used.
Result<InstrumentsPage> parse_instruments(std::string_view body, std::string_view market);

}  // namespace tdm::sources::bybit
