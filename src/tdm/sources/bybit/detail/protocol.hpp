#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/instrument.hpp"    // Series, PriceKind
#include "tdm/core/timeframe.hpp"     // Timeframe
#include "tdm/sources/connector.hpp"  // MarketTraits, PageRequest

// Bybit's words for ours: hosts, paths, interval codes, request targets. Pure.
namespace tdm::sources::bybit {

inline constexpr std::string_view kExchange = "bybit";
inline constexpr std::string_view kDefaultBaseUrl = "https://api.bybit.com";
inline constexpr int kPageRows = 1'000;  // the most that one kline answer holds

// "1" for 1m ... "M" for 1M; nothing for 8h, which Bybit does not serve. Case matters: "M" is a month, "1" a minute.
std::optional<std::string_view> interval_of(Timeframe timeframe);
std::optional<Timeframe> timeframe_of(std::string_view interval);

const std::vector<MarketTraits>& market_traits();

std::string_view kline_path(PriceKind kind);
std::optional<PriceKind> price_kind_of(std::string_view path);
// mark, index and premium rows have no volume and no turnover.
constexpr std::size_t kline_columns(PriceKind kind) { return kind == PriceKind::last ? 7 : 5; }

// mainnet | testnet | the host itself, which is what a custom base_url names.
std::string origin_of(std::string_view host);

// Bybit compares start and end with the open time and includes both, so `end` is the open time of the last bar.
std::string kline_target(const Series& series, const PageRequest& request);
// `cursor` is opaque and already percent-encoded: it goes back byte for byte.
std::string instruments_target(std::string_view market, std::string_view status, std::string_view cursor);
inline constexpr std::string_view kTimeTarget = "/v5/market/time";

}  // namespace tdm::sources::bybit
