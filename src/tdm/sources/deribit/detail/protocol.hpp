#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/instrument.hpp"    // Series
#include "tdm/core/timeframe.hpp"     // Timeframe
#include "tdm/sources/connector.hpp"  // MarketTraits, PageRequest

// Deribit's words for ours: hosts, methods, resolutions, request targets. Pure.
namespace tdm::sources::deribit {

inline constexpr std::string_view kExchange = "deribit";
inline constexpr std::string_view kDefaultBaseUrl = "https://www.deribit.com";
inline constexpr std::string_view kDefaultHistoryUrl = "https://history.deribit.com";
// An answer holds at most about 5,001 rows and silently drops the oldest: a page never asks for more than this.
inline constexpr int kPageRows = 5'000;

// "1" for 1m ... "60" for 1h; nothing for longer bars: 1D runs from 08:00 to 08:00, where the others begin is not
// documented.
std::optional<std::string_view> resolution_of(Timeframe timeframe);
std::optional<Timeframe> timeframe_of(std::string_view resolution);

const std::vector<MarketTraits>& market_traits();

// Deribit's kinds that our market holds; none for a market that does not exist.
std::span<const std::string_view> kinds_of(std::string_view market);
// The market of a kind, "" for an unknown one.
std::string_view market_of_kind(std::string_view kind);

// "BTC-FS-25DEC26_PERP", "BTC-CS-19MAY26-70000_75000": the second part names a strategy, where contracts have their
// expiry or PERPETUAL.
bool is_combo(std::string_view symbol);

// mainnet | testnet | the host itself, which is what a custom base_url names.
std::string origin_of(std::string_view host);

// Both bounds are included, so `end_timestamp` is the open time of the last bar.
std::string chart_target(const Series& series, const PageRequest& request);
// `currency`: a settlement group, or "any".
std::string instruments_target(std::string_view kind, std::string_view currency, bool expired);
inline constexpr std::string_view kTimeTarget = "/api/v2/public/get_time";
// Settlement groups, for a host that does not know "any".
std::span<const std::string_view> settlement_groups();

}  // namespace tdm::sources::deribit
