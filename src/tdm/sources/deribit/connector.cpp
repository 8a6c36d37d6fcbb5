#include "tdm/sources/deribit/detail/connector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "tdm/net/governor.hpp"                     // Governor
#include "tdm/sources/deribit/detail/parse.hpp"     // parse_page, parse_instruments
#include "tdm/sources/deribit/detail/protocol.hpp"  // targets, traits
#include "tdm/sources/deribit/detail/reply.hpp"     // judge_reply
#include "tdm/sources/grid_pages.hpp"               // grid_pages
#include "tdm/sources/page_rows.hpp"                // set_exchange_time
#include "tdm/telemetry/log.hpp"                    // log

namespace tdm::sources::deribit {
namespace {

using std::chrono::milliseconds;

// One pool of credits, counted in requests: a window as long as the pool takes to refill never holds more than the pool
// does. The pace of `rate_limit` is that of all pools together.
struct Pool {
  std::string_view suffix;  // of its name in the quota's memory
  net::Quota quota;
  double default_rate;  // requests per second
  bool even = true;
};
constexpr Pool kBarsPool{"", {100, milliseconds{5'000}}, 15};  // 500 of 50,000 credits, 10,000/s come back
// 10,000 of 500,000 credits. A list is asked for now and then, and may then be asked for at once.
constexpr Pool kListsPool{"-instruments", {50, milliseconds{50'000}}, 15, false};
constexpr Pool kHistoryPool{"-history", {20, milliseconds{1'000}}, 10};  // no credits documented; 20/s were served
constexpr std::size_t kConnectionsPerPool = 8;                           // of the 32 that an address may hold
constexpr std::size_t kListBytes = 512u << 20;                           // every option that ever expired
constexpr milliseconds kListTimeout{60'000};
constexpr std::int64_t kTypicalPageBytes = 300'000;  // 5,000 rows of 60 characters
// A page with fewer rows was not cut: its head is before the listing.
constexpr std::size_t kSmallestCut = 1'000;
constexpr int kMaxHeads = 5;
constexpr std::size_t kMaxHistoryOnly = 100'000;

std::string name_of(const Series& series, const PageRequest& request) {
  return fmt::format("{} {}", series.text(), to_string(request.range));
}

std::vector<std::string> market_names() {
  std::vector<std::string> names;
  for (const auto& traits : market_traits()) names.push_back(traits.name);
  return names;
}

Result<void> check_market(std::string_view market) {
  if (!kinds_of(market).empty()) return {};
  return fail(ErrorCode::invalid_argument, fmt::format("deribit has no market '{}'", market), "market", market_names());
}

Result<void> check_series(const Series& series) {
  if (auto known = check_market(series.instrument.market.text()); !known) return known;
  if (series.price_kind != PriceKind::last)
    return fail(ErrorCode::invalid_argument,
                fmt::format("deribit has no bars of {} prices", to_string(series.price_kind)), "price_kind");
  if (!resolution_of(series.timeframe))
    return fail(ErrorCode::invalid_argument,
                fmt::format("deribit's {} bars are not on our grid; they are derived from a shorter timeframe",
                            series.timeframe.name()),
                "timeframe");
  return {};
}

// Counts the refusals in a row, so that each one doubles the pause.
Judge judge_with(const Clock& clock) {
  return [&clock, refusals = std::make_shared<std::atomic<int>>(0)](const net::HttpReply& reply) {
    auto verdict = judge_reply(reply, clock.now(), *refusals);
    if (is_refusal(verdict)) {
      ++*refusals;
    } else if (verdict.next == Verdict::Next::accept) {
      *refusals = 0;
    }
    return verdict;
  };
}

struct HostMaker {
  const ConnectorOptions& options;
  asio::any_io_executor executor;
  const Clock& clock;
  net::RetryPolicy policy;

  Result<std::unique_ptr<RestClient>> client(const Pool& pool, std::shared_ptr<net::Governor> pace = nullptr) const {
    net::GovernorOptions quota;
    quota.name = fmt::format("{}{}", kExchange, pool.suffix);
    quota.quota = pool.quota;
    quota.rate_limit = options.rate_limit.value_or(pool.default_rate);
    quota.memory_file = options.memory_file;
    quota.even = pool.even;
    auto governor = net::Governor::open(std::move(quota), clock);
    if (!governor) return std::unexpected{std::move(governor).error()};
    RestClientOptions client;
    client.exchange = kExchange;
    client.http.proxy = options.proxy;
    client.http.connections_per_origin = kConnectionsPerPool;
    client.governor = *std::move(governor);
    client.pace = std::move(pace);
    client.policy = policy;
    client.judge = judge_with(clock);
    if (&pool != &kBarsPool) {
      client.body_limit = kListBytes;
      client.read_timeout = kListTimeout;
    }
    return std::make_unique<RestClient>(executor, std::move(client), clock);
  }
};

struct Urls {
  net::Url base;
  std::optional<net::Url> history;
};

// The public history host belongs to the public exchange alone: nothing is asked of it for a test net or a simulator.
Result<Urls> resolve_urls(const ConnectorOptions& options) {
  const std::string base_text = options.base_url.empty() ? std::string{kDefaultBaseUrl} : options.base_url;
  auto base = net::Url::parse(base_text, "exchange_clients.deribit.base_url");
  if (!base) return std::unexpected{std::move(base).error()};
  if (!options.market_base_urls.empty()) {
    const auto parameter =
        fmt::format("exchange_clients.deribit.markets.{}.base_url", options.market_base_urls.begin()->first);
    return fail(ErrorCode::invalid_argument,
                fmt::format("{}: one host serves all markets of deribit; set base_url", parameter), parameter);
  }
  Urls urls{.base = *base, .history = std::nullopt};
  auto history_text = options.history_url;
  if (history_text.empty() && origin_of(base->host) == "mainnet") history_text = kDefaultHistoryUrl;
  if (history_text.empty()) return urls;
  auto history = net::Url::parse(history_text, "exchange_clients.deribit.history_url");
  if (!history) return std::unexpected{std::move(history).error()};
  if (origin_of(history->host) != origin_of(base->host))
    return fail(ErrorCode::invalid_argument,
                fmt::format("exchange_clients.deribit.history_url is {} and base_url is {}: one store holds one origin",
                            origin_of(history->host), origin_of(base->host)),
                "exchange_clients.deribit.history_url");
  urls.history = *std::move(history);
  return urls;
}

}  // namespace

Result<std::shared_ptr<Connector>> DeribitConnector::make(const ConnectorOptions& options,
                                                          asio::any_io_executor executor, const Clock& clock,
                                                          net::RetryPolicy policy) {
  auto urls = resolve_urls(options);
  if (!urls) return std::unexpected{std::move(urls).error()};
  const HostMaker maker{options, std::move(executor), clock, policy};
  auto bars = maker.client(kBarsPool);
  if (!bars) return std::unexpected{std::move(bars).error()};
  const auto& pace = (*bars)->shared_governor();
  auto lists = maker.client(kListsPool, pace);
  if (!lists) return std::unexpected{std::move(lists).error()};
  Host history;
  if (urls->history) {
    auto client = maker.client(kHistoryPool, pace);
    if (!client) return std::unexpected{std::move(client).error()};
    history = {*urls->history, *std::move(client)};
  }
  return std::shared_ptr<Connector>{
      new DeribitConnector{{urls->base, *std::move(bars)}, {urls->base, *std::move(lists)}, std::move(history), clock}};
}

DeribitConnector::DeribitConnector(Host bars, Host lists, Host history, const Clock& clock)
    : bars_{std::move(bars)},
      lists_{std::move(lists)},
      history_{std::move(history)},
      origin_{origin_of(bars_.base.host)},
      clock_{clock} {}

std::string_view DeribitConnector::exchange() const { return kExchange; }
const std::vector<MarketTraits>& DeribitConnector::markets() const { return market_traits(); }
int DeribitConnector::page_rows() const { return kPageRows; }
std::int64_t DeribitConnector::bytes_per_page() const { return kTypicalPageBytes; }
bool DeribitConnector::has_signed_prices(const InstrumentId& instrument) const {
  return is_combo(instrument.symbol.text());
}

std::int64_t DeribitConnector::requests_sent() const {
  return bars_.client->sent() + lists_.client->sent() + (history_.client ? history_.client->sent() : 0);
}

std::vector<PageRequest> DeribitConnector::pages(const Series& series, TimeRange range) const {
  return grid_pages(series.timeframe, range, kPageRows);
}

asio::awaitable<Result<TimePoint>> DeribitConnector::server_time() {
  const std::string what = "deribit server time";
  auto reply = co_await bars_.client->get(bars_.base, std::string{kTimeTarget}, what);
  if (!reply) co_return std::unexpected{std::move(reply).error()};
  auto time = parse_server_time(reply->body);
  if (!time) co_return std::unexpected{prefixed(std::move(time).error(), what)};
  co_return time;
}

asio::awaitable<Result<Page>> DeribitConnector::fetch_page(const Host& host, Series series, PageRequest request) {
  const auto what = name_of(series, request);
  const auto target = chart_target(series, request);
  std::optional<TimePoint> asked_time;
  for (;;) {
    auto reply = co_await host.client->get(host.base, target, what);
    if (!reply) co_return std::unexpected{std::move(reply).error()};
    auto parsed = parse_page(reply->body, series, request, clock_.now());
    if (!parsed) co_return std::unexpected{prefixed(std::move(parsed).error(), what)};
    if (!parsed->has_exchange_time && !asked_time) {
      // What is closed is decided by the exchange's clock. Asked before the page, its answer is never ahead of the
      // page.
      auto time = co_await server_time();
      if (!time) co_return std::unexpected{prefixed(std::move(time).error(), what)};
      asked_time = *time;
      continue;
    }
    if (!parsed->has_exchange_time) set_exchange_time(parsed->page, *asked_time);
    co_return std::move(parsed->page);
  }
}

asio::awaitable<Result<Page>> DeribitConnector::fetch_whole(const Host& host, Series series, PageRequest request) {
  auto page = co_await fetch_page(host, series, request);
  for (int heads = 0; page && heads < kMaxHeads; ++heads) {
    const auto begin = series.timeframe.ceil(request.range.begin());
    if (page->rows.size() < kSmallestCut || page->rows.open_time.front() <= begin) break;
    const PageRequest missing{TimeRange::of(begin, page->rows.open_time.front())};
    auto head = co_await fetch_page(host, series, missing);
    if (!head) co_return head;
    if (head->rows.size() == 0) break;
    append(head->rows, page->rows);
    page->rows = std::move(head->rows);
    std::ranges::move(head->rejected, std::back_inserter(page->rejected));
    page->duplicates += head->duplicates;
    page->bytes += head->bytes;
  }
  co_return page;
}

asio::awaitable<Result<Page>> DeribitConnector::fetch(Series series, PageRequest request) {
  if (auto known = check_series(series); !known) co_return std::unexpected{std::move(known).error()};
  const auto& symbol = series.instrument.symbol.text();
  if (is_history_only(symbol)) co_return co_await fetch_whole(history_, series, request);
  auto page = co_await fetch_whole(bars_, series, request);
  if (page || page.error().code != ErrorCode::unknown_symbol || !history_.client) co_return page;
  auto past = co_await fetch_whole(history_, series, request);
  if (!past) {
    if (past.error().code == ErrorCode::unknown_symbol) co_return page;
    co_return past;
  }
  remember_history_only(symbol);  // asking where it is unknown again and again counts towards a ban
  co_return past;
}

bool DeribitConnector::is_history_only(const std::string& symbol) const {
  const std::scoped_lock guard{mutex_};
  return history_only_.contains(symbol);
}

void DeribitConnector::remember_history_only(const std::string& symbol) {
  const std::scoped_lock guard{mutex_};
  if (history_only_.size() < kMaxHistoryOnly) history_only_.insert(symbol);
}

asio::awaitable<Result<std::vector<Instrument>>> DeribitConnector::instruments(std::string market) {
  if (auto known = check_market(market); !known) co_return std::unexpected{std::move(known).error()};
  Listing all;
  for (const auto kind : kinds_of(market)) {
    auto alive = co_await list_kind(lists_, market, std::string{kind}, false, all);
    if (!alive) co_return std::unexpected{std::move(alive).error()};
    auto expired = co_await list_expired(market, std::string{kind}, all);
    if (!expired) co_return std::unexpected{std::move(expired).error()};
  }
  std::vector<Instrument> result;
  result.reserve(all.size());
  for (auto& [symbol, instrument] : all) result.push_back(std::move(instrument));
  co_return result;
}

asio::awaitable<Result<void>> DeribitConnector::list_expired(std::string market, std::string kind, Listing& all) {
  if (history_.client) {
    auto listed = co_await list_kind(history_, market, kind, true, all);
    if (listed || !is_retryable(listed.error().code)) co_return listed;
    // What lives must be found without the history host; what it would have added comes with the next list.
    telemetry::log(telemetry::Level::warn, "the history host does not answer: only instruments that expired lately",
                   {{"exchange", kExchange}, {"error", std::string_view{listed.error().message}}});
  }
  co_return co_await list_kind(lists_, market, kind, true, all);
}

asio::awaitable<Result<void>> DeribitConnector::list_kind(const Host& host, std::string market, std::string kind,
                                                          bool expired, Listing& all) {
  auto listed = co_await list_group(host, market, instruments_target(kind, "any", expired), all);
  if (listed || listed.error().code != ErrorCode::invalid_argument) co_return listed;
  // A host that does not know the kind has no such instruments.
  if (listed.error().parameter == "kind") co_return Result<void>{};
  if (listed.error().parameter != "currency") co_return listed;
  for (const auto group : settlement_groups()) {
    auto part = co_await list_group(host, market, instruments_target(kind, group, expired), all);
    const bool unknown_group = !part && part.error().code == ErrorCode::invalid_argument;
    if (!part && !unknown_group) co_return part;
  }
  co_return Result<void>{};
}

asio::awaitable<Result<void>> DeribitConnector::list_group(const Host& host, std::string market, std::string target,
                                                           Listing& all) {
  const auto what = fmt::format("deribit {} instruments ({})", market, target.substr(target.find('?') + 1));
  auto reply = co_await host.client->get(host.base, std::move(target), what);
  if (!reply) co_return std::unexpected{std::move(reply).error()};
  auto list = parse_instruments(reply->body, market);
  if (!list) co_return std::unexpected{prefixed(std::move(list).error(), what)};
  if (list->unusable > 0)
    telemetry::log(telemetry::Level::warn, "instruments without a usable name were left out",
                   {{"list", std::string_view{what}}, {"count", static_cast<std::int64_t>(list->unusable)}});
  for (auto& instrument : list->instruments) {
    auto symbol = instrument.id.symbol.text();
    all.try_emplace(std::move(symbol), std::move(instrument));
  }
  co_return Result<void>{};
}

}  // namespace tdm::sources::deribit
