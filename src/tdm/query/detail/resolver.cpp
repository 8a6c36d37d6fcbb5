#include "tdm/query/detail/resolver.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>

#include "tdm/query/detail/bases.hpp"     // bases_of
#include "tdm/query/detail/patterns.hpp"  // upper
#include "tdm/telemetry/log.hpp"          // log

namespace tdm::query::detail {
namespace {

// A symbol that the stored list lacks may have been listed since; so often a wrong name may ask the exchange.
constexpr std::chrono::seconds kMissingSymbolAge = std::chrono::minutes{10};
constexpr std::chrono::seconds kAnyAge = std::chrono::seconds::max();
constexpr std::size_t kMaxKnown = 10'000;
constexpr std::size_t kSuggestions = 3;

std::string key_of(const Words& words) {
  return fmt::format("{}\n{}\n{}", words.exchange, words.market.value_or(""), words.symbol);
}

bool is_served(const Grid& grid, const sources::MarketTraits& traits) {
  return std::ranges::any_of(traits.native, [&](Timeframe native) {
    return (native == grid.timeframe() && grid.day_start() == Micros{0}) || grid.is_made_of(native);
  });
}

std::string shown(std::string_view text) { return std::string{text.substr(0, 64)}; }

// The entry whose symbol is spelled so, or else differs in case only.
const Instrument* find_symbol(const std::vector<Instrument>& listing, const std::string& symbol) {
  const auto exact = std::ranges::find(listing, symbol, [](const Instrument& each) { return each.id.symbol.text(); });
  if (exact != listing.end()) return &*exact;
  const auto letters = upper(symbol);
  const auto alike =
      std::ranges::find(listing, letters, [](const Instrument& each) { return upper(each.id.symbol.text()); });
  return alike == listing.end() ? nullptr : &*alike;
}

std::vector<std::string> market_names(const sources::Connector& connector) {
  std::vector<std::string> names;
  for (const auto& market : connector.markets()) names.push_back(market.name);
  return names;
}

template <class Items, class Name>
std::vector<std::string> texts_of(const Items& items, Name name) {
  std::vector<std::string> texts;
  texts.reserve(items.size());
  for (const auto& item : items) texts.emplace_back(name(item));
  return texts;
}

// Those that are a typing error away, then those that begin alike: "BTC" is no error but half a name.
std::vector<std::string> suggest(const std::string& symbol, const std::vector<std::string>& names) {
  const auto letters = upper(symbol);
  auto suggestions = nearest(letters, names, kSuggestions);
  std::vector<std::string> begun;
  for (const auto& name : names)
    if (!letters.empty() && upper(name).starts_with(letters) &&
        std::ranges::find(suggestions, name) == suggestions.end())
      begun.push_back(name);
  std::ranges::stable_sort(begun, {}, &std::string::size);
  for (auto& name : begun)
    if (suggestions.size() < kSuggestions) suggestions.push_back(std::move(name));
  return suggestions;
}

}  // namespace

Resolver::Resolver(std::shared_ptr<store::Store> store, std::shared_ptr<ingest::Filler> filler,
                   ingest::Connectors connectors, const Clock& clock, EngineOptions options)
    : store_{std::move(store)},
      filler_{std::move(filler)},
      connectors_{std::move(connectors)},
      clock_{clock},
      options_{std::move(options)} {}

Result<const sources::Connector*> Resolver::connector(const std::string& exchange) const {
  if (const auto found = connectors_.find(exchange); found != connectors_.end()) return found->second.get();
  auto names = texts_of(connectors_, [](const auto& entry) { return entry.first; });
  auto message = fmt::format("exchange '{}' is not known; there is: {}", shown(exchange), fmt::join(names, ", "));
  auto suggestions = nearest(exchange, names);
  return fail(ErrorCode::unknown_exchange, std::move(message), "exchange",
              suggestions.empty() ? std::move(names) : std::move(suggestions));
}

Result<const sources::MarketTraits*> Resolver::market(const sources::Connector& connector,
                                                      const std::string& name) const {
  if (const auto* traits = sources::find_market(connector, name)) return traits;
  auto names = market_names(connector);
  auto message = fmt::format("market '{}' is not one of {}; it has: {}", shown(name), connector.exchange(),
                             fmt::join(names, ", "));
  return fail(ErrorCode::invalid_argument, std::move(message), "market", std::move(names));
}

Result<const sources::MarketTraits*> Resolver::check_served(const Series& series, const Grid& grid) const {
  const auto exchange = connector(series.instrument.exchange.text());
  if (!exchange) return std::unexpected{exchange.error()};
  const auto traits = market(**exchange, series.instrument.market.text());
  if (!traits) return traits;
  if (const auto day_start = grid.day_start(); !is_served(grid, **traits)) {
    std::vector<std::string> names;
    for (const auto each : Timeframe::all())
      if (is_served(Grid{each}, **traits)) names.emplace_back(each.name());
    if (day_start != Micros{0} && is_served(Grid{series.timeframe}, **traits))
      return fail(ErrorCode::invalid_argument,
                  fmt::format("{} {} has no bars that make up a day that begins at {:%H:%M}", (*exchange)->exchange(),
                              (*traits)->name, std::chrono::duration_cast<std::chrono::seconds>(day_start)),
                  "day_start");
    auto message =
        fmt::format("{} {} has no bars of {}, nor any that make them up; it has: {}", (*exchange)->exchange(),
                    (*traits)->name, series.timeframe.name(), fmt::join(names, " "));
    return fail(ErrorCode::invalid_argument, std::move(message), "timeframe", std::move(names));
  }
  if (const auto& kinds = (*traits)->price_kinds; std::ranges::find(kinds, series.price_kind) == kinds.end()) {
    auto names = texts_of(kinds, [](PriceKind kind) { return to_string(kind); });
    auto message = fmt::format("{} {} has no bars of price kind {}; it has: {}", (*exchange)->exchange(),
                               (*traits)->name, to_string(series.price_kind), fmt::join(names, " "));
    return fail(ErrorCode::invalid_argument, std::move(message), "price_kind", std::move(names));
  }
  return traits;
}

Result<Resolved> Resolver::resolve(const Words& words, Fetch fetch, std::stop_token stop) {
  const auto key = key_of(words);
  {
    const std::lock_guard guard{mutex_};
    if (const auto found = known_.find(key); found != known_.end()) return found->second;
  }
  auto resolved = resolve_anew(words, fetch, std::move(stop));
  if (!resolved || !resolved->lasting) return resolved;
  const std::lock_guard guard{mutex_};
  if (known_.size() >= kMaxKnown) known_.clear();
  known_.insert_or_assign(key, *resolved);
  return resolved;
}

Result<Resolved> Resolver::resolve_anew(const Words& words, Fetch fetch, std::stop_token stop) {
  Words meant = words;
  // A canonical name says exchange and market itself.
  if (auto canonical = InstrumentId::parse(words.symbol);
      canonical && connectors_.contains(canonical->exchange.text()) &&
      (words.exchange.empty() || words.exchange == canonical->exchange.text())) {
    const auto& named = canonical->market.text();
    if (words.market && *words.market != named)
      return fail(ErrorCode::invalid_argument,
                  fmt::format("symbol {} is of market {}, but market={} was asked for", words.symbol, named,
                              shown(*words.market)),
                  "market", {named});
    meant.exchange = canonical->exchange.text();
    meant.market = named;
    meant.symbol = canonical->symbol.text();
  }
  const auto exchange = connector(meant.exchange);
  if (!exchange) return std::unexpected{exchange.error()};
  auto options = candidates(**exchange, meant);
  if (!options) return std::unexpected{std::move(options).error()};

  const bool remembers = !meant.market;
  const auto symbol = upper(meant.symbol);  // all spellings share one decision
  if (remembers) {
    const auto held = store_->resolution(meant.exchange, symbol);
    if (!held) return std::unexpected{held.error()};
    if (*held) return remembered(**exchange, **held);
  }
  auto id = decide(**exchange, meant, *options, fetch, stop);
  if (!id) return std::unexpected{std::move(id).error()};
  if (!remembers) return Resolved{*std::move(id)};
  if (fetch == Fetch::never) return Resolved{.id = *std::move(id), .lasting = false};

  const auto stored = filler_->remember(store::Resolution{meant.exchange, symbol, *id, clock_.now()}, stop);
  if (stored) return remembered(**exchange, *stored);
  if (stored.error().code == ErrorCode::cancelled) return std::unexpected{stored.error()};
  // An answer is worth more than the memory of how its name was read; the next process decides alike.
  telemetry::log(telemetry::Level::warn, "resolution_not_stored",
                 {{"instrument", id->text()}, {"error", stored.error().message}});
  return Resolved{.id = *std::move(id), .lasting = false};
}

Result<Resolved> Resolver::remembered(const sources::Connector& connector, const store::Resolution& resolution) const {
  return Resolved{resolution.instrument, ambiguity(connector, resolution)};
}

// Where the symbol decides, no second market has it, and the lists of the others need not be there.
bool Resolver::is_in_one_market(const sources::Connector& connector) { return connector.default_market().empty(); }

// A name that was resolved to the only market that had it, and that would be read otherwise today. The default market
// decides by itself, so the usual case reads no list of instruments.
std::string Resolver::ambiguity(const sources::Connector& connector, const store::Resolution& resolution) const {
  const auto& chosen = resolution.instrument.market.text();
  if (is_in_one_market(connector) || chosen == default_market(connector)) return {};
  std::vector<std::string> others;
  for (const auto& name : market_names(connector)) {
    if (name == chosen) continue;
    const auto listing = store_->instruments(resolution.exchange, name);
    if (!listing || !*listing) continue;
    if (const auto* other = find_symbol((*listing)->instruments, resolution.symbol)) others.push_back(other->id.text());
  }
  if (others.empty()) return {};
  return fmt::format("{} means {} since {}, and {} exists too: name the market to choose", resolution.symbol,
                     resolution.instrument.text(), to_iso(resolution.decided_at), fmt::join(others, ", "));
}

std::string Resolver::default_market(const sources::Connector& connector) const {
  const auto configured = options_.default_market.find(std::string{connector.exchange()});
  return configured != options_.default_market.end() ? configured->second : std::string{connector.default_market()};
}

// Where to look, in this order: the market that was named, else the default, then the others.
Result<Resolver::Candidates> Resolver::candidates(const sources::Connector& connector, const Words& words) const {
  if (words.market)
    if (const auto known = market(connector, *words.market); !known) return std::unexpected{known.error()};
  if (words.symbol.empty())
    return fail(ErrorCode::invalid_argument, "symbol is empty; expected one such as BTCUSDT", "symbol");

  Candidates found;
  if (words.symbol.contains('/') && options_.parse_alias != nullptr) {
    for (auto& [market, symbol] : options_.parse_alias(words.exchange, words.symbol))
      if (!words.market || *words.market == market) found.push_back({market, symbol});
    if (found.empty()) return unknown_symbol(words, {});
    return found;
  }
  if (words.market) return Candidates{{*words.market, words.symbol}};
  for (auto& name : market_names(connector)) found.push_back({std::move(name), words.symbol});
  std::ranges::stable_partition(
      found, [first = default_market(connector)](const Candidate& each) { return each.market == first; });
  return found;
}

Result<InstrumentId> Resolver::decide(const sources::Connector& connector, const Words& words,
                                      const Candidates& candidates, Fetch fetch, std::stop_token stop) {
  const auto preferred = default_market(connector);
  const std::vector<std::chrono::seconds> ages =
      fetch == Fetch::never ? std::vector{kAnyAge} : std::vector{kAnyAge, kMissingSymbolAge};
  for (const auto max_age : ages) {
    std::vector<InstrumentId> found;
    for (const auto& candidate : candidates) {
      auto here = find(words, candidate, fetch, max_age, stop);
      if (!here) return std::unexpected{std::move(here).error()};
      if (!*here) continue;
      if (candidate.market == preferred || is_in_one_market(connector)) return **here;
      found.push_back(**here);
    }
    if (found.size() == 1) return found.front();
    if (found.size() > 1) {
      auto names = texts_of(found, [](const InstrumentId& id) { return id.market.text(); });
      return fail(ErrorCode::invalid_argument,
                  fmt::format("{} is listed on several markets of {}: name one of {}", shown(words.symbol),
                              words.exchange, fmt::join(names, ", ")),
                  "market", std::move(names));
    }
  }
  return unknown_symbol(words, candidates);
}

Resolver::Found Resolver::find(const Words& words, const Candidate& candidate, Fetch fetch,
                               std::chrono::seconds max_age, std::stop_token stop) {
  auto held = find_stored_bars(words, candidate);
  if (!held || *held) return held;
  const auto listed = listing(words.exchange, candidate.market, fetch, max_age, std::move(stop));
  if (!listed) return std::unexpected{listed.error()};
  const auto* found = *listed ? find_symbol(**listed, candidate.symbol) : nullptr;
  if (found == nullptr) return std::nullopt;
  return found->id;
}

Resolver::Found Resolver::find_stored_bars(const Words& words, const Candidate& candidate) const {
  if (!words.timeframe) return std::nullopt;
  const auto found = connectors_.find(words.exchange);
  const auto* traits = found == connectors_.end() ? nullptr : sources::find_market(*found->second, candidate.market);
  if (traits == nullptr) return std::nullopt;
  for (const auto& spelled : {candidate.symbol, upper(candidate.symbol)}) {
    const auto exchange = Exchange::parse(words.exchange);
    const auto market = Market::parse(candidate.market);
    const auto symbol = Symbol::parse(spelled);
    if (!exchange || !market || !symbol) continue;
    const Series wanted{InstrumentId{*exchange, *market, *symbol}, words.price_kind, *words.timeframe};
    for (const auto& base : bases_of(wanted, Grid{*words.timeframe}, *traits)) {
      const auto manifest = store_->manifest(base);
      if (!manifest) return std::unexpected{manifest.error()};
      if (*manifest) return wanted.instrument;
    }
  }
  return std::nullopt;
}

Result<std::optional<std::vector<Instrument>>> Resolver::listing(const std::string& exchange, const std::string& market,
                                                                 Fetch fetch, std::chrono::seconds max_age,
                                                                 std::stop_token stop) {
  auto stored = store_->instruments(exchange, market);
  if (!stored) return std::unexpected{std::move(stored).error()};
  const bool fresh = *stored && (max_age == kAnyAge || clock_.now() - (*stored)->at <= max_age);
  if (!fresh && fetch == Fetch::automatic) {
    // Where there was none, one that somebody else fetched meanwhile is as good.
    const auto asked = std::min(max_age, kMissingSymbolAge);
    const auto refreshed = filler_->refresh_instruments(exchange, market, asked, std::move(stop));
    if (!refreshed && (!*stored || refreshed.error().code == ErrorCode::cancelled))
      return std::unexpected{refreshed.error()};
    if (!refreshed)
      telemetry::log(telemetry::Level::warn, "instrument_list_is_old",
                     {{"exchange", exchange}, {"market", market}, {"error", refreshed.error().message}});
    else if (stored = store_->instruments(exchange, market); !stored)
      return std::unexpected{std::move(stored).error()};
  }
  if (!*stored) return std::nullopt;
  return std::move((*stored)->instruments);
}

Result<Instrument> Resolver::instrument(const InstrumentId& id, Fetch fetch, std::stop_token stop) {
  for (const auto max_age : {kAnyAge, kMissingSymbolAge}) {
    const auto listed = listing(id.exchange.text(), id.market.text(), fetch, max_age, stop);
    if (!listed) return std::unexpected{listed.error()};
    if (const auto* found = *listed ? find_symbol(**listed, id.symbol.text()) : nullptr) return *found;
    if (fetch == Fetch::never) break;
  }
  return unknown_symbol({.exchange = id.exchange.text(), .symbol = id.symbol.text()},
                        {{id.market.text(), id.symbol.text()}});
}

std::optional<Instrument> Resolver::stored_instrument(const InstrumentId& id) const {
  const auto listing = store_->instruments(id.exchange.text(), id.market.text());
  if (!listing || !*listing) return std::nullopt;
  const auto* found = find_symbol((*listing)->instruments, id.symbol.text());
  return found == nullptr ? std::nullopt : std::optional{*found};
}

std::unexpected<Error> Resolver::unknown_symbol(const Words& words, const Candidates& candidates) const {
  std::set<std::string> names;
  std::vector<std::string> markets;
  bool never_listed = true;
  for (const auto& candidate : candidates) {
    markets.push_back(candidate.market);
    const auto listing = store_->instruments(words.exchange, candidate.market);
    if (!listing || !*listing) continue;
    never_listed = false;
    for (const auto& each : (*listing)->instruments) names.insert(each.id.symbol.text());
  }
  auto message = fmt::format("{} has no instrument '{}'", words.exchange, shown(words.symbol));
  if (!markets.empty()) message += fmt::format(" (looked at {})", fmt::join(markets, ", "));
  if (never_listed && !markets.empty()) message += "; its list of instruments is not stored, and was not fetched";
  return fail(ErrorCode::unknown_symbol, std::move(message), "symbol",
              suggest(words.symbol, {names.begin(), names.end()}));
}

}  // namespace tdm::query::detail
