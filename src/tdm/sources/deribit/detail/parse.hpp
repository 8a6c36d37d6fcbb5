#pragma once

#include <string_view>
#include <vector>

#include "tdm/core/instrument.hpp"    // Instrument, Series
#include "tdm/sources/connector.hpp"  // Page, PageRequest
#include "tdm/sources/json_text.hpp"  // Json

// From Deribit's answers to our values. Pure: text in, values out.
namespace tdm::sources::deribit {

struct ParsedPage {
  Page page;
  bool has_exchange_time = true;  // false: the envelope had no time, page.exchange_time was not set
};

// The rows as add_rows() makes observations of them; corrupt_data when the answer is none.
Result<ParsedPage> parse_page(std::string_view body, const Series& series, const PageRequest& request,
                              TimePoint received_at);

Result<TimePoint> parse_server_time(std::string_view body);

// One element of get_instruments; its market follows from its kind. Fields came and went over the years: what is absent
// is empty.
Result<Instrument> parse_instrument(const Json& row);

struct InstrumentsList {
  std::vector<Instrument> instruments;  // of the market that was asked for
  std::size_t unusable = 0;             // rows without a name that can be used, or of an unknown kind
};
// corrupt_data when the answer has rows and none of them can be used.
Result<InstrumentsList> parse_instruments(std::string_view body, std::string_view market);

}  // namespace tdm::sources::deribit
