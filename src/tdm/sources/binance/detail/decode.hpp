#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tdm/sources/connector.hpp"      // DecodeRequest, LineSink
#include "tdm/sources/decode_bars.hpp"    // BarLength
#include "tdm/sources/decode_fields.hpp"  // Events, Fields, Line

// What a recording means, one JSON object per event (`tdm decode`). Documents go through the parsers of the connector,
// so what is printed is what would be stored.
namespace tdm::sources::binance {

void decode(const DecodeRequest& request, std::string_view document, std::int64_t line, const LineSink& sink);

void decode_rest(const Events& events, std::string_view document);
// An array of bars.
void decode_klines(const Events& events, std::string_view document);
void decode_ws(const Events& events, const Json& message);
// A file of the public archives: the zip file, or the CSV file in it, whose name then is the request's target.
void decode_archive(const DecodeRequest& request, std::string_view file, std::int64_t first_line, const LineSink& sink);

// "1m" ... "1M", and "1s" and "3d", which only Binance has.
std::optional<BarLength> bar_length(std::string_view interval);
const std::vector<BarLength>& bar_lengths();

// The instrument of a continuous contract: its pair, while the contract is the perpetual one. Nothing for the contracts
// that change: they are no instrument.
std::optional<std::string> perpetual_symbol(std::string_view market, std::string_view pair,
                                            std::string_view contract_type);

// Shared by both channels; each writes one line. A symbol that nobody says is empty.
void emit_book(const Events& events, std::string_view symbol, std::string_view type, const Json& book);
// The keys of a trade differ between REST, its aggregates and the streams.
struct TradeKeys {
  std::string_view id, price, size, time, buyer_is_maker;
};
void emit_trade(const Events& events, std::string_view symbol, const Json& trade, const TradeKeys& keys);

}  // namespace tdm::sources::binance
