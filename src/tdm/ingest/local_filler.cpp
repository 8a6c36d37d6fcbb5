#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "tdm/ingest/detail/caller.hpp"
#include "tdm/ingest/detail/fill.hpp"
#include "tdm/ingest/detail/import.hpp"
#include "tdm/ingest/ingest.hpp"
#include "tdm/telemetry/log.hpp"

namespace tdm::ingest {
namespace detail {

void ExchangeTimes::learn(const std::string& exchange, Micros ahead) {
  const std::lock_guard guard{mutex_};
  heard_[exchange] = {ahead, std::chrono::steady_clock::now()};
}

std::optional<Micros> ExchangeTimes::ahead(const std::string& exchange) const {
  const std::lock_guard guard{mutex_};
  const auto found = heard_.find(exchange);
  if (found == heard_.end() || std::chrono::steady_clock::now() - found->second.at > kFresh) return std::nullopt;
  return found->second.ahead;
}

std::optional<Turnstile::Pass> Turnstile::enter(const std::stop_token& stop) {
  std::unique_lock guard{mutex_};
  if (!free_.wait(guard, stop, [this] { return !taken_; })) return std::nullopt;
  taken_ = true;
  return std::optional<Pass>{std::in_place, *this};
}

void Turnstile::leave() {
  {
    const std::lock_guard guard{mutex_};
    taken_ = false;
  }
  free_.notify_all();
}

Fetchers::Place::Place(Fetchers& all, std::string exchange) : all_{all}, exchange_{std::move(exchange)} {
  const std::lock_guard guard{all_.mutex_};
  ++all_.fetching_[exchange_];
}

Fetchers::Place::~Place() {
  const std::lock_guard guard{all_.mutex_};
  --all_.fetching_[exchange_];
}

std::size_t Fetchers::Place::share(std::size_t pages) const {
  const std::lock_guard guard{all_.mutex_};
  const auto fills = all_.fetching_.at(exchange_);
  return fills <= 1 ? pages : std::min(pages, std::max(kLeast, pages / fills));
}

Result<std::shared_ptr<sources::Connector>> connector_of(const Shop& shop, std::string_view exchange) {
  const auto found = shop.connectors.find(exchange);
  if (found != shop.connectors.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [name, connector] : shop.connectors) names.push_back(name);
  return fail(ErrorCode::unknown_exchange, fmt::format("there is no connector for the exchange '{}'", exchange),
              "exchange", nearest(exchange, names));
}

namespace {

// The new list with what we know beyond it.
std::vector<Instrument> joined(std::vector<Instrument> fresh, const std::vector<Instrument>& stored) {
  std::map<InstrumentId, const Instrument*> known;
  for (const auto& instrument : stored) known.emplace(instrument.id, &instrument);
  for (auto& instrument : fresh) {
    const auto before = known.find(instrument.id);
    if (before == known.end()) continue;
    if (!instrument.valid_from) instrument.valid_from = before->second->valid_from;
    if (!instrument.valid_to) instrument.valid_to = before->second->valid_to;
    known.erase(before);
  }
  for (const auto& [id, gone] : known) {
    fresh.push_back(*gone);
    fresh.back().active = false;
  }
  return fresh;
}

}  // namespace

Result<void> renew_listing(Shop& shop, Caller& caller, WriterHub::Lease& lease,
                           const std::shared_ptr<sources::Connector>& connector, const std::string& market) {
  auto fresh = caller.ask(connector, ask_instruments(connector, market));
  if (!fresh) return std::unexpected{std::move(fresh).error()};
  const std::string exchange{connector->exchange()};
  auto stored = shop.store->instruments(exchange, market);
  if (!stored) return std::unexpected{std::move(stored).error()};
  const auto all = joined(*std::move(fresh), *stored ? (*stored)->instruments : std::vector<Instrument>{});
  return lease.access([&](store::Writer& writer) -> Result<void> {
    if (auto claimed = writer.claim_origin(exchange, connector->origin()); !claimed) return claimed;
    return writer.put_instruments(exchange, market, all, shop.clock.now());
  });
}

Result<Claims::Ticket> claim_all(Shop& shop, Caller& caller, const Series& series,
                                 const std::vector<TimeRange>& ranges) {
  using std::chrono::steady_clock;
  const auto wait = shop.options.idle_wait;
  const auto deadline = steady_clock::now() + wait;
  for (;;) {
    auto taken = shop.claims.take_whole(series, ranges);
    if (taken.blockers.empty()) return std::move(taken.ticket);
    if (caller.stopped()) return Caller::cancelled();
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - steady_clock::now());
    if (left.count() <= 0)
      return fail(ErrorCode::unavailable,
                  fmt::format("{}: a fill or an import of it is running and did not end within {} s; try again after "
                              "it, or stop it first",
                              series.text(), std::chrono::duration<double>(wait).count()));
    shop.claims.wait(taken.seen, caller.stop(), std::min(left, Reporter::kEvery));
    caller.reporter.tick();
  }
}

Result<const sources::MarketTraits*> market_of(const sources::Connector& connector, std::string_view market) {
  if (const auto* traits = sources::find_market(connector, market)) return traits;
  std::vector<std::string> names;
  for (const auto& traits : connector.markets()) names.push_back(traits.name);
  return fail(ErrorCode::invalid_argument, fmt::format("{} has no market '{}'", connector.exchange(), market), "market",
              nearest(market, names));
}

Result<const sources::MarketTraits*> served(const sources::Connector& connector, const Series& series) {
  const auto traits = market_of(connector, series.instrument.market.text());
  if (!traits) return traits;
  const auto& exchange = series.instrument.exchange.text();
  if (std::ranges::find((*traits)->native, series.timeframe) == (*traits)->native.end()) {
    std::vector<std::string> names;
    names.reserve((*traits)->native.size());
    for (const auto timeframe : (*traits)->native) names.emplace_back(timeframe.name());
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} serves no {} bars on {}", exchange, series.timeframe.name(), (*traits)->name),
                "timeframe", std::move(names));
  }
  if (std::ranges::find((*traits)->price_kinds, series.price_kind) == (*traits)->price_kinds.end())
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} serves no {} prices on {}", exchange, to_string(series.price_kind), (*traits)->name),
                "price_kind");
  return traits;
}

Result<TimePoint> exchange_now(Shop& shop, Caller& caller, const std::shared_ptr<sources::Connector>& connector,
                               const std::string& market, bool near_now, std::int64_t& requests) {
  constexpr std::chrono::seconds kSkewWarning{1};
  const auto host = shop.clock.now();
  if (!near_now) return host;
  const std::string exchange{connector->exchange()};
  if (const auto ahead = shop.times.ahead(exchange)) return host + *ahead;
  ++requests;
  auto time = caller.ask(connector, ask_time(connector, market));
  if (!time) return time;
  const auto ahead = *time - shop.clock.now();
  shop.times.learn(exchange, ahead);
  if (std::chrono::abs(ahead) > kSkewWarning)
    telemetry::log(telemetry::Level::warn, "the host's clock differs from the exchange's",
                   {{"exchange", exchange}, {"exchange_is_ahead_s", std::chrono::duration<double>(ahead).count()}});
  return time;
}

Result<Instrument> find_instrument(Shop& shop, Caller& caller, WriterHub::Lease& lease,
                                   const std::shared_ptr<sources::Connector>& connector, const InstrumentId& id,
                                   std::int64_t& requests) {
  constexpr std::chrono::hours kListingAge{1};  // a symbol that an older list lacks may be new
  std::vector<std::string> symbols;
  for (const bool renewed : {false, true}) {
    auto listing = shop.store->instruments(id.exchange.text(), id.market.text());
    if (!listing) return std::unexpected{std::move(listing).error()};
    if (*listing) {
      for (const auto& instrument : (*listing)->instruments)
        if (instrument.id == id) return instrument;
      if (renewed || (*listing)->at + kListingAge > shop.clock.now()) {
        for (const auto& instrument : (*listing)->instruments) symbols.push_back(instrument.id.symbol.text());
        break;
      }
    }
    if (renewed) break;
    const auto turn = shop.listing.enter(caller.stop());
    if (!turn) return Caller::cancelled();
    // Whoever had the turn before may have brought the list.
    if (const auto again = shop.store->instruments(id.exchange.text(), id.market.text());
        again && *again && (!*listing || (*again)->at != (*listing)->at))
      continue;
    ++requests;
    if (auto done = renew_listing(shop, caller, lease, connector, id.market.text()); !done)
      return std::unexpected{std::move(done).error()};
  }
  return fail(ErrorCode::unknown_symbol, fmt::format("{} has no instrument {}", id.exchange.text(), id.text()),
              "symbol", nearest(id.symbol.text(), symbols));
}

}  // namespace detail

namespace {

class LocalFiller final : public Filler {
 public:
  explicit LocalFiller(std::unique_ptr<detail::Shop> shop) : shop_{std::move(shop)} {}

  Result<FillReport> fill(const FillRequest& request) override {
    auto connector = detail::connector_of(*shop_, request.series.instrument.exchange.text());
    if (!connector) return std::unexpected{std::move(connector).error()};
    auto traits = detail::served(**connector, request.series);
    if (!traits) return std::unexpected{std::move(traits).error()};
    return detail::Fill{*shop_, request, *std::move(connector), **traits}.go();
  }

  Result<void> refresh_instruments(std::string exchange, std::string market, std::chrono::seconds max_age,
                                   std::stop_token stop) override {
    auto connector = detail::connector_of(*shop_, exchange);
    if (!connector) return std::unexpected{std::move(connector).error()};
    if (auto traits = detail::market_of(**connector, market); !traits)
      return std::unexpected{std::move(traits).error()};
    detail::Caller caller{*shop_, {}, std::move(stop)};
    const auto turn = shop_->listing.enter(caller.stop());
    if (!turn) return detail::Caller::cancelled();
    auto listing = shop_->store->instruments(exchange, market);
    if (!listing) return std::unexpected{std::move(listing).error()};
    if (*listing && (*listing)->at + max_age > shop_->clock.now()) return {};
    auto lease = caller.lease();
    if (!lease) return std::unexpected{std::move(lease).error()};
    return detail::renew_listing(*shop_, caller, *lease, *connector, market);
  }

  Result<store::Resolution> remember(const store::Resolution& resolution, std::stop_token stop) override {
    auto known = shop_->store->resolution(resolution.exchange, resolution.symbol);
    if (!known) return std::unexpected{std::move(known).error()};
    if (*known) return **std::move(known);
    auto lease = detail::Caller{*shop_, {}, std::move(stop)}.lease();
    if (!lease) return std::unexpected{std::move(lease).error()};
    return lease->access([&](store::Writer& writer) { return writer.put_resolution(resolution); });
  }

  Result<std::int64_t> accept_gaps(const Series& series, TimeRange range, std::string reason,
                                   std::stop_token stop) override {
    if (reason.find_first_not_of(" \t\n") == std::string::npos)
      return fail(ErrorCode::invalid_argument, "accepting a gap needs a reason", "reason");
    auto lease = detail::Caller{*shop_, {}, std::move(stop)}.lease();
    if (!lease) return std::unexpected{std::move(lease).error()};
    return lease->access(
        [&](store::Writer& writer) { return writer.accept_gaps(series, range, reason, shop_->clock.now()); });
  }

  Result<FillReport> import_bars(const ImportRequest& request) override {
    auto connector = detail::connector_of(*shop_, request.series.instrument.exchange.text());
    if (!connector) return std::unexpected{std::move(connector).error()};
    const auto traits = detail::served(**connector, request.series);
    if (!traits) return std::unexpected{traits.error()};
    if (request.rows.size() == 0) return FillReport{};
    return detail::Import{*shop_, request, *std::move(connector), **traits}.go();
  }

  // Who writes the series meanwhile would begin it anew with what it brings next.
  Result<store::Footprint> remove(const Series& series, store::Raw raw, std::stop_token stop) override {
    detail::Caller caller{*shop_, {}, std::move(stop)};
    auto lease = caller.lease();
    if (!lease) return std::unexpected{std::move(lease).error()};
    const auto claim = detail::claim_all(*shop_, caller, series, {TimeRange::of(TimePoint::min(), TimePoint::max())});
    if (!claim) return std::unexpected{claim.error()};
    return lease->access([&](store::Writer& writer) { return writer.remove(series, raw); });
  }

 private:
  std::unique_ptr<detail::Shop> shop_;
};

}  // namespace

std::span<const TextField> text_fields() {
  static constexpr auto kFields = std::to_array<TextField>({
      {"open", &ObservationColumns::open},
      {"high", &ObservationColumns::high},
      {"low", &ObservationColumns::low},
      {"close", &ObservationColumns::close},
      {"volume", &ObservationColumns::volume},
      {"quote_volume", &ObservationColumns::quote_volume},
      {"trade_count", &ObservationColumns::trade_count},
      {"taker_buy_volume", &ObservationColumns::taker_buy_volume},
      {"taker_buy_quote_volume", &ObservationColumns::taker_buy_quote_volume},
  });
  return kFields;
}

std::shared_ptr<Filler> make_local_filler(std::shared_ptr<store::Store> store, std::shared_ptr<WriterHub> hub,
                                          Connectors connectors, validate::RuleSet rules, const Clock& clock,
                                          boost::asio::any_io_executor executor, IngestOptions options) {
  return std::make_shared<LocalFiller>(
      std::unique_ptr<detail::Shop>{new detail::Shop{.store = std::move(store),
                                                     .hub = std::move(hub),
                                                     .connectors = std::move(connectors),
                                                     .rules = std::move(rules),
                                                     .clock = clock,
                                                     .executor = std::move(executor),
                                                     .options = std::move(options)}});
}

}  // namespace tdm::ingest
