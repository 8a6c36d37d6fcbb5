#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/timeframe.hpp"                   // Timeframe
#include "tdm/sources/deribit/detail/protocol.hpp"  // timeframe_of
#include "tests/support/scripted_exchange.hpp"

namespace tdm::sources::deribit::testing {

// The few methods that the connector asks, on loopback under /deribit: columns oldest first, inclusive bounds, the
// newest `cap` rows of what is too wide, the bar in progress. A script may answer first.
class FakeDeribit : public support::ScriptedExchange {
 public:
  static constexpr std::int64_t kFirstBar = 1'672'531'200'000;  // 2023-01-01
  static constexpr std::int64_t kNow = 1'673'500'000'123;
  static constexpr std::string_view kPath = "/deribit/api/v2/public/";

  explicit FakeDeribit(bool history = false)
      : ScriptedExchange{"/deribit", [this](const net::ServerRequest& request) { return ordinary(request); }},
        history_{history} {}

  void set_cap(std::size_t cap) { cap_ = cap; }

  static std::string close_text(std::int64_t open_ms) { return fmt::format("{}.5", 100 + open_ms / 60'000 % 89); }

  static std::string envelope(std::string_view result) {
    return fmt::format(R"({{"usOut":{0}456,"usIn":{0}000,"usDiff":456,"testnet":false,"result":{1},"jsonrpc":"2.0"}})",
                       kNow, result);
  }
  // Errors come with status 400 and a JSON body.
  static net::ServerReply error(int code, std::string_view message, std::string_view data = "null") {
    return json(fmt::format(R"({{"jsonrpc":"2.0","error":{{"message":"{}","data":{},"code":{}}},"usIn":{}000}})",
                            message, data, code, kNow),
                400);
  }
  // The ordinary chart, for scripts that change a part of it.
  std::string chart(const net::ServerRequest& request) const {
    const auto timeframe = timeframe_of(parameter(request, "resolution")).value();
    const auto end = std::min<std::int64_t>(std::stoll(parameter(request, "end_timestamp")), kNow);
    const auto first = timeframe.open_of(from_ms(std::stoll(parameter(request, "start_timestamp"))));
    std::vector<std::int64_t> ticks;
    for (auto open = std::max(first, from_ms(kFirstBar)); to_ms(open) <= end; open = timeframe.advance(open, 1))
      ticks.push_back(to_ms(open));
    if (ticks.size() > cap_) ticks.erase(ticks.begin(), ticks.end() - static_cast<std::ptrdiff_t>(cap_));
    if (ticks.empty()) return envelope(R"({"status":"no_data"})");
    std::string closes;
    for (const auto tick : ticks) closes += (closes.empty() ? "" : ",") + close_text(tick);
    const auto repeated = [&](std::string_view text) {
      return fmt::format("{}", fmt::join(std::vector<std::string_view>(ticks.size(), text), ","));
    };
    return envelope(fmt::format(
        R"({{"volume":[{}],"ticks":[{}],"status":"ok","open":[{}],"low":[{}],"high":[{}],"cost":[{}],"close":[{}]}})",
        repeated("1.5"), fmt::join(ticks, ","), repeated("100.0"), repeated("9e1"), repeated("190.5"), repeated("150"),
        closes));
  }

 private:
  net::ServerReply ordinary(const net::ServerRequest& request) const {
    if (!request.path.starts_with(kPath)) return json("not found", 404);
    const auto method = request.path.substr(kPath.size());
    if (method == "get_time") return json(envelope(std::to_string(kNow)));
    if (method == "get_instruments") return json(instruments(request));
    if (method != "get_tradingview_chart_data") return error(-32601, "Method not found");
    const auto symbol = parameter(request, "instrument_name");
    if (symbol == "NOPE-PERPETUAL" || (symbol == "BTC-27DEC22" && !history_))
      return error(-32602, "Invalid params", R"({"reason":"instrument not found","param":"instrument_name"})");
    return json(chart(request));
  }

  std::string instruments(const net::ServerRequest& request) const {
    const auto kind = parameter(request, "kind");
    const bool expired = parameter(request, "expired") == "true";
    const auto row = [&](std::string_view name) {
      return fmt::format(R"({{"instrument_name":"{}","kind":"{}","is_active":{},"expiration_timestamp":{}}})", name,
                         kind, !expired, expired ? 1'672'128'000'000 : 32'503'708'800'000);
    };
    std::string rows;
    if (kind == "future" && !expired) rows = row("BTC-PERPETUAL");
    if (kind == "future" && expired) rows = row("BTC-30DEC22") + (history_ ? "," + row("BTC-27DEC22") : "");
    if (kind == "future_combo" && !expired) rows = row("BTC-FS-25DEC26_PERP");
    return envelope("[" + rows + "]");
  }

  bool history_;
  std::atomic<std::size_t> cap_{5'001};
};

}  // namespace tdm::sources::deribit::testing
