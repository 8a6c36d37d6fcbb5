#include "sim/bybit/instruments_info.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/bybit/envelope.hpp"
#include "sim/bybit/parameters.hpp"
#include "sim/decimal_text.hpp"

namespace tdm::sim::bybit {
namespace {

using Json = nlohmann::ordered_json;  // Bybit's order of keys is kept, so that a diff with a recording is readable

constexpr std::int64_t kUsualLimit = 500;
constexpr std::int64_t kMostRows = 1'000;
constexpr std::array<std::string_view, 5> kStatuses = {"PreLaunch", "Trading", "Delivering", "Settling", "Closed"};

std::string multiple(const Grid& grid, std::int64_t steps) {
  std::string text = decimal_text(Int128{grid.step} * steps, grid.scale);
  if (grid.scale == 0) return text;
  std::size_t point = text.find('.');
  if (point == std::string::npos) {
    point = text.size();
    text.push_back('.');
  }
  text.resize(point + 1 + static_cast<std::size_t>(grid.scale), '0');  // padded as the tick is
  return text;
}

std::string status_of(const Listing& listing, TimePoint now) {
  if (!listing.status.empty()) return listing.status;
  switch (listing.phase_at(now)) {
    case Phase::announced: return "PreLaunch";
    case Phase::trading: return "Trading";
    case Phase::ended: return "Closed";
  }
  return {};
}

Json contract_row(const Listing& listing, TimePoint now) {
  const bool future = listing.contract_type.ends_with("Futures");
  const std::int64_t delivery = listing.delivery ? to_ms(*listing.delivery) : 0;
  return Json{{"symbol", listing.id.symbol.text()},
              {"contractType", listing.contract_type},
              {"status", status_of(listing, now)},
              {"baseCoin", listing.base},
              {"quoteCoin", listing.quote},
              {"launchTime", std::to_string(to_ms(listing.launch))},
              {"deliveryTime", std::to_string(delivery)},
              {"deliveryFeeRate", future ? "0" : ""},
              {"priceScale", std::to_string(listing.tick.scale)},
              {"leverageFilter", {{"minLeverage", "1"}, {"maxLeverage", "50.00"}, {"leverageStep", "0.01"}}},
              {"priceFilter",
               {{"minPrice", listing.tick.text},
                {"maxPrice", multiple(listing.tick, 19'999'998)},
                {"tickSize", listing.tick.text}}},
              {"lotSizeFilter",
               {{"maxOrderQty", multiple(listing.lot, 1'000'000)},
                {"minOrderQty", listing.lot.text},
                {"qtyStep", listing.lot.text},
                {"postOnlyMaxOrderQty", multiple(listing.lot, 1'000'000)},
                {"maxMktOrderQty", multiple(listing.lot, 200'000)},
                {"minNotionalValue", "5"}}},
              {"unifiedMarginTrade", true},
              {"fundingInterval", future ? 0 : 480},
              {"settleCoin", listing.settle},
              {"copyTrading", "none"},
              {"upperFundingRate", future ? "0" : "0.005"},
              {"lowerFundingRate", future ? "0" : "-0.005"},
              {"isPreListing", false},
              {"preListingInfo", nullptr},
              {"riskParameters", {{"priceLimitRatioX", "0.05"}, {"priceLimitRatioY", "0.1"}}},
              {"displayName", ""},
              {"symbolType", ""},
              {"forbidUplWithdrawal", false},
              {"symbolId", listing.symbol_id}};
}

Json spot_row(const Listing& listing, TimePoint now) {
  return Json{{"symbol", listing.id.symbol.text()},
              {"baseCoin", listing.base},
              {"quoteCoin", listing.quote},
              {"innovation", "0"},
              {"status", status_of(listing, now)},
              {"marginTrading", "none"},
              {"stTag", "0"},
              {"lotSizeFilter",
               {{"basePrecision", listing.lot.text},
                {"quotePrecision", "0.00000001"},
                {"minOrderQty", listing.lot.text},
                {"maxOrderQty", multiple(listing.lot, 100'000'000)},
                {"minOrderAmt", "1"},
                {"maxOrderAmt", "4000000"}}},
              {"priceFilter", {{"tickSize", listing.tick.text}}},
              {"riskParameters", {{"priceLimitRatioX", "0.01"}, {"priceLimitRatioY", "0.02"}}},
              {"symbolType", ""}};
}

struct Wanted {
  std::string_view category;
  std::string_view symbol;
  std::string_view base;
  std::string_view status;
};

bool listed_in(const Listing& listing, const Wanted& wanted) {
  const std::string& market = listing.id.market.text();
  // With a coin, linear and inverse answer for each other.
  const bool derivatives = wanted.category != "spot" && market != "spot" && !wanted.base.empty();
  return market == wanted.category || derivatives;
}

bool matches(const Listing& listing, const Wanted& wanted, TimePoint now) {
  return listing.id.exchange.text() == "bybit" && listed_in(listing, wanted) &&
         (wanted.symbol.empty() || wanted.symbol == listing.id.symbol.text()) &&
         (wanted.base.empty() || wanted.base == listing.base) &&
         status_of(listing, now) == (wanted.status.empty() ? "Trading" : wanted.status);
}

// "first=A&last=B", which the URL carries once encoded; the page goes on after B.
std::optional<std::string> symbol_after(std::string_view cursor) {
  const std::size_t last = cursor.find("&last=");
  if (!cursor.starts_with("first=") || last == std::string_view::npos) return std::nullopt;
  return std::string{cursor.substr(last + 6)};
}

std::string cursor_of(const std::vector<const Listing*>& page) {
  if (page.empty()) return {};
  return fmt::format("first%3D{}%26last%3D{}", page.front()->id.symbol.text(), page.back()->id.symbol.text());
}

}  // namespace

Answer instruments_info(const World& world, const net::ServerRequest& request, TimePoint now) {
  const Wanted wanted{parameter(request, "category"), parameter(request, "symbol"), parameter(request, "baseCoin"),
                      parameter(request, "status")};
  const bool spot = wanted.category == "spot";
  if (!spot && wanted.category != "linear" && wanted.category != "inverse" && wanted.category != "option") {
    return refusal(10'001, "params error: category invalid", now);
  }
  if (!wanted.status.empty() && std::ranges::find(kStatuses, wanted.status) == kStatuses.end()) {
    return refusal(10'001, "params error: status invalid", now);
  }
  if (!wanted.symbol.empty() && world.find("bybit", wanted.category, wanted.symbol) == nullptr) {
    return refusal(10'001, "params error: symbol invalid", now);
  }
  const auto limit = limit_parameter(request, kUsualLimit, kMostRows);
  if (!limit) return refusal(10'001, "params error: limit invalid", now);
  std::string after;
  if (const std::string_view cursor = parameter(request, "cursor"); !spot && !cursor.empty()) {
    auto symbol = symbol_after(cursor);
    if (!symbol) return refusal(10'001, "params error: cursor invalid", now);
    after = *std::move(symbol);
  }

  std::vector<const Listing*> page;
  for (const auto& history : world.histories()) {
    const Listing& listing = history->listing();
    if (matches(listing, wanted, now) && (spot || listing.id.symbol.text() > after)) page.push_back(&listing);
  }
  std::ranges::sort(page, {}, [](const Listing* listing) { return listing->id.symbol.text(); });
  if (!spot && page.size() > *limit) page.resize(*limit);

  Json result{{"category", wanted.category}, {"list", Json::array()}};
  for (const Listing* listing : page)
    result["list"].push_back(spot ? spot_row(*listing, now) : contract_row(*listing, now));
  if (!spot) result["nextPageCursor"] = cursor_of(page);
  Answer answer = success(result.dump(), now);
  answer.rows = static_cast<std::int64_t>(page.size());
  return answer;
}

}  // namespace tdm::sim::bybit
