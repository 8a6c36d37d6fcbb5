#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/timeframe.hpp"                   // Timeframe
#include "tdm/sources/binance/detail/protocol.hpp"  // market_of_path
#include "tests/support/scripted_exchange.hpp"      // ScriptedExchange

namespace tdm::sources::binance::testing {

// The few endpoints that the connector asks, on loopback under /binance: spot and usdm give the oldest rows of a
// window, coinm the newest and of 200 days at most. The last row is open. A script may answer first.
class FakeBinance : public support::ScriptedExchange {
 public:
  static constexpr std::int64_t kFirstBar = 1'672'531'200'000;  // 2023-01-01
  static constexpr std::int64_t kNow = 1'673'500'010'123;

  FakeBinance() : ScriptedExchange{"/binance", ordinary} {}

  static std::string close_text(std::int64_t open_ms) { return fmt::format("{}.50", 100 + open_ms / 60'000 % 89); }

  static net::ServerReply error(int code, std::string_view message, int status = 400, net::Headers headers = {}) {
    return json(fmt::format(R"({{"code":{},"msg":"{}"}})", code, message), status, std::move(headers));
  }
  // The ordinary answer, for scripts that change a part of it.
  static net::ServerReply ordinary(const net::ServerRequest& request) {
    const auto* const market = market_of_path(request.path);
    if (market == nullptr || !request.path.starts_with(fmt::format("/binance{}/", market->prefix)))
      return json("<html>not found</html>", 404);
    const auto endpoint = request.path.substr(request.path.rfind('/') + 1);
    if (endpoint == "time") return json(fmt::format(R"({{"serverTime":{}}})", kNow));
    if (endpoint == "exchangeInfo") return json(info(*market));
    if (const auto kind = price_kind_of(endpoint)) return klines(request, *market, *kind);
    return json("<html>not found</html>", 404);
  }

 private:
  static net::ServerReply klines(const net::ServerRequest& request, const MarketFacts& market, PriceKind kind) {
    const auto symbol = parameter(request, kind == PriceKind::index ? "pair" : "symbol");
    if (symbol.starts_with("NOPE") || symbol.empty()) return error(-1121, "Invalid symbol.");
    const auto timeframe = Timeframe::parse(parameter(request, "interval"));
    if (!timeframe) return error(-1120, "Invalid interval.");
    const std::int64_t start = std::stoll(parameter(request, "startTime"));
    const std::int64_t end = std::stoll(parameter(request, "endTime"));
    const auto limit = std::stoul(parameter(request, "limit"));
    if (start > end) return error(-1023, "Start time is greater than end time.");
    if (limit > static_cast<unsigned>(market.page_limit))
      return error(-1130, "Data sent for parameter 'limit' is not valid.");
    const bool newest = market.name == "coinm";
    if (newest && end - start > 200LL * 86'400'000) return error(-1127, "Lookup interval is too big.");
    std::vector<TimePoint> opens;
    for (auto open = timeframe->ceil(from_ms(std::max(start, kFirstBar)));
         to_ms(open) <= std::min(end, kNow) && (newest || opens.size() < limit); open = timeframe->advance(open, 1))
      opens.push_back(open);
    if (opens.size() > limit) opens.erase(opens.begin(), opens.end() - static_cast<std::ptrdiff_t>(limit));
    std::string rows;
    for (const auto open : opens)
      rows += fmt::format(R"({}[{},"100","190.5","90","{}",{}])", rows.empty() ? "" : ",", to_ms(open),
                          close_text(to_ms(open)), volumes(kind, to_ms(timeframe->close_of(open)) - 1));
    return json("[" + rows + "]");
  }

  static std::string volumes(PriceKind kind, std::int64_t close_ms) {
    if (kind == PriceKind::last) return fmt::format(R"("15",{},"1.5",7,"4","0.4","0")", close_ms);
    return fmt::format(R"("0",{},"0",60,"0","0","0")", close_ms);
  }

  static std::string info(const MarketFacts& market) {
    const auto symbol = [&](std::string_view name, std::string_view status) {
      if (market.name == "coinm")
        return fmt::format(R"({{"symbol":"{}","contractStatus":"{}","contractSize":25,"filters":[]}})", name, status);
      return fmt::format(R"({{"symbol":"{}","status":"{}","filters":[]}})", name, status);
    };
    const auto suffix = market.name == "coinm" ? "USD_PERP" : "USDT";
    return fmt::format(
        R"({{"rateLimits":[{{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":{}}}],"symbols":[{},{}]}})",
        default_quota(market.pool), symbol(fmt::format("BTC{}", suffix), "TRADING"),
        symbol(fmt::format("OLD{}", suffix), "BREAK"));
  }
};

}  // namespace tdm::sources::binance::testing
