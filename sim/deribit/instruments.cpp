#include "sim/deribit/instruments.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <set>
#include <string>
#include <utility>

#include "sim/deribit/envelope.hpp"
#include "sim/deribit/number_text.hpp"
#include "tdm/core/decimal.hpp"

namespace tdm::sim::deribit {
namespace {

constexpr std::string_view kExchange = "deribit";
constexpr std::int64_t kNeverExpires =
    32'503'708'800'000;  // R: nautilus_trader/http_get_instrument.json; spot: §4.1 [U]
constexpr std::array<std::string_view, 3> kMarkets = {"future", "option", "spot"};
constexpr std::array<std::string_view, 5> kKinds = {"future", "option", "spot", "future_combo", "option_combo"};
constexpr std::array<std::string_view, 6> kCurrencies = {"BTC", "ETH", "USDC", "USDT", "EURR", "any"};
// How long an expired instrument is still a recent one: assumed (§4.3 names no time).
constexpr std::chrono::hours kRecently{24 * 7};
constexpr std::chrono::sys_days kStatesSince{std::chrono::year{2026} / 1 / 13};  // §4.5

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

bool is_option(const Listing& listing) { return listing.id.market.text() == "option"; }
bool is_spot(const Listing& listing) { return listing.id.market.text() == "spot"; }
bool reversed(const Listing& listing) { return !is_spot(listing) && listing.settle == listing.base; }

// What the price is measured against: inverse options are quoted in coin and counted in dollars (R:
// cryptofeed/DERIBIT.0, SOL of 2022).
std::string counter_of(const Listing& listing) { return reversed(listing) ? "USD" : listing.quote; }

// Which group a listing belongs to. Spot settles in nothing; that its quote currency decides is assumed.
const std::string& group_of(const Listing& listing) { return is_spot(listing) ? listing.quote : listing.settle; }

bool is_listed(const Listing& listing, TimePoint now) { return listing.phase_at(now) == Phase::trading; }

bool knows_expired(const Listing& listing, const Call& call) {
  if (listing.phase_at(call.now) != Phase::ended) return false;
  return call.host == Host::history || call.now - *listing.delivery <= kRecently;
}

// §4.5. Which of the words an expired one has is assumed.
std::string_view state_of(const Listing& listing, TimePoint now) {
  if (!listing.status.empty()) return listing.status;
  return listing.phase_at(now) == Phase::ended ? "archivized" : "open";
}

class RowWriter {
 public:
  RowWriter(const Call& call, const DeribitSettings& settings) : call_{call}, settings_{settings} {}

  std::string row(const Listing& listing) const {
    const auto draw = call_.draw + static_cast<std::uint64_t>(listing.symbol_id) * 16;
    Spellings spellings{settings_.mixed_numbers, draw};
    const auto number = [&](Int128 value, int scale) {
      std::string text;
      append_number(text, value, scale, spellings.next());
      return text;
    };
    Members members{
        {"instrument_name", json_text(listing.id.symbol.text())},
        {"instrument_id", std::to_string(listing.symbol_id)},
        {"kind", json_text(listing.id.market.text())},
        {"base_currency", json_text(listing.base)},
        {"quote_currency", json_text(listing.quote)},
        {"counter_currency", json_text(counter_of(listing))},
        {"price_index", json_text(lower(listing.base) + "_" + lower(counter_of(listing)))},
        {"instrument_type", reversed(listing) ? R"("reversed")" : R"("linear")"},
        {"is_active", is_listed(listing, call_.now) ? "true" : "false"},
        {"creation_timestamp", std::to_string(to_ms(listing.launch))},
        {"expiration_timestamp", std::to_string(listing.delivery ? to_ms(*listing.delivery) : kNeverExpires)},
        {"tick_size", number(listing.tick.step, listing.tick.scale)},
        {"tick_size_steps", "[]"},
        {"maker_commission", number(0, 0)},
        {"taker_commission", number(is_option(listing) ? 3 : 5, 4)},
        {"rfq", "false"}};
    // A contract of an option is one coin, of everything linear the smallest trade (§4.2; R: cryptofeed/DERIBIT.0,
    // USDC).
    const Int128 least = Int128{listing.lot.step} * (listing.inverse() ? listing.contract_size : 1);
    members.emplace_back("min_trade_amount", number(least, listing.lot.scale));
    if (listing.inverse() || is_option(listing)) {
      members.emplace_back("contract_size", number(listing.inverse() ? listing.contract_size : 1, 0));
    } else {
      members.emplace_back("contract_size", number(least, listing.lot.scale));
    }
    if (call_.now >= TimePoint{kStatesSince}) members.emplace_back("state", json_text(state_of(listing, call_.now)));
    if (!is_spot(listing)) {
      members.emplace_back("settlement_currency", json_text(listing.settle));
      members.emplace_back("settlement_period", json_text(listing.contract_type));
    }
    if (is_option(listing)) append_option(members, listing, spellings);
    if (!is_spot(listing) && !is_option(listing)) {
      members.emplace_back("future_type", reversed(listing) ? R"("reversed")" : R"("linear")");
      members.emplace_back("max_leverage", "50");
      members.emplace_back("max_liquidation_commission", number(75, 4));
      members.emplace_back("block_trade_commission", number(25, 5));
    }
    return object_text(std::move(members), draw);
  }

 private:
  // BTC-29MAR24-60000-C, XRP_USDC-28JUN24-0d625-C: d is the point of the strike (§4.1).
  static void append_option(Members& members, const Listing& listing, Spellings& spellings) {
    const std::string& name = listing.id.symbol.text();
    const std::size_t side = name.rfind('-');
    const std::size_t strike_begins = side == std::string::npos || side == 0 ? side : name.rfind('-', side - 1);
    if (strike_begins == std::string::npos) return;
    std::string strike = name.substr(strike_begins + 1, side - strike_begins - 1);
    std::ranges::replace(strike, 'd', '.');
    const std::size_t point = strike.find('.');
    const int scale = point == std::string::npos ? 0 : static_cast<int>(strike.size() - point - 1);
    const auto value = Decimal::parse(strike);
    const auto scaled = value ? value->to_scaled(scale) : Result<std::int64_t>{std::unexpected{value.error()}};
    if (!scaled) return;
    std::string text;
    append_number(text, *scaled, scale, spellings.next());
    members.emplace_back("strike", std::move(text));
    members.emplace_back("option_type", name.ends_with("-C") ? R"("call")" : R"("put")");
  }

  const Call& call_;
  const DeribitSettings& settings_;
};

bool is_chosen(const Listing& listing, const InstrumentFilter& filter, const Call& call) {
  return (filter.currency == "any" || group_of(listing) == filter.currency) &&
         (filter.kind.empty() || listing.id.market.text() == filter.kind) &&
         (filter.expired ? knows_expired(listing, call) : is_listed(listing, call.now));
}

}  // namespace

const History* find_instrument(const World& world, const Call& call, const DeribitSettings& settings) {
  const auto name = parameter(call, "instrument_name").value_or("");
  for (const std::string_view market : kMarkets) {
    const History* const history = world.find(kExchange, market, name);
    if (history == nullptr) continue;
    const Listing& listing = history->listing();
    if (is_listed(listing, call.now) || knows_expired(listing, call)) return history;
    const bool ended = listing.phase_at(call.now) == Phase::ended;
    return ended && settings.serves_expired ? history : nullptr;
  }
  return nullptr;
}

Parsed<InstrumentFilter> instrument_filter(const Call& call) {
  // Required by the documentation; ccxt leaves it out and gets them all: assumed to be as `any`.
  InstrumentFilter filter{.currency = parameter(call, "currency").value_or("any"),
                          .kind = parameter(call, "kind").value_or("")};
  if (std::ranges::find(kCurrencies, filter.currency) == kCurrencies.end()) {
    return std::unexpected{invalid_parameter("currency", "wrong format")};
  }
  if (!filter.kind.empty() && std::ranges::find(kKinds, filter.kind) == kKinds.end()) {
    return std::unexpected{invalid_parameter("kind", "wrong format")};
  }
  const auto expired = flag_parameter(call, "expired");
  if (!expired) return std::unexpected{expired.error()};
  filter.expired = *expired;
  return filter;
}

Answer get_instruments(const World& world, const Call& call, const DeribitSettings& settings) {
  const auto filter = instrument_filter(call);
  if (!filter) return refused(call, filter.error(), settings.error_status);
  const RowWriter writer{call, settings};
  std::string list = "[";
  std::int64_t rows = 0;
  for (const auto& history : world.histories()) {
    const Listing& listing = history->listing();
    if (listing.id.exchange.text() != kExchange || !is_chosen(listing, *filter, call)) continue;
    if (rows++ > 0) list += ',';
    list += writer.row(listing);
  }
  list += ']';
  Answer answer = success(call, std::move(list));
  answer.rows = rows;
  return answer;
}

Answer get_instrument(const World& world, const Call& call, const DeribitSettings& settings) {
  if (const auto name = required(call, "instrument_name"); !name) {
    return refused(call, name.error(), settings.error_status);
  }
  const History* const history = find_instrument(world, call, settings);
  if (history == nullptr) return refused(call, unknown_instrument(), settings.error_status);
  Answer answer = success(call, RowWriter{call, settings}.row(history->listing()));
  answer.rows = 1;
  return answer;
}

// Members that come and go (§4.4) are left out; R: ex_deribit/get_currencies_ok.json.
Answer get_currencies(const World& world, const Call& call) {
  std::set<std::string> currencies;
  for (const auto& history : world.histories()) {
    if (history->listing().id.exchange.text() == kExchange) currencies.insert(group_of(history->listing()));
  }
  std::string list = "[";
  for (const std::string& currency : currencies) {
    if (list.size() > 1) list += ',';
    list += object_text({{"currency", json_text(currency)},
                         {"currency_long", json_text(currency)},
                         {"coin_type", json_text(currency)},
                         {"min_confirmations", "1"},
                         {"withdrawal_fee", "0.0005"},
                         {"withdrawal_priorities", "[]"}},
                        call.draw);
  }
  list += ']';
  Answer answer = success(call, std::move(list));
  answer.rows = static_cast<std::int64_t>(currencies.size());
  return answer;
}

}  // namespace tdm::sim::deribit
