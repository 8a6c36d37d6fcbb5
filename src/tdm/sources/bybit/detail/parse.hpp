#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/instrument.hpp"             // Instrument, Series
#include "tdm/sources/bybit/detail/kline.hpp"  // KlineDocument
#include "tdm/sources/connector.hpp"           // Page, PageRequest
#include "tdm/sources/page_rows.hpp"           // SentRow, set_exchange_time

// From Bybit's answers to our values. Pure: text in, values out.
namespace tdm::sources::bybit {

struct ParsedPage {
  Page page;
  bool has_exchange_time = true;  // false: the envelope had no time, page.exchange_time was not set
};

// The rows as add_rows() makes observations of them; corrupt_data when the answer is none, or is for another market or
// symbol.
Result<ParsedPage> parse_page(std::string_view body, const Series& series, const PageRequest& request,
                              TimePoint received_at);

// A row in our columns and units: on inverse, volume is USD and turnover base coin.
SentRow sent_row(const KlineRow& row, std::string_view market);

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
