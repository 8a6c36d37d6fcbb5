#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "tdm/ingest/detail/caller.hpp"
#include "tdm/ingest/detail/fill.hpp"
#include "tdm/ingest/ingest.hpp"

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

}  // namespace detail

namespace {

class LocalFiller final : public Filler {
 public:
  explicit LocalFiller(std::unique_ptr<detail::Shop> shop) : shop_{std::move(shop)} {}

  Result<FillReport> fill(const FillRequest& request) override {
    auto connector = detail::connector_of(*shop_, request.series.instrument.exchange.text());
    if (!connector) return std::unexpected{std::move(connector).error()};
    auto traits = traits_of(**connector, request.series.instrument.market.text());
    if (!traits) return std::unexpected{std::move(traits).error()};
    if (auto served = check_served(request.series, **traits); !served)
      return std::unexpected{std::move(served).error()};
    return detail::Fill{*shop_, request, *std::move(connector), **traits}.go();
  }

  Result<void> refresh_instruments(std::string exchange, std::string market, std::chrono::seconds max_age,
                                   std::stop_token stop) override {
    auto connector = detail::connector_of(*shop_, exchange);
    if (!connector) return std::unexpected{std::move(connector).error()};
    if (auto traits = traits_of(**connector, market); !traits) return std::unexpected{std::move(traits).error()};
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

 private:
  static Result<const sources::MarketTraits*> traits_of(const sources::Connector& connector, std::string_view market) {
    if (const auto* traits = sources::find_market(connector, market)) return traits;
    std::vector<std::string> names;
    for (const auto& traits : connector.markets()) names.push_back(traits.name);
    return fail(ErrorCode::invalid_argument, fmt::format("{} has no market '{}'", connector.exchange(), market),
                "market", nearest(market, names));
  }

  static Result<void> check_served(const Series& series, const sources::MarketTraits& traits) {
    if (std::ranges::find(traits.native, series.timeframe) == traits.native.end()) {
      std::vector<std::string> names;
      names.reserve(traits.native.size());
      for (const auto timeframe : traits.native) names.emplace_back(timeframe.name());
      return fail(ErrorCode::invalid_argument,
                  fmt::format("{} serves no {} bars on {}", series.instrument.exchange.text(), series.timeframe.name(),
                              traits.name),
                  "timeframe", std::move(names));
    }
    if (std::ranges::find(traits.price_kinds, series.price_kind) == traits.price_kinds.end())
      return fail(ErrorCode::invalid_argument,
                  fmt::format("{} serves no {} prices on {}", series.instrument.exchange.text(),
                              to_string(series.price_kind), traits.name),
                  "price_kind");
    return {};
  }

  std::unique_ptr<detail::Shop> shop_;
};

}  // namespace

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
