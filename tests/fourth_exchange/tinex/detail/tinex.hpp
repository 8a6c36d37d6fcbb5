#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/instrument.hpp"    // Instrument, Series
#include "tdm/sources/connector.hpp"  // MarketTraits, Page, PageRequest, DecodeRequest, LineSink

// The words of the exchange for ours, both ways. Pure.
namespace tdm::sources::tinex {

inline constexpr std::string_view kExchange = "tinex";
inline constexpr std::string_view kMarket = "spot";
inline constexpr int kPageRows = 200;

const std::vector<MarketTraits>& market_traits();
std::string candles_target(const Series& series, const PageRequest& request);

Result<Page> parse_page(std::string_view body, const Series& series, const PageRequest& request, TimePoint received_at);
Result<std::vector<Instrument>> parse_pairs(std::string_view body);
Result<TimePoint> parse_clock(std::string_view body);

void decode(const DecodeRequest& request, std::string_view document, std::int64_t line, const LineSink& sink);
std::vector<std::pair<std::string, std::string>> parse_alias(std::string_view alias);

}  // namespace tdm::sources::tinex
