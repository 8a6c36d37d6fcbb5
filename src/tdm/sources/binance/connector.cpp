#include "tdm/sources/binance/detail/connector.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tdm/net/governor.hpp"                    // Governor
#include "tdm/net/sha256.hpp"                      // sha256
#include "tdm/sources/binance/detail/archive.hpp"  // archive_files, parse_archive_zip
#include "tdm/sources/binance/detail/outages.hpp"  // known_outages
#include "tdm/sources/binance/detail/parse.hpp"    // parse_page, parse_exchange_info
#include "tdm/sources/binance/detail/reply.hpp"    // judge_reply
#include "tdm/sources/grid_pages.hpp"              // grid_pages
#include "tdm/telemetry/log.hpp"                   // log

namespace tdm::sources::binance {
namespace {

using std::chrono::steady_clock;

// Other programs behind the same address share the weight.
constexpr double kDefaultShare = 0.8;
constexpr double kNoRateLimit = 1e6;
constexpr std::int64_t kTypicalRowBytes = 150;

std::string name_of(const Series& series, const PageRequest& request) {
  return fmt::format("{} {}", series.text(), to_string(request.range));
}

Result<const MarketFacts*> known_market(std::string_view market) {
  if (const auto* facts = find_facts(market)) return facts;
  std::vector<std::string> names;
  for (const auto& traits : market_traits()) names.push_back(traits.name);
  return fail(ErrorCode::invalid_argument, fmt::format("binance has no market '{}'", market), "market",
              std::move(names));
}

Result<const MarketFacts*> check_series(const Series& series) {
  auto market = known_market(series.instrument.market.text());
  if (!market) return market;
  const auto& kinds = std::ranges::find(market_traits(), (*market)->name, &MarketTraits::name)->price_kinds;
  if (std::ranges::find(kinds, series.price_kind) == kinds.end())
    return fail(ErrorCode::invalid_argument,
                fmt::format("binance {} has no {} prices", (*market)->name, to_string(series.price_kind)),
                "price_kind");
  return market;
}

Result<std::unique_ptr<RestClient>> make_client(Pool pool, const ConnectorOptions& options,
                                                const asio::any_io_executor& executor, const Clock& clock,
                                                net::RetryPolicy policy) {
  net::GovernorOptions quota;
  quota.name = fmt::format("{}.{}", kExchange, pool == Pool::spot ? "spot" : "futures");
  quota.quota = {default_quota(pool), std::chrono::minutes{1}};
  quota.rate_limit = options.rate_limit.value_or(kNoRateLimit);
  quota.share = options.rate_limit ? 1 : kDefaultShare;
  quota.memory_file = options.memory_file;
  auto governor = net::Governor::open(std::move(quota), clock);
  if (!governor) return std::unexpected{std::move(governor).error()};
  RestClientOptions client;
  client.exchange = kExchange;
  client.http.proxy = options.proxy;
  client.governor = *std::move(governor);
  client.policy = policy;
  client.judge = [&clock, pool](const net::HttpReply& reply) { return judge_reply(reply, clock.now(), pool); };
  return std::make_unique<RestClient>(executor, std::move(client), clock);
}

// Null when these hosts have no archives.
Result<std::unique_ptr<ArchiveClient>> make_archives(const ConnectorOptions& options, std::string_view origin,
                                                     const asio::any_io_executor& executor) {
  if (options.archive_url.empty() && origin != "mainnet") return nullptr;
  auto base = net::Url::parse(options.archive_url.empty() ? kArchiveUrl : std::string_view{options.archive_url},
                              "exchange_clients.binance.archive_url");
  if (!base) return std::unexpected{std::move(base).error()};
  ArchiveClientOptions archives;
  archives.exchange = kExchange;
  archives.base = *std::move(base);
  archives.http.proxy = options.proxy;
  return std::make_unique<ArchiveClient>(executor, std::move(archives));
}

}  // namespace

Result<std::shared_ptr<Connector>> BinanceConnector::make(const ConnectorOptions& options,
                                                          asio::any_io_executor executor, const Clock& clock,
                                                          net::RetryPolicy policy) {
  auto hosts = resolve_hosts(options);
  if (!hosts) return std::unexpected{std::move(hosts).error()};
  Clients clients;
  for (const auto pool : {Pool::spot, Pool::futures}) {
    auto client = make_client(pool, options, executor, clock, policy);
    if (!client) return std::unexpected{std::move(client).error()};
    clients[static_cast<std::size_t>(pool)] = *std::move(client);
  }
  auto archives = make_archives(options, hosts->origin, executor);
  if (!archives) return std::unexpected{std::move(archives).error()};
  return std::shared_ptr<Connector>{
      new BinanceConnector{*std::move(hosts), std::move(clients), *std::move(archives), clock}};
}

BinanceConnector::BinanceConnector(Hosts hosts, Clients clients, std::unique_ptr<ArchiveClient> archives,
                                   const Clock& clock)
    : hosts_{std::move(hosts)},
      clients_{std::move(clients)},
      archives_{std::move(archives)},
      clock_{clock},
      futures_rows_{best_page_rows(*find_facts("usdm"), [&](int weight) {
        return clients_[static_cast<std::size_t>(Pool::futures)]->governor().permitted_rate(weight);
      })} {}

std::string_view BinanceConnector::exchange() const { return kExchange; }
const std::vector<MarketTraits>& BinanceConnector::markets() const { return market_traits(); }
std::span<const KnownOutage> BinanceConnector::known_outages() const { return binance::known_outages(); }

int BinanceConnector::page_rows() const { return std::max(find_facts("spot")->page_limit, futures_rows_); }

double BinanceConnector::permitted_rate() const {
  const auto& spot = *find_facts("spot");
  return client_of(spot).governor().permitted_rate(kline_weight(spot, spot.page_limit));
}

std::int64_t BinanceConnector::bytes_per_page() const { return kTypicalRowBytes * find_facts("spot")->page_limit; }

int BinanceConnector::rows_of(const MarketFacts& market, Timeframe timeframe) const {
  return binance::page_rows(market, timeframe, market.pool == Pool::spot ? market.page_limit : futures_rows_);
}

PageCost BinanceConnector::page_cost(const Series& series) const {
  const auto* const market = find_facts(series.instrument.market.text());
  if (market == nullptr) return Connector::page_cost(series);
  const auto rows = rows_of(*market, series.timeframe);
  return {rows, client_of(*market).governor().permitted_rate(kline_weight(*market, rows)), kTypicalRowBytes * rows};
}

std::vector<PageRequest> BinanceConnector::pages(const Series& series, TimeRange range) const {
  const auto* const market = find_facts(series.instrument.market.text());
  if (market == nullptr) return {};
  return grid_pages(series.timeframe, range, rows_of(*market, series.timeframe));
}

std::vector<ArchiveFile> BinanceConnector::archive_files(const Series& series, TimeRange range, TimePoint now) const {
  if (!archives_ || !archives_->is_open()) return {};
  return binance::archive_files(series, range, now);
}

std::int64_t BinanceConnector::requests_sent() const {
  return clients_[0]->sent() + clients_[1]->sent() + (archives_ ? archives_->sent() : 0);
}

RestClient& BinanceConnector::client_of(const MarketFacts& market) const {
  return *clients_[static_cast<std::size_t>(market.pool)];
}

const net::Url& BinanceConnector::host_of(const MarketFacts& market) const {
  return hosts_.by_market.find(market.name)->second;
}

asio::awaitable<Result<TimePoint>> BinanceConnector::server_time() {
  auto time = co_await ask_time(*find_facts(default_market()));
  co_return time;
}

asio::awaitable<Result<TimePoint>> BinanceConnector::market_time(std::string market) {
  const auto facts = known_market(market);
  if (!facts) co_return std::unexpected{facts.error()};
  auto time = co_await ask_time(**facts);
  co_return time;
}

asio::awaitable<Result<TimePoint>> BinanceConnector::ask_time(const MarketFacts& market) {
  const auto what = fmt::format("binance {} server time", market.name);
  auto reply = co_await client_of(market).get(host_of(market), time_target(market), what);
  if (!reply) co_return std::unexpected{std::move(reply).error()};
  auto time = parse_server_time(reply->body);
  if (!time) co_return std::unexpected{prefixed(std::move(time).error(), what)};
  state_of(market).clock.set(*time, steady_clock::now());
  co_return time;
}

asio::awaitable<Result<void>> BinanceConnector::know_time(const MarketFacts& market) {
  auto& state = state_of(market);
  const auto now = steady_clock::now();
  if (!state.clock.is_old(now)) co_return Result<void>{};
  // An old reading does while another request renews it.
  if (state.clock.at(now) && state.clock_learner.running()) co_return Result<void>{};
  auto learned = co_await state.clock_learner.run([this, &market]() -> asio::awaitable<Result<void>> {
    auto time = co_await ask_time(market);
    if (!time) co_return std::unexpected{std::move(time).error()};
    co_return Result<void>{};
  });
  co_return learned;
}

asio::awaitable<Result<std::string>> BinanceConnector::contract_size(const MarketFacts& market, std::string symbol) {
  if (!market.counts_contracts) co_return std::string{};
  bool listed = false;
  {
    const std::scoped_lock guard{sizes_mutex_};
    listed = !contract_sizes_.empty();
  }
  if (!listed) {
    auto learned = co_await state_of(market).size_learner.run([this, &market]() -> asio::awaitable<Result<void>> {
      auto list = co_await instruments(std::string{market.name});
      if (!list) co_return std::unexpected{std::move(list).error()};
      co_return Result<void>{};
    });
    if (!learned) co_return std::unexpected{std::move(learned).error()};
  }
  const std::scoped_lock guard{sizes_mutex_};
  const auto found = contract_sizes_.find(symbol);
  co_return found == contract_sizes_.end() ? usual_contract_size(symbol) : found->second;
}

asio::awaitable<Result<Page>> BinanceConnector::fetch(Series series, PageRequest request) {
  const auto checked = check_series(series);
  if (!checked) co_return std::unexpected{checked.error()};
  if (request.archive) {
    auto page = co_await fetch_archive(**checked, std::move(series), request);
    co_return page;
  }
  auto page = co_await fetch_rest(**checked, std::move(series), request);
  co_return page;
}

// The CHECKSUM comes first: a file that it does not vouch for is not parsed.
asio::awaitable<Result<Page>> BinanceConnector::fetch_archive(const MarketFacts& market, Series series,
                                                              PageRequest request) {
  const auto target = archive_target(series, *request.archive);
  const auto name = archive_name(series, *request.archive) + ".zip";
  const auto what = fmt::format("{} archive file {}", series.text(), name);
  if (!archives_) co_return fail(ErrorCode::unavailable, what + ": there are no archives");
  const auto deadline = archives_->deadline();
  auto checksum_file = co_await archives_->get(target + ".CHECKSUM", deadline);
  if (!checksum_file) co_return std::unexpected{prefixed(std::move(checksum_file).error(), what)};
  const auto checksum = parse_checksum(*checksum_file, name);
  if (!checksum) co_return std::unexpected{prefixed(checksum.error(), what)};
  auto bytes = co_await archives_->get(target, deadline);
  if (!bytes) co_return std::unexpected{prefixed(std::move(bytes).error(), what)};
  if (const auto hash = net::sha256(*bytes); hash != *checksum)
    co_return fail(ErrorCode::corrupt_data,
                   fmt::format("{}: its SHA-256 is {}, its CHECKSUM file says {}", what, hash, *checksum));

  PageContext context;
  context.received_at = clock_.now();
  const auto reading = state_of(market).clock.at(steady_clock::now());
  context.exchange_time = std::max(reading.value_or(context.received_at), request.archive->end());
  if (market.counts_contracts) {
    auto size = co_await contract_size(market, series.instrument.symbol.text());
    if (!size) co_return std::unexpected{prefixed(std::move(size).error(), what)};
    context.contract_size = *std::move(size);
  }
  auto page = parse_archive_zip(*bytes, series, request, context);
  if (!page) co_return std::unexpected{prefixed(std::move(page).error(), what)};
  co_return page;
}

asio::awaitable<Result<Page>> BinanceConnector::fetch_rest(const MarketFacts& market, Series series,
                                                           PageRequest request) {
  const auto what = name_of(series, request);

  // Bars come without a time: what is closed is decided by a clock that was read before.
  auto timed = co_await know_time(market);
  if (!timed) co_return std::unexpected{prefixed(std::move(timed).error(), what)};
  Result<std::string> size;
  if (series.price_kind == PriceKind::last)  // the others have no volumes
    size = co_await contract_size(market, series.instrument.symbol.text());
  if (!size) co_return std::unexpected{prefixed(std::move(size).error(), what)};

  const int weight = kline_weight(market, limit_of(market, series.timeframe, request.range));
  auto answer = co_await client_of(market).get(host_of(market), kline_target(market, series, request), what, weight);
  if (!answer) co_return std::unexpected{std::move(answer).error()};
  PageContext context;
  context.exchange_time = state_of(market).clock.at(answer->sent_at).value_or(TimePoint{});
  context.received_at = clock_.now();
  context.contract_size = *std::move(size);
  auto page = parse_page(answer->body, series, request, context);
  if (!page) co_return std::unexpected{prefixed(std::move(page).error(), what)};
  co_return page;
}

asio::awaitable<Result<std::vector<Instrument>>> BinanceConnector::instruments(std::string market) {
  const auto known = known_market(market);
  if (!known) co_return std::unexpected{known.error()};
  const auto& facts = **known;
  const auto what = fmt::format("binance {} instruments", market);
  auto reply = co_await client_of(facts).get(host_of(facts), info_target(facts), what, facts.info_weight);
  if (!reply) co_return std::unexpected{std::move(reply).error()};
  auto info = parse_exchange_info(reply->body, market);
  if (!info) co_return std::unexpected{prefixed(std::move(info).error(), what)};
  if (info->unusable > 0)
    telemetry::log(telemetry::Level::warn, "instruments without a usable symbol were left out",
                   {{"list", std::string_view{what}}, {"count", static_cast<std::int64_t>(info->unusable)}});
  if (info->weight_per_minute) client_of(facts).governor().set_quota(*info->weight_per_minute);
  if (facts.counts_contracts) {
    const std::scoped_lock guard{sizes_mutex_};
    for (const auto& instrument : info->instruments)
      contract_sizes_.insert_or_assign(instrument.id.symbol.text(), instrument.contract_size);
  }
  co_return std::move(info->instruments);
}

}  // namespace tdm::sources::binance
