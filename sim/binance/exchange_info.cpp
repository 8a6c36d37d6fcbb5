#include "sim/binance/exchange_info.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "sim/binance/envelope.hpp"
#include "sim/binance/parameters.hpp"
#include "sim/decimal_text.hpp"

namespace tdm::sim::binance {
namespace {

using Json = nlohmann::ordered_json;  // Binance's order of keys is kept, so that a diff with a recording is readable

constexpr std::int64_t kNoDelivery = 4'133'404'800'000;  // §5: a perpetual contract's
constexpr int kSpotDecimals = 8;

// So many steps, padded as the grid is, on spot to eight decimals (R: cryptofeed/BINANCE.0).
std::string multiple(const Grid& grid, std::int64_t steps, int decimals) {
  return fixed_text(Int128{grid.step} * steps, grid.scale, std::max(grid.scale, decimals));
}

bool delivers(const Listing& listing) { return listing.contract_type.ends_with("_QUARTER"); }

// A word of Binance's list (§5). BREAK for a dead spot symbol: R cryptofeed/BINANCE.0, where 433 of 1695 have it;
// SETTLING for a contract that was taken off: assumed.
std::string status_of(const Listing& listing, TimePoint now) {
  if (!listing.status.empty()) return listing.status;
  const bool spot = listing.id.market.text() == "spot";
  switch (listing.phase_at(now)) {
    case Phase::announced: return "PENDING_TRADING";
    case Phase::trading: return "TRADING";
    case Phase::ended: return spot ? "BREAK" : "SETTLING";
  }
  return {};
}

// Assumed: a spot symbol is not listed before it trades, and a contract that was delivered is not listed any more.
bool is_listed(const Listing& listing, TimePoint now) {
  if (!listing.status.empty()) return true;
  const Phase phase = listing.phase_at(now);
  return listing.id.market.text() == "spot" ? phase != Phase::announced : phase != Phase::ended || !delivers(listing);
}

Json spot_row(const Listing& listing, TimePoint now) {
  const auto price = [&](std::int64_t steps) { return multiple(listing.tick, steps, kSpotDecimals); };
  const auto lots = [&](std::int64_t steps) { return multiple(listing.lot, steps, kSpotDecimals); };
  return Json{
      {"symbol", listing.id.symbol.text()},
      {"status", status_of(listing, now)},
      {"baseAsset", listing.base},
      {"baseAssetPrecision", 8},
      {"quoteAsset", listing.quote},
      {"quotePrecision", 8},
      {"quoteAssetPrecision", 8},
      {"baseCommissionPrecision", 8},
      {"quoteCommissionPrecision", 8},
      {"orderTypes", {"LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"}},
      {"icebergAllowed", true},
      {"ocoAllowed", true},
      {"quoteOrderQtyMarketAllowed", true},
      {"allowTrailingStop", true},
      {"cancelReplaceAllowed", true},
      {"isSpotTradingAllowed", true},
      {"isMarginTradingAllowed", false},
      {"filters",
       {{{"filterType", "PRICE_FILTER"},
         {"minPrice", price(1)},
         {"maxPrice", price(100'000'000)},
         {"tickSize", price(1)}},
        {{"filterType", "LOT_SIZE"}, {"minQty", lots(1)}, {"maxQty", lots(900'000'000)}, {"stepSize", lots(1)}},
        {{"filterType", "ICEBERG_PARTS"}, {"limit", 10}},
        {{"filterType", "MARKET_LOT_SIZE"}, {"minQty", lots(0)}, {"maxQty", lots(30'000'000)}, {"stepSize", lots(0)}},
        {{"filterType", "TRAILING_DELTA"},
         {"minTrailingAboveDelta", 10},
         {"maxTrailingAboveDelta", 2'000},
         {"minTrailingBelowDelta", 10},
         {"maxTrailingBelowDelta", 2'000}},
        {{"filterType", "PERCENT_PRICE_BY_SIDE"},
         {"bidMultiplierUp", "5"},
         {"bidMultiplierDown", "0.2"},
         {"askMultiplierUp", "5"},
         {"askMultiplierDown", "0.2"},
         {"avgPriceMins", 5}},
        {{"filterType", "NOTIONAL"},
         {"minNotional", "5.00000000"},
         {"applyMinToMarket", true},
         {"maxNotional", "9000000.00000000"},
         {"applyMaxToMarket", false},
         {"avgPriceMins", 5}},
        {{"filterType", "MAX_NUM_ORDERS"}, {"maxNumOrders", 200}},
        {{"filterType", "MAX_NUM_ALGO_ORDERS"}, {"maxNumAlgoOrders", 5}}}},
      {"permissions", Json::array()},
      {"permissionSets", Json::array({Json::array({"SPOT"})})}};
}

// What both futures say. Keys inside a filter stand in another order than on spot (R: cryptofeed/BINANCE_FUTURES.0).
Json contract_filters(const Listing& listing) {
  const auto price = [&](std::int64_t steps) { return multiple(listing.tick, steps, 0); };
  const auto lots = [&](std::int64_t steps) { return multiple(listing.lot, steps, 0); };
  return Json{
      {{"minPrice", price(1)},
       {"maxPrice", price(100'000'000)},
       {"filterType", "PRICE_FILTER"},
       {"tickSize", price(1)}},
      {{"stepSize", lots(1)}, {"filterType", "LOT_SIZE"}, {"maxQty", lots(1'000'000)}, {"minQty", lots(1)}},
      {{"stepSize", lots(1)}, {"filterType", "MARKET_LOT_SIZE"}, {"maxQty", lots(100'000)}, {"minQty", lots(1)}},
      {{"limit", 200}, {"filterType", "MAX_NUM_ORDERS"}},
      {{"limit", 10}, {"filterType", "MAX_NUM_ALGO_ORDERS"}},
      {{"multiplierDown", "0.9500"},
       {"multiplierUp", "1.0500"},
       {"multiplierDecimal", "4"},
       {"filterType", "PERCENT_PRICE"}}};
}

Json contract_row(const Api& api, const Listing& listing, TimePoint now) {
  const std::string status = status_of(listing, now);
  const std::string& symbol = listing.id.symbol.text();
  const std::int64_t delivery = delivers(listing) && listing.delivery ? to_ms(*listing.delivery) : kNoDelivery;
  Json row{{"symbol", symbol},
           {"pair", symbol.substr(0, symbol.find('_'))},
           // Empty while it is not yet known (R: cryptofeed/BINANCE_FUTURES.0).
           {"contractType", status == "PENDING_TRADING" ? "" : listing.contract_type},
           {"deliveryDate", delivery},
           {"onboardDate", to_ms(listing.launch)},
           {api.coinm() ? "contractStatus" : "status", status},
           {"maintMarginPercent", "2.5000"},
           {"requiredMarginPercent", "5.0000"},
           {"baseAsset", listing.base},
           {"quoteAsset", listing.quote},
           {"marginAsset", listing.settle},
           {"pricePrecision", listing.tick.scale},
           {"quantityPrecision", listing.lot.scale},
           {"baseAssetPrecision", 8},
           {"quotePrecision", 8},
           {"underlyingType", listing.contract_type == "TRADIFI_PERPETUAL" ? "EQUITY" : "COIN"},
           {"underlyingSubType", Json::array()},
           {"settlePlan", 0},
           {"triggerProtect", "0.0500"},
           {"liquidationFee", "0.012000"},
           {"marketTakeBound", "0.30"},
           {"filters", contract_filters(listing)},
           {"timeInForce", {"GTC", "IOC", "FOK", "GTX"}}};
  const Json order_types{
      "LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"};
  if (api.coinm()) {
    row["contractSize"] = listing.contract_size;
    row["equalQtyPrecision"] = 4;
    row["OrderType"] = order_types;
  } else {
    row["filters"].insert(row["filters"].begin() + 5, Json{{"notional", "5"}, {"filterType", "MIN_NOTIONAL"}});
    row["orderTypes"] = order_types;
  }
  return row;
}

Json rate_limits(const Api& api, const BinanceSettings& settings) {
  const auto limit = [](std::string_view type, std::string_view interval, int number, std::int64_t most) {
    return Json{{"rateLimitType", type}, {"interval", interval}, {"intervalNum", number}, {"limit", most}};
  };
  if (api.spot()) {
    return Json::array({limit("REQUEST_WEIGHT", "MINUTE", 1, settings.spot_weight), limit("ORDERS", "SECOND", 10, 100),
                        limit("ORDERS", "DAY", 1, 200'000), limit("RAW_REQUESTS", "MINUTE", 5, 300'000)});
  }
  return Json::array({limit("REQUEST_WEIGHT", "MINUTE", 1, settings.futures_weight),
                      limit("ORDERS", "MINUTE", 1, 1'200), limit("ORDERS", "SECOND", 10, 300)});
}

// The symbols that a spot request names; nothing when it names none.
Parsed<std::optional<std::set<std::string>>> named_symbols(const net::ServerRequest& request, const Api& api,
                                                           const World& world) {
  if (!api.spot()) {  // takes no parameter; that it refuses one is assumed
    if (const auto wrong = check_names(request, {})) return std::unexpected{*wrong};
    return std::nullopt;
  }
  if (const auto wrong =
          check_names(request, {"symbol", "symbols", "permissions", "showPermissionSets", "symbolStatus"})) {
    return std::unexpected{*wrong};
  }
  const auto one = parameter(request, "symbol");
  const auto several = parameter(request, "symbols");
  if (!one && !several) return std::nullopt;
  if (one && several) {
    return std::unexpected{Refusal{-1128, "Combination of optional parameters invalid."}};
  }
  std::set<std::string> names;
  if (one) names.emplace(*one);
  if (several) {
    const Json list = Json::parse(*several, nullptr, false);
    if (!list.is_array()) return std::unexpected{invalid_parameter("symbols")};
    for (const Json& name : list) {
      if (!name.is_string()) return std::unexpected{invalid_parameter("symbols")};
      if (!names.insert(name.get<std::string>()).second) {
        return std::unexpected{Refusal{-1151, "Symbol is present multiple times in the list."}};
      }
    }
  }
  for (const std::string& name : names) {
    if (const auto illegal = check_symbol(api, name)) return std::unexpected{*illegal};
    if (world.find("binance", api.market, name) == nullptr) return std::unexpected{invalid_symbol()};
  }
  return names;
}

}  // namespace

Answer exchange_info(const World& world, const Api& api, const net::ServerRequest& request,
                     const BinanceSettings& settings, TimePoint now) {
  const auto names = named_symbols(request, api, world);
  if (!names) return refused(names.error());
  const auto microseconds = wants_microseconds(request, api);
  if (!microseconds) return refused(microseconds.error());
  const std::string_view wanted_status = parameter(request, "symbolStatus").value_or("");

  Json symbols = Json::array();
  for (const auto& history : world.histories()) {
    const Listing& listing = history->listing();
    if (listing.id.exchange.text() != "binance" || listing.id.market.text() != api.market) continue;
    if (!is_listed(listing, now) || (*names && !(*names)->contains(listing.id.symbol.text()))) continue;
    Json row = api.spot() ? spot_row(listing, now) : contract_row(api, listing, now);
    if (!wanted_status.empty() && row["status"] != wanted_status) continue;
    if (api.spot() && parameter(request, "showPermissionSets") == "false") row.erase("permissionSets");
    symbols.push_back(std::move(row));
  }
  const auto rows = static_cast<std::int64_t>(symbols.size());
  Json body{{"timezone", "UTC"}, {"serverTime", *microseconds ? to_us(now) : to_ms(now)}};
  if (api.market == "usdm") body["futuresType"] = "U_MARGINED";
  body["rateLimits"] = rate_limits(api, settings);
  body["exchangeFilters"] = Json::array();
  if (api.market == "usdm") {
    body["assets"] = Json::array({{{"asset", "USDT"}, {"marginAvailable", true}, {"autoAssetExchange", "-10000"}}});
  }
  body["symbols"] = std::move(symbols);
  Answer answer = success(body.dump());
  answer.rows = rows;
  return answer;
}

}  // namespace tdm::sim::binance
