#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/instrument.hpp"                  // Instrument, Series
#include "tdm/sources/binance/detail/kline.hpp"     // KlineRow
#include "tdm/sources/binance/detail/protocol.hpp"  // MarketFacts
#include "tdm/sources/connector.hpp"                // Page, PageRequest
#include "tdm/sources/json_text.hpp"                // Json
#include "tdm/sources/page_rows.hpp"                // SentRow

// From Binance's answers to our values. Pure: text in, values out.
namespace tdm::sources::binance {

// What a page is read with beyond its text.
struct PageContext {
  TimePoint exchange_time;    // not later than the answer: decides what is closed
  TimePoint received_at;      // our clock
  std::string contract_size;  // of the instrument on coinm, in USD
};

// The rows as add_rows() makes observations of them; corrupt_data when the answer is no array of them.
Result<Page> parse_page(std::string_view body, const Series& series, const PageRequest& request,
                        const PageContext& context);

// A row in our columns and units. On coinm the base volume is a column of its own, and the volume in USD is contracts
// times contract size; that text is kept in `made`. What has no column of ours goes to the row's extra fields: the
// number of contracts, a close time that is not the bar's last millisecond (an outage cut the bar), and what a mark,
// index or premium price was sampled from.
SentRow sent_row(const KlineRow& row, const Series& series, std::string_view contract_size,
                 std::deque<std::string>& made);
// The same for a bar that should end at `end`; nothing: that is not known.
SentRow sent_row(const KlineRow& row, const MarketFacts& market, PriceKind price_kind, std::optional<TimePoint> end,
                 std::string_view contract_size, std::deque<std::string>& made);

// A time as Binance sends it: milliseconds, and microseconds where it has 15 digits or more (spot archives since 2025).
// What is no time at all is nothing.
std::optional<TimePoint> parse_time(std::string_view text);

// Whether a bar that should end at `end` does: in its last millisecond, or its last microsecond.
bool ends_on_time(TimePoint end, std::string_view close_time);

Result<TimePoint> parse_server_time(std::string_view body);

// USD of one contract by the coin's name: for contracts that exchangeInfo no longer lists.
std::string usual_contract_size(std::string_view symbol);

struct ExchangeInfo {
  std::vector<Instrument> instruments;
  std::size_t unusable = 0;                   // rows without a symbol that can be named
  std::optional<double> weight_per_minute{};  // REQUEST_WEIGHT of rateLimits
};
// corrupt_data when the answer has rows and none of them can be used.
Result<ExchangeInfo> parse_exchange_info(std::string_view body, std::string_view market);
Result<Instrument> parse_instrument(const Json& row, std::string_view market);

}  // namespace tdm::sources::binance
