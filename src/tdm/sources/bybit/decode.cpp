#include "tdm/sources/bybit/detail/decode.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tdm/sources/bybit/detail/protocol.hpp"  // kExchange

namespace tdm::sources::bybit {
namespace {

// Options have no bars with us, and recordings of them still have a meaning.
constexpr std::array<std::string_view, 4> kRecordedMarkets{"spot", "linear", "inverse", "option"};

// Bybit's names on both channels. Options are spelled differently on REST and on the stream.
constexpr std::array kTickerFields = std::to_array<TickerField>({
    {"lastPrice", "last_price"},
    {"markPrice", "mark_price"},
    {"indexPrice", "index_price"},
    {"underlyingPrice", "underlying_price"},
    {"bid1Price", "bid_price"},
    {"bid1Size", "bid_size"},
    {"ask1Price", "ask_price"},
    {"ask1Size", "ask_size"},
    {"bidPrice", "bid_price"},
    {"bidSize", "bid_size"},
    {"askPrice", "ask_price"},
    {"askSize", "ask_size"},
    {"bid1Iv", "bid_iv"},
    {"ask1Iv", "ask_iv"},
    {"bidIv", "bid_iv"},
    {"askIv", "ask_iv"},
    {"markIv", "mark_iv"},
    {"markPriceIv", "mark_iv"},
    {"fundingRate", "funding_rate"},
    {"nextFundingTime", "next_funding_time", TickerField::Is::time},
    {"fundingIntervalHour", "funding_interval_hours"},
    {"openInterest", "open_interest"},
    {"openInterestValue", "open_interest_value"},
    {"singleOpenInterest", "single_open_interest"},
    {"highPrice24h", "high_24h"},
    {"lowPrice24h", "low_24h"},
    {"prevPrice24h", "previous_price_24h"},
    {"price24hPcnt", "change_24h"},
    {"volume24h", "volume_24h"},
    {"turnover24h", "quote_volume_24h"},
});

// Inverse counts volume in USD and turnover in coins.
constexpr auto kInverseTickerFields = [] {
  auto fields = kTickerFields;
  for (auto& field : fields) {
    if (field.theirs == "volume24h") field.ours = "quote_volume_24h";
    if (field.theirs == "turnover24h") field.ours = "volume_24h";
  }
  return fields;
}();

bool is_type(std::string_view type) { return type == "snapshot" || type == "delta"; }

}  // namespace

bool is_recorded_market(std::string_view market) {
  return market.empty() || std::ranges::find(kRecordedMarkets, market) != kRecordedMarkets.end();
}

Line side_of(Fields& from, std::string_view key) {
  const auto side = from.word(key);
  from.require(side == "Buy" || side == "Sell", fmt::format("needs {}, Buy or Sell", key));
  return side == "Buy" ? "buy" : "sell";
}

void emit_book(const Events& events, std::string_view market, std::string_view type, const Json& book,
               const Json& times) {
  Fields from{"an order book", book};
  Fields at{from, times};
  from.require(is_type(type), "is a snapshot or a delta");
  auto line = events.begin("book", market, from.word("s"));
  line["type"] = type;
  const auto published = at.micros("ts");
  const auto matched = at.micros("cts", Need::may);
  line["time_us"] = matched.is_null() ? published : matched;
  line["published_us"] = published;
  line["update_id"] = from.text("u");
  line["sequence"] = from.text("seq", Need::may);
  line["bids"] = from.levels("b");
  line["asks"] = from.levels("a");
  from.emit(events, line);
}

void emit_ticker(const Events& events, std::string_view market, std::string_view type, const Json& ticker,
                 const Json& message, std::string_view time_key) {
  Fields from{"a ticker", ticker};
  Fields at{from, message};
  from.require(is_type(type), "is a snapshot or a delta");
  auto line = events.begin("ticker", market, from.word("symbol"));
  line["type"] = type;
  line["time_us"] = at.micros(time_key, Need::may);
  from.put_ticker(line, market == "inverse" ? kInverseTickerFields : kTickerFields, {"symbol"});
  from.emit(events, line);
}

void decode(const DecodeRequest& request, std::string_view document, std::int64_t line, const LineSink& sink) {
  const Events events{kExchange, request, line, sink};
  if (!is_recorded_market(request.market))
    return events.error(ErrorCode::invalid_argument,
                        fmt::format("bybit has no market '{}': spot, linear, inverse or option", request.market));
  if (request.channel == "rest") return decode_rest(events, document);
  if (request.channel == "ws") {
    const auto message = parse_json(document);
    return message ? decode_ws(events, *message) : events.error(message.error());
  }
  events.error(ErrorCode::invalid_argument,
               fmt::format("bybit documents of channel '{}' are not known: rest or ws", request.channel));
}

}  // namespace tdm::sources::bybit
