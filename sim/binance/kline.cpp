#include "sim/binance/kline.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/binance/envelope.hpp"
#include "sim/binance/intervals.hpp"
#include "sim/binance/parameters.hpp"
#include "sim/decimal_text.hpp"

namespace tdm::sim::binance {
namespace {

constexpr std::size_t kBytesOfRow = 200;
constexpr int kSpotDecimals = 8;   // of every number of spot, and of every coin amount (§9.7; R: static-klines)
constexpr int kIndexDecimals = 8;  // of mark, index and premium prices: assumed

struct Family {
  std::string_view endpoint;
  PriceKind kind;
  std::string_view key;  // which parameter names the instrument
};
constexpr Family kFamilies[] = {{"klines", PriceKind::last, "symbol"},
                                {"markPriceKlines", PriceKind::mark, "symbol"},
                                {"indexPriceKlines", PriceKind::index, "pair"},
                                {"premiumIndexKlines", PriceKind::premium, "symbol"}};

const Family* find_family(const Api& api, std::string_view endpoint) {
  const auto* const found = std::ranges::find(kFamilies, endpoint, &Family::endpoint);
  if (found == std::end(kFamilies) || (api.spot() && found->kind != PriceKind::last)) return nullptr;
  return found;
}

// The instrument of a symbol; futures of either kind answer for both since 2026-06-30 (§6.1). By the rules of the
// interface that was asked: assumed.
const History* find_symbol(const World& world, const Api& api, std::string_view symbol) {
  const History* const own = world.find("binance", api.market, symbol);
  if (own != nullptr || api.spot()) return own;
  return world.find("binance", api.coinm() ? "usdm" : "coinm", symbol);
}

// An index belongs to a pair; the world has it as that of the pair's perpetual contract.
const History* find_pair(const World& world, const Api& api, std::string_view pair) {
  const History* const linear = find_symbol(world, api, pair);
  return linear != nullptr ? linear : find_symbol(world, api, std::string{pair} + "_PERP");
}

// The last activity before a stop that lasts until the kline's end or longer: its closeTime then (R: static-klines
// BTCUSDT/2h/2018-01-01, 1d/2018-01-01; §6.7). A stop that ends inside of it leaves the regular one.
std::optional<TimePoint> cut_off(const History& history, Timeframe timeframe, TimePoint open_time) {
  const TimePoint end = timeframe.close_of(open_time);
  for (const TimeRange& gap : history.listing().gaps) {
    if (gap.begin() <= open_time || end <= gap.begin() || gap.end() < end) continue;
    const auto minute = std::chrono::floor<std::chrono::minutes>(gap.begin()).time_since_epoch().count() - 1;
    const auto trades = history.tape().trades(minute);
    return trades.empty() ? gap.begin() - std::chrono::milliseconds{1} : from_ms(trades.back().time_ms);
  }
  return std::nullopt;
}

class RowWriter {
 public:
  RowWriter(const History& history, PriceKind kind, Timeframe timeframe, bool microseconds, TimePoint now)
      : history_{history}, kind_{kind}, timeframe_{timeframe}, microseconds_{microseconds}, now_{now} {
    const Listing& listing = history.listing();
    const bool spot = listing.id.market.text() == "spot";
    price_scale_ = price_scale(listing, kind);
    price_decimals_ = spot ? kSpotDecimals : kind == PriceKind::last ? listing.tick.scale : kIndexDecimals;
    volume_decimals_ = spot ? kSpotDecimals : listing.lot.scale;
    turnover_decimals_ = spot ? kSpotDecimals : listing.turnover_scale();
  }

  void append(std::string& to, const DatedBar& row) const {
    const TapeBar& bar = row.bar;
    to += '[';
    append_time(to, row.open_time, "000");
    for (const std::int64_t price : {bar.open, bar.high, bar.low, bar.close}) {
      append_text(to, price, price_scale_, price_decimals_);
    }
    kind_ == PriceKind::last ? append_trades(to, row) : append_samples(to, row);
    to += R"(,"0"],)";
  }

 private:
  static void append_text(std::string& to, Int128 value, int scale, int decimals) {
    to += ",\"";
    append_fixed(to, value, scale, decimals);
    to += '"';
  }
  // `below`: the digits that microseconds add.
  void append_time(std::string& to, TimePoint time, std::string_view below) const {
    append_decimal(to, to_ms(time), 0);
    if (microseconds_) to += below;
  }
  TimePoint close_time(TimePoint open_time) const {
    if (const auto cut = cut_off(history_, timeframe_, open_time); cut && kind_ == PriceKind::last) return *cut;
    return timeframe_.close_of(open_time) - std::chrono::milliseconds{1};
  }

  // Volume is of the base coin and turnover of the quote; on coin-margined markets contracts and base coin (§6.2).
  void append_trades(std::string& to, const DatedBar& row) const {
    const Listing& listing = history_.listing();
    append_text(to, row.bar.volume, listing.lot.scale, volume_decimals_);
    to += ',';
    append_time(to, close_time(row.open_time), "999");
    append_text(to, row.bar.turnover, listing.turnover_scale(), turnover_decimals_);
    to += ',';
    append_decimal(to, row.bar.trades, 0);
    append_text(to, row.bar.buy_volume, listing.lot.scale, volume_decimals_);
    append_text(to, row.bar.buy_turnover, listing.turnover_scale(), turnover_decimals_);
  }
  // One sample a second, as the example of Binance's page has it: sixty in a minute.
  void append_samples(std::string& to, const DatedBar& row) const {
    const TimePoint end = std::min(timeframe_.close_of(row.open_time), now_);
    to += R"(,"0",)";
    append_time(to, close_time(row.open_time), "999");
    to += R"(,"0",)";
    append_decimal(to, std::chrono::floor<std::chrono::seconds>(end - row.open_time).count(), 0);
    to += R"(,"0","0")";
  }

  const History& history_;
  PriceKind kind_;
  Timeframe timeframe_;
  bool microseconds_;
  TimePoint now_;
  int price_scale_ = 0, price_decimals_ = 0, volume_decimals_ = 0, turnover_decimals_ = 0;
};

// What a contract has after its end (R: futures-klines/FTT_USDT_1d.csv; §6.8): flat rows at its last close, without
// volume, on and on.
class FlatTail {
 public:
  FlatTail(const History& history, PriceKind kind, Timeframe timeframe, const Window& window, TimePoint now)
      : timeframe_{timeframe} {
    const Listing& listing = history.listing();
    if (!listing.flat_tail || !listing.delivery || now < *listing.delivery) return;
    const auto minute = *Timeframe::parse("1m");
    const auto close = history.newest(kind, minute, history.begin(), *listing.delivery, 1, now);
    if (close.empty()) return;
    const std::int64_t price = close.back().bar.close;
    flat_ = {.open = price, .high = price, .low = price, .close = price, .present = true};
    first_ = std::max(timeframe.ceil(*listing.delivery), timeframe.ceil(window.first));
    end_ = timeframe.advance(timeframe.open_of(std::min(window.last, now)), 1);
  }

  std::vector<DatedBar> oldest(std::size_t most) const {
    std::vector<DatedBar> rows;
    for (TimePoint t = first_; t < end_ && rows.size() < most; t = timeframe_.close_of(t)) rows.push_back({t, flat_});
    return rows;
  }
  std::vector<DatedBar> newest(std::size_t most) const {
    std::vector<DatedBar> rows;
    for (TimePoint t = end_; first_ < t && rows.size() < most;) {
      t = timeframe_.advance(t, -1);
      rows.push_back({t, flat_});
    }
    std::ranges::reverse(rows);
    return rows;
  }

 private:
  Timeframe timeframe_;
  TapeBar flat_{};
  TimePoint first_{}, end_{};
};

std::vector<DatedBar> rows_of(const History& history, PriceKind kind, Timeframe timeframe, const Window& window,
                              TimePoint now) {
  const FlatTail tail{history, kind, timeframe, window, now};
  if (window.forward) {
    auto rows = history.oldest(kind, timeframe, window.first, window.last, window.limit, now);
    const auto after = tail.oldest(window.limit - rows.size());
    rows.insert(rows.end(), after.begin(), after.end());
    return rows;
  }
  const auto after = tail.newest(window.limit);
  auto rows = history.newest(kind, timeframe, window.first, window.last, window.limit - after.size(), now);
  rows.insert(rows.end(), after.begin(), after.end());
  return rows;
}

struct Asked {
  const History* history = nullptr;
  Timeframe timeframe;
  Window window;
  bool microseconds = false;
};

Parsed<Asked> read_request(const World& world, const Api& api, const Family& family, const net::ServerRequest& request,
                           const BinanceSettings& settings, TimePoint now) {
  const auto wrong = api.spot()
                         ? check_names(request, {"symbol", "interval", "startTime", "endTime", "limit", "timeZone"})
                         : check_names(request, {family.key, "interval", "startTime", "endTime", "limit"});
  if (wrong) return std::unexpected{*wrong};
  const auto symbol = parameter(request, family.key);
  if (!symbol) return std::unexpected{missing_parameter(family.key)};
  const auto interval = parameter(request, "interval");
  if (!interval) return std::unexpected{missing_parameter("interval")};
  if (const auto illegal = check_symbol(api, *symbol)) return std::unexpected{*illegal};
  const auto timeframe = timeframe_of(*interval);
  if (!timeframe) return std::unexpected{Refusal{-1120, "Invalid interval."}};
  const History* const history =
      family.kind == PriceKind::index ? find_pair(world, api, *symbol) : find_symbol(world, api, *symbol);
  if (history == nullptr) return std::unexpected{invalid_symbol()};
  // Days that begin elsewhere than at 00:00 UTC are not simulated.
  if (parameter(request, "timeZone").value_or("0") != "0") return std::unexpected{invalid_parameter("timeZone")};
  const bool anchored_at_end = api.coinm() && family.kind != PriceKind::premium;  // §6.6
  const auto window = window_of(request, api, anchored_at_end, settings, now);
  if (!window) return std::unexpected{window.error()};
  const auto microseconds = wants_microseconds(request, api);
  if (!microseconds) return std::unexpected{microseconds.error()};
  return Asked{history, *timeframe, *window, *microseconds};
}

}  // namespace

bool is_kline_endpoint(const Api& api, std::string_view endpoint) { return find_family(api, endpoint) != nullptr; }

Answer kline(const World& world, const Api& api, std::string_view endpoint, const net::ServerRequest& request,
             const BinanceSettings& settings, TimePoint now) {
  const Family& family = *find_family(api, endpoint);
  const auto asked = read_request(world, api, family, request, settings, now);
  if (!asked) return refused(asked.error());
  const auto rows = rows_of(*asked->history, family.kind, asked->timeframe, asked->window, now);
  const RowWriter writer{*asked->history, family.kind, asked->timeframe, asked->microseconds, now};
  std::string body;
  body.reserve(16 + rows.size() * kBytesOfRow);
  body += '[';
  for (const DatedBar& row : rows) writer.append(body, row);
  if (!rows.empty()) body.pop_back();
  body += ']';
  Answer answer = success(std::move(body));
  answer.rows = static_cast<std::int64_t>(rows.size());
  if (!rows.empty()) {
    answer.first = rows.front().open_time;
    answer.last = rows.back().open_time;
  }
  return answer;
}

std::string kline_csv(const History& history, PriceKind kind, Timeframe timeframe, TimeRange period, bool microseconds,
                      TimePoint now) {
  const auto rows = history.oldest(kind, timeframe, period.begin(), period.end() - Micros{1},
                                   static_cast<std::size_t>(timeframe.count(period)), now);
  const RowWriter writer{history, kind, timeframe, microseconds, now};
  std::string csv, row;
  csv.reserve(rows.size() * kBytesOfRow);
  for (const DatedBar& bar : rows) {
    row.clear();
    writer.append(row, bar);
    row.pop_back();  // the comma behind it
    std::ranges::copy_if(row, std::back_inserter(csv), [](char c) { return c != '[' && c != ']' && c != '"'; });
    csv += '\n';
  }
  return csv;
}

std::int64_t kline_weight(const Api& api, const net::ServerRequest& request) {
  if (api.spot()) return 2;
  const std::int64_t limit = limit_of(request);
  if (limit < 100) return 1;
  if (limit < 500) return 2;
  return limit <= 1'000 ? 5 : 10;
}

}  // namespace tdm::sim::binance
