#include "sim/listing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "sim/detail/fields.hpp"
#include "tdm/core/decimal.hpp"
#include "tdm/core/gap.hpp"  // merge

namespace tdm::sim {
namespace {

constexpr TimePoint kPricedAt = from_ms(1'672'531'200'000);  // 2023-01-01, where the default prices hold

struct Default {
  std::string_view exchange, market, symbol, base, quote, contract_type, tick, lot;
  double price;
  double volatility;
  double zero_trades;
  std::string_view launch, first_bar, delivery;
};

// Real names, grids and launch times; the prices are those of the first days of 2023 and everything after is invented.
constexpr Default kDefaults[] = {
    {"bybit", "linear", "BTCUSDT", "BTC", "USDT", "LinearPerpetual", "0.10", "0.001", 16'550, 0.6, 0,
     "2020-03-15T00:00:00Z", "2020-03-25T10:36:00Z", ""},
    {"bybit", "linear", "ETHUSDT", "ETH", "USDT", "LinearPerpetual", "0.01", "0.01", 1'200, 0.7, 0,
     "2021-03-15T00:00:00Z", "2021-03-15T00:00:00Z", ""},
    {"bybit", "linear", "SOLUSDT", "SOL", "USDT", "LinearPerpetual", "0.010", "0.1", 9.9, 0.9, 0,
     "2021-10-15T00:00:00Z", "2021-10-15T02:17:00Z", ""},
    {"bybit", "linear", "XRPUSDT", "XRP", "USDT", "LinearPerpetual", "0.0001", "0.1", 0.34, 0.8, 0.01,
     "2021-05-13T00:00:00Z", "2021-05-13T06:00:00Z", ""},
    {"bybit", "linear", "BTCPERP", "BTC", "USDC", "LinearPerpetual", "0.10", "0.001", 16'548, 0.6, 0.25,
     "2021-01-14T07:10:31Z", "2022-08-16T09:00:00Z", ""},
    {"bybit", "linear", "BTCUSDT-26MAR27", "BTC", "USDT", "LinearFutures", "0.10", "0.001", 16'900, 0.6, 0.4,
     "2026-04-03T08:00:00Z", "2026-04-03T08:00:00Z", "2027-03-26T08:00:00Z"},
    {"bybit", "linear", "1000PEPEUSDT", "1000PEPE", "USDT", "LinearPerpetual", "0.0000001", "100", 0.0011, 1.2, 0.02,
     "2023-05-03T10:04:31Z", "2023-05-03T10:10:00Z", ""},
    {"bybit", "linear", "0GUSDT", "0G", "USDT", "LinearPerpetual", "0.0001", "0.1", 1.5, 1.3, 0.05,
     "2025-09-18T05:48:56Z", "2025-09-22T10:00:00Z", ""},
    {"bybit", "linear", "LUNAUSDT", "LUNA", "USDT", "LinearPerpetual", "0.001", "0.1", 60, 1.1, 0.02,
     "2021-09-15T08:00:00Z", "2021-09-15T08:00:00Z", "2022-05-12T06:30:00Z"},
    {"bybit", "inverse", "BTCUSD", "BTC", "USD", "InversePerpetual", "0.50", "1", 16'545, 0.6, 0.05,
     "2018-11-15T00:00:00Z", "2018-11-15T09:00:00Z", ""},
    {"bybit", "spot", "BTCUSDT", "BTC", "USDT", "", "0.01", "0.000001", 16'552, 0.6, 0, "2021-07-05T12:00:00Z",
     "2021-07-05T12:00:00Z", ""},
    {"bybit", "spot", "ETHUSDT", "ETH", "USDT", "", "0.01", "0.00001", 1'200.5, 0.7, 0.01, "2021-07-05T12:00:00Z",
     "2021-07-05T12:00:00Z", ""},
    {"binance", "spot", "BTCUSDT", "BTC", "USDT", "", "0.01", "0.00001", 16'552, 0.6, 0, "2017-08-17T04:00:00Z",
     "2017-08-17T04:00:00Z", ""},
    {"binance", "spot", "ETHUSDT", "ETH", "USDT", "", "0.01", "0.0001", 1'200.5, 0.7, 0, "2017-08-17T04:00:00Z",
     "2017-08-17T04:00:00Z", ""},
    {"binance", "spot", "ETHBTC", "ETH", "BTC", "", "0.00001", "0.0001", 0.0725, 0.3, 0.02, "2017-07-14T04:00:00Z",
     "2017-07-14T04:00:00Z", ""},
    {"binance", "spot", "SOLUSDT", "SOL", "USDT", "", "0.01", "0.001", 9.9, 0.9, 0, "2020-08-11T06:00:00Z",
     "2020-08-11T06:00:00Z", ""},
    {"binance", "spot", "1000SATSUSDT", "1000SATS", "USDT", "", "0.0000001", "1", 0.00035, 1.2, 0.05,
     "2023-12-12T07:00:00Z", "2023-12-12T07:00:00Z", ""},
    {"binance", "spot", "SRMUSDT", "SRM", "USDT", "", "0.001", "0.1", 0.25, 1.1, 0.1, "2020-08-11T06:00:00Z",
     "2020-08-11T06:00:00Z", "2022-11-28T03:00:00Z"},
    {"binance", "usdm", "BTCUSDT", "BTC", "USDT", "PERPETUAL", "0.10", "0.001", 16'550, 0.6, 0, "2019-09-25T08:00:00Z",
     "2019-09-08T17:57:00Z", ""},
    {"binance", "usdm", "ETHUSDT", "ETH", "USDT", "PERPETUAL", "0.01", "0.001", 1'200, 0.7, 0, "2019-11-27T07:45:00Z",
     "2019-11-27T07:45:00Z", ""},
    {"binance", "usdm", "XRPUSDT", "XRP", "USDT", "PERPETUAL", "0.0001", "0.1", 0.34, 0.8, 0.01, "2020-01-06T08:00:00Z",
     "2020-01-06T08:10:00Z", ""},
    {"binance", "usdm", "1000PEPEUSDT", "1000PEPE", "USDT", "PERPETUAL", "0.0000001", "1", 0.0011, 1.2, 0.02,
     "2023-05-05T16:00:00Z", "2023-05-05T16:00:00Z", ""},
    {"binance", "usdm", "FTTUSDT", "FTT", "USDT", "PERPETUAL", "0.0010", "0.1", 1.7, 1.2, 0.05, "2022-02-22T12:00:00Z",
     "2022-02-22T12:00:00Z", "2022-11-14T05:00:00Z"},
    {"binance", "usdm", "TSLAUSDT", "TSLA", "USDT", "TRADIFI_PERPETUAL", "0.01", "0.01", 123, 0.5, 0.1,
     "2026-01-28T14:30:00Z", "2026-01-28T14:30:00Z", ""},
    {"binance", "usdm", "BTCUSDT_240329", "BTC", "USDT", "CURRENT_QUARTER", "0.1", "0.001", 16'700, 0.6, 0.3,
     "2023-09-29T08:00:00Z", "2023-09-29T08:00:00Z", "2024-03-29T08:00:00Z"},
    {"binance", "usdm", "BTCUSDT_261225", "BTC", "USDT", "CURRENT_QUARTER", "0.1", "0.001", 16'800, 0.6, 0.3,
     "2026-06-26T08:00:00Z", "2026-06-26T08:00:00Z", "2026-12-25T08:00:00Z"},
    {"binance", "coinm", "BTCUSD_PERP", "BTC", "USD", "PERPETUAL", "0.1", "1", 16'545, 0.6, 0.05,
     "2020-08-10T07:00:00Z", "2020-08-10T07:00:00Z", ""},
    {"binance", "coinm", "ETHUSD_PERP", "ETH", "USD", "PERPETUAL", "0.01", "1", 1'199, 0.7, 0.1, "2020-08-11T07:00:00Z",
     "2020-08-11T07:00:00Z", ""},
    {"binance", "coinm", "BTCUSD_240329", "BTC", "USD", "CURRENT_QUARTER", "0.1", "1", 16'690, 0.6, 0.3,
     "2023-09-29T08:00:00Z", "2023-09-29T08:00:00Z", "2024-03-29T08:00:00Z"},
    {"deribit", "future", "BTC-PERPETUAL", "BTC", "USD", "perpetual", "0.5", "1", 16'546, 0.6, 0.02,
     "2018-08-14T10:24:47Z", "2018-08-14T10:30:00Z", ""},
    {"deribit", "future", "ETH-PERPETUAL", "ETH", "USD", "perpetual", "0.05", "1", 1'199, 0.7, 0.02,
     "2019-03-14T13:00:54Z", "2019-03-14T13:05:00Z", ""},
    {"deribit", "future", "BTC_USDC-PERPETUAL", "BTC", "USDC", "perpetual", "1.0", "0.001", 16'548, 0.6, 0.1,
     "2022-03-09T11:12:22Z", "2022-03-09T11:20:00Z", ""},
    {"deribit", "future", "SOL_USDC-PERPETUAL", "SOL", "USDC", "perpetual", "0.01", "0.1", 9.9, 0.9, 0.2,
     "2022-03-15T13:00:00Z", "2022-03-15T13:00:00Z", ""},
    {"deribit", "future", "DOGE_USDC-PERPETUAL", "DOGE", "USDC", "perpetual", "0.00001", "100", 0.07, 1.1, 0.3,
     "2022-04-28T13:16:27Z", "2022-04-28T13:20:00Z", ""},
    {"deribit", "future", "BTC-29DEC23", "BTC", "USD", "month", "0.5", "1", 16'700, 0.6, 0.5, "2022-12-15T08:03:00Z",
     "2022-12-15T08:10:00Z", "2023-12-29T08:00:00Z"},
    {"deribit", "future", "BTC-29MAR24", "BTC", "USD", "month", "0.5", "1", 16'750, 0.6, 0.5, "2023-03-30T08:03:00Z",
     "2023-03-30T08:10:00Z", "2024-03-29T08:00:00Z"},
    {"deribit", "future", "BTC-25DEC26", "BTC", "USD", "month", "0.5", "1", 16'800, 0.6, 0.5, "2025-12-25T08:03:00Z",
     "2025-12-25T08:10:00Z", "2026-12-25T08:00:00Z"},
    {"deribit", "option", "BTC-29MAR24-60000-C", "BTC", "BTC", "month", "0.0005", "0.1", 0.012, 0.9, 0.9,
     "2023-03-30T08:03:00Z", "2023-03-30T09:00:00Z", "2024-03-29T08:00:00Z"},
    {"deribit", "option", "ETH-25DEC26-3000-P", "ETH", "ETH", "month", "0.0005", "1", 0.05, 0.9, 0.9,
     "2025-12-25T08:03:00Z", "2025-12-25T09:00:00Z", "2026-12-25T08:00:00Z"},
    {"deribit", "option", "XRP_USDC-28JUN24-0d625-C", "XRP", "USDC", "month", "0.0001", "1000", 0.04, 0.9, 0.9,
     "2023-12-28T08:03:00Z", "2023-12-28T09:00:00Z", "2024-06-28T08:00:00Z"},
    {"deribit", "spot", "BTC_USDC", "BTC", "USDC", "", "0.01", "0.0001", 16'550, 0.6, 0.2, "2023-04-25T07:00:00Z",
     "2023-04-25T07:00:00Z", ""},
    {"deribit", "spot", "ETH_BTC", "ETH", "BTC", "", "0.0001", "0.0001", 0.0725, 0.3, 0.6, "2023-04-25T07:00:00Z",
     "2023-04-25T07:00:00Z", ""},
};

// What an exchange's way of counting makes of every listing of its own.
void apply_rules(Listing& listing) {
  const std::string& exchange = listing.id.exchange.text();
  if (exchange != "binance" && exchange != "deribit") return;
  listing.open_rule = OpenRule::first_trade;
  if (exchange == "binance") listing.quote_decimals = 8;
}

std::string settle_of(std::string_view market, const std::string& base, const std::string& quote) {
  if (market == "spot") return {};
  const bool of_dollars = market == "future" && quote == "USD";  // Deribit's inverse futures
  return market == "inverse" || market == "coinm" || of_dollars ? base : quote;
}

// Binance's coin-margined contracts are worth a hundred dollars for bitcoin and ten for every other coin, Deribit's
// inverse futures ten for bitcoin and one for ether (exchanges/deribit.md §4.2).
std::int64_t contract_size_of(std::string_view market, std::string_view base, std::string_view quote) {
  if (market == "future") return quote == "USD" && base != "ETH" ? 10 : 1;
  if (market != "coinm") return 1;
  return base == "BTC" ? 100 : 10;
}

std::string contract_type_of(std::string_view market, bool delivers) {
  if (market == "spot") return {};
  if (market == "future" || market == "option") return delivers ? "month" : "perpetual";  // Deribit's period
  if (market == "usdm" || market == "coinm") return delivers ? "CURRENT_QUARTER" : "PERPETUAL";
  return fmt::format("{}{}", market == "inverse" ? "Inverse" : "Linear", delivers ? "Futures" : "Perpetual");
}

std::string usual_market(std::string_view exchange) {
  if (exchange == "deribit") return "future";
  return exchange == "binance" ? "spot" : "linear";
}

std::string usual_quote(std::string_view market) {
  return market == "inverse" || market == "coinm" || market == "future" ? "USD" : "USDT";
}

Result<std::vector<TimeRange>> read_gaps(const YAML::Node& list, const std::string& file) {
  if (!list.IsSequence()) return std::unexpected{yaml_error(list, file, "gaps: expected a list of {from, to}")};
  std::vector<TimeRange> gaps;
  for (const auto& entry : list) {
    Fields fields{entry, file, {"from", "to"}};
    const auto from = fields.time("from");
    const auto to = fields.time("to");
    if (fields.error()) return std::unexpected{*fields.error()};
    if (!from || !to || *to <= *from) return std::unexpected{yaml_error(entry, file, "expected from before to")};
    gaps.push_back(TimeRange::of(*from, *to));
  }
  return merge(std::move(gaps));
}

Grid read_grid(Fields& fields, std::string_view key) {
  const std::string text = fields.text(key);
  if (fields.error()) return {};
  auto grid = Grid::parse(text, key);
  if (!grid) fields.refuse(key, grid.error().message);
  return grid.value_or(Grid{});
}

Result<Listing> read_listing(const YAML::Node& node, const std::string& file) {
  Fields fields{node,
                file,
                {"exchange",
                 "market",
                 "symbol",
                 "base",
                 "quote",
                 "settle",
                 "tick",
                 "lot",
                 "start_price",
                 "priced_at",
                 "launch",
                 "first_bar",
                 "delivery",
                 "status",
                 "contract_type",
                 "volatility",
                 "zero_trade_probability",
                 "gaps",
                 "symbol_id",
                 "contract_size",
                 "flat_tail"}};
  const std::string exchange = fields.text("exchange", "bybit");
  const std::string market = fields.text("market", usual_market(exchange));
  const std::string name = fmt::format("{}.{}.{}", exchange, market, fields.text("symbol"));
  const auto delivery = fields.time("delivery");
  const auto first_bar = fields.time("first_bar");
  const std::string base = fields.text("base");
  const std::string quote = fields.text("quote", usual_quote(market));
  const Grid tick = read_grid(fields, "tick");
  const Grid lot = read_grid(fields, "lot");
  const double price = fields.number("start_price", 0, 1e-9, 1e9);
  if (!fields.error() && !fields.has("start_price")) fields.text("start_price");  // says that it is missing
  const TimePoint start = first_bar.value_or(from_ms(1'577'836'800'000));
  const TimePoint priced_at = fields.time("priced_at").value_or(start);
  const TimePoint launch = fields.time("launch").value_or(start);
  auto id = InstrumentId::parse(name);
  if (fields.error()) return std::unexpected{*fields.error()};
  if (!id) return std::unexpected{yaml_error(node, file, id.error().message)};

  Listing listing{.id = *std::move(id),
                  .base = base,
                  .quote = quote,
                  .settle = fields.text("settle", settle_of(market, base, quote)),
                  .contract_type = fields.text("contract_type", contract_type_of(market, delivery.has_value())),
                  .tick = tick,
                  .lot = lot,
                  .start_price = price,
                  .priced_at = priced_at,
                  .volatility = fields.number("volatility", 0.6, 0, 10),
                  .zero_trade_probability = fields.number("zero_trade_probability", 0, 0, 0.99),
                  .launch = launch,
                  .first_bar = first_bar,
                  .delivery = delivery,
                  .status = fields.text("status", ""),
                  .symbol_id = fields.integer("symbol_id", 0, 0, 1'000'000'000),
                  .contract_size = fields.integer("contract_size", contract_size_of(market, base, quote), 1, 1'000'000),
                  .flat_tail = fields.flag("flat_tail", false)};
  apply_rules(listing);
  if (fields.has("gaps")) {
    auto gaps = read_gaps(fields.node("gaps"), file);
    if (!gaps) return std::unexpected{gaps.error()};
    listing.gaps = *std::move(gaps);
  }
  if (fields.error()) return std::unexpected{*fields.error()};
  return listing;
}

TimePoint known_time(std::string_view text) { return parse_time_bound(text, "default")->first; }

Listing make_default(const Default& row, std::int64_t symbol_id) {
  const std::string base{row.base};
  const std::string quote{row.quote};
  Listing listing{.id = *InstrumentId::parse(fmt::format("{}.{}.{}", row.exchange, row.market, row.symbol)),
                  .base = base,
                  .quote = quote,
                  .settle = settle_of(row.market, base, quote),
                  .contract_type = std::string{row.contract_type},
                  .tick = *Grid::parse(row.tick, "tick"),
                  .lot = *Grid::parse(row.lot, "lot"),
                  .start_price = row.price,
                  .priced_at = kPricedAt,
                  .volatility = row.volatility,
                  .zero_trade_probability = row.zero_trades,
                  .launch = known_time(row.launch),
                  .first_bar = known_time(row.first_bar),
                  .symbol_id = symbol_id,
                  .contract_size = contract_size_of(row.market, row.base, row.quote),
                  .flat_tail = row.market == "usdm"};
  if (!row.delivery.empty()) listing.delivery = known_time(row.delivery);
  apply_rules(listing);
  return listing;
}

}  // namespace

Result<Grid> Grid::parse(std::string_view text, std::string_view parameter) {
  const auto refused = [&] {
    return fail(ErrorCode::invalid_argument, fmt::format("expected a step such as 0.10, not '{}'", text),
                std::string{parameter});
  };
  const auto value = Decimal::parse(text);
  if (!value || value->is_zero() || value->is_negative() || text.contains('e') || text.contains('E')) return refused();
  const std::size_t point = text.find('.');
  const int scale = point == std::string_view::npos ? 0 : static_cast<int>(text.size() - point - 1);
  const auto step = value->to_scaled(scale);
  if (!step || scale > 12) return refused();
  return Grid{std::string{text}, scale, *step};
}

Phase Listing::phase_at(TimePoint now) const {
  if (delivery && *delivery <= now) return Phase::ended;
  return now < launch ? Phase::announced : Phase::trading;
}

std::vector<Listing> default_listings() {
  std::vector<Listing> listings;
  std::int64_t symbol_id = 1;
  for (const Default& row : kDefaults) listings.push_back(make_default(row, symbol_id++));
  return listings;
}

Result<std::vector<Listing>> load_listings(const std::string& file) {
  const auto root = read_yaml(file);
  if (!root) return std::unexpected{root.error()};
  YAML::Node list = *root;
  if (root->IsMap()) {
    Fields fields{*root, file, {"instruments"}};
    if (fields.error()) return std::unexpected{*fields.error()};
    list.reset(fields.node("instruments"));
  }
  if (!list.IsDefined() || !list.IsSequence() || list.size() == 0) {
    return std::unexpected{yaml_error(*root, file, "expected a list of instruments")};
  }
  std::vector<Listing> listings;
  std::set<InstrumentId> seen;
  for (const auto& node : list) {
    auto listing = read_listing(node, file);
    if (!listing) return std::unexpected{listing.error()};
    if (!seen.insert(listing->id).second) {
      return std::unexpected{yaml_error(node, file, fmt::format("{} stands twice", listing->id.text()))};
    }
    if (listing->symbol_id == 0) listing->symbol_id = static_cast<std::int64_t>(listings.size()) + 1;
    listings.push_back(*std::move(listing));
  }
  return listings;
}

}  // namespace tdm::sim
