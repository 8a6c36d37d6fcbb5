#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "tdm/core/timeframe.hpp"                 // Timeframe
#include "tdm/sources/bybit/detail/protocol.hpp"  // timeframe_of
#include "tests/support/scripted_exchange.hpp"    // ScriptedExchange

namespace tdm::sources::bybit::testing {

// The few endpoints that the connector asks, on loopback under /bybit: klines newest first, inclusive bounds, newest
// part of what is too wide. A script may answer first.
class FakeBybit : public support::ScriptedExchange {
 public:
  static constexpr std::int64_t kFirstBar = 1'672'531'200'000;  // 2023-01-01
  static constexpr std::int64_t kNow = 1'673'500'000'123;

  FakeBybit() : ScriptedExchange{"/bybit", ordinary} {}

  static std::string close_text(std::int64_t open_ms) { return fmt::format("{}.50", 100 + open_ms / 60'000 % 89); }

  static std::string envelope(std::string_view result, int code = 0, std::string_view message = "OK") {
    return fmt::format(R"({{"retCode":{},"retMsg":"{}","result":{},"retExtInfo":{{}},"time":{}}})", code, message,
                       result, kNow);
  }
  // The ordinary answer, for scripts that change a part of it.
  static std::string klines(const net::ServerRequest& request) {
    const auto symbol = parameter(request, "symbol");
    if (symbol == "NOPEUSDT") return envelope("{}", 10001, "params error: symbol invalid");
    const auto timeframe = timeframe_of(parameter(request, "interval"));
    if (!timeframe) return envelope("{}", 10001, "Invalid period!");
    const auto end = std::min<std::int64_t>(std::stoll(parameter(request, "end")), kNow);
    const auto start = std::max<std::int64_t>(std::stoll(parameter(request, "start")), kFirstBar);
    const std::string_view volumes = request.path.ends_with("/market/kline") ? R"(,"1.5","150")" : "";
    std::string rows;
    int count = 0;
    for (auto open = timeframe->open_of(from_ms(end));
         to_ms(open) >= start && count < std::stoi(parameter(request, "limit"));
         open = timeframe->advance(open, -1), ++count)
      rows += fmt::format(R"({}["{}","100","190.5","90","{}"{}])", count == 0 ? "" : ",", to_ms(open),
                          close_text(to_ms(open)), volumes);
    return envelope(
        fmt::format(R"({{"symbol":"{}","category":"{}","list":[{}]}})", symbol, parameter(request, "category"), rows));
  }

 private:
  static net::ServerReply ordinary(const net::ServerRequest& request) {
    if (request.path.starts_with("/bybit/v5/market/") && price_kind_of(request.path)) return json(klines(request));
    if (request.path == "/bybit/v5/market/time")
      return json(envelope(fmt::format(R"({{"timeSecond":"{}","timeNano":"{}000000"}})", kNow / 1'000, kNow)));
    if (request.path == "/bybit/v5/market/instruments-info") return json(instruments(request));
    return json("not found", 404);
  }

  static std::string instruments(const net::ServerRequest& request) {
    const auto category = parameter(request, "category");
    const auto type = category == "linear" ? "LinearPerpetual" : "InversePerpetual";
    const auto row = [&](std::string_view symbol, std::string_view status) {
      return fmt::format(R"({{"symbol":"{}","contractType":"{}","status":"{}"}})", symbol, type, status);
    };
    const auto status = parameter(request, "status");
    const auto cursor = parameter(request, "cursor");
    const auto list = [](const std::string& rows, std::string_view next) {
      return envelope(fmt::format(R"({{"list":[{}],"nextPageCursor":"{}"}})", rows, next));
    };
    if (status == "Closed") return list(row("OLDUSDT", "Closed") + "," + row("BTCUSDT", "Closed"), "");
    if (!status.empty()) return list("", "");
    if (category == "spot") return list(row("BTCUSDT", "Trading"), "ignored%3Dcursor");
    if (cursor.empty())
      return list(row("0GUSDT", "Trading") + "," + row("BTCUSDT", "Trading"), "first%3D0GUSDT%26last%3DBTCUSDT");
    return list(row("ZECUSDT", "Trading"), "");
  }
};

}  // namespace tdm::sources::bybit::testing
