#include "tdm/sources/bybit/detail/connector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "tdm/net/governor.hpp"                   // Governor
#include "tdm/sources/bybit/detail/pager.hpp"     // CursorPager
#include "tdm/sources/bybit/detail/parse.hpp"     // parse_page, parse_instruments
#include "tdm/sources/bybit/detail/protocol.hpp"  // targets, traits
#include "tdm/sources/bybit/detail/reply.hpp"     // judge_reply
#include "tdm/sources/grid_pages.hpp"             // grid_pages
#include "tdm/telemetry/log.hpp"                  // log

namespace tdm::sources::bybit {
namespace {

constexpr double kDefaultRate = 10;
constexpr net::Quota kIpQuota{600, std::chrono::milliseconds{5'000}};
constexpr std::int64_t kTypicalPageBytes = 80'000;  // 1,000 rows of 80 characters

// A list shows one status at a time; without one only what trades now. Earlier ones win when a symbol is in two.
constexpr std::array<std::string_view, 4> kStatuses{"", "PreLaunch", "Delivering", "Closed"};

std::string name_of(const Series& series, const PageRequest& request) {
  return fmt::format("{} {}", series.text(), to_string(request.range));
}

std::vector<std::string> market_names() {
  std::vector<std::string> names;
  for (const auto& traits : market_traits()) names.push_back(traits.name);
  return names;
}

Result<void> check_market(std::string_view market) {
  if (std::ranges::find(market_traits(), market, &MarketTraits::name) != market_traits().end()) return {};
  return fail(ErrorCode::invalid_argument, fmt::format("bybit has no market '{}'", market), "market", market_names());
}

// A 403 without a reason is a ban once; when it comes again before anything was accepted, the country is refused.
Judge judge_with(const Clock& clock) {
  return [&clock, doubted = std::make_shared<std::atomic<bool>>(false)](const net::HttpReply& reply) {
    auto verdict = judge_reply(reply, clock.now(), *doubted);
    if (verdict.next == Verdict::Next::accept) *doubted = false;
    if (verdict.doubtful) *doubted = true;
    return verdict;
  };
}

}  // namespace

Result<BybitConnector::Hosts> BybitConnector::resolve_hosts(const ConnectorOptions& options) {
  const std::string text = options.base_url.empty() ? std::string{kDefaultBaseUrl} : options.base_url;
  auto base = net::Url::parse(text, "exchange_clients.bybit.base_url");
  if (!base) return std::unexpected{std::move(base).error()};
  Hosts hosts{.base = *base, .by_market = {}, .origin = origin_of(base->host)};
  for (const auto& [market, url] : options.market_base_urls) {
    const auto parameter = fmt::format("exchange_clients.bybit.markets.{}.base_url", market);
    if (auto known = check_market(market); !known) {
      known.error().parameter = parameter;
      return std::unexpected{std::move(known).error()};
    }
    auto parsed = net::Url::parse(url, parameter);
    if (!parsed) return std::unexpected{std::move(parsed).error()};
    if (origin_of(parsed->host) != hosts.origin)
      return fail(ErrorCode::invalid_argument,
                  fmt::format("{} is {} and base_url is {}: one store holds one origin", parameter,
                              origin_of(parsed->host), hosts.origin),
                  parameter);
    hosts.by_market.insert_or_assign(market, *std::move(parsed));
  }
  return hosts;
}

Result<std::shared_ptr<Connector>> BybitConnector::make(const ConnectorOptions& options, asio::any_io_executor executor,
                                                        const Clock& clock, net::RetryPolicy policy) {
  auto hosts = resolve_hosts(options);
  if (!hosts) return std::unexpected{std::move(hosts).error()};
  net::GovernorOptions quota;
  quota.name = kExchange;
  quota.quota = kIpQuota;
  quota.rate_limit = options.rate_limit.value_or(kDefaultRate);
  quota.memory_file = options.memory_file;
  auto governor = net::Governor::open(std::move(quota), clock);
  if (!governor) return std::unexpected{std::move(governor).error()};
  net::HttpClientOptions http;
  http.proxy = options.proxy;
  return std::shared_ptr<Connector>{
      new BybitConnector{*std::move(hosts), std::move(executor), std::move(http), *std::move(governor), clock, policy}};
}

BybitConnector::BybitConnector(Hosts hosts, asio::any_io_executor executor, net::HttpClientOptions http,
                               std::shared_ptr<net::Governor> governor, const Clock& clock, net::RetryPolicy policy)
    : base_{std::move(hosts.base)},
      market_hosts_{std::move(hosts.by_market)},
      origin_{std::move(hosts.origin)},
      clock_{clock},
      client_{std::move(executor),
              {.exchange = std::string{kExchange},
               .http = std::move(http),
               .governor = std::move(governor),
               .policy = policy,
               .judge = judge_with(clock)},
              clock} {}

std::string_view BybitConnector::exchange() const { return kExchange; }
const std::vector<MarketTraits>& BybitConnector::markets() const { return market_traits(); }
int BybitConnector::page_rows() const { return kPageRows; }
std::int64_t BybitConnector::bytes_per_page() const { return kTypicalPageBytes; }

std::vector<PageRequest> BybitConnector::pages(const Series& series, TimeRange range) const {
  return grid_pages(series.timeframe, range, kPageRows);
}

const net::Url& BybitConnector::host_of(std::string_view market) const {
  const auto found = market_hosts_.find(market);
  return found == market_hosts_.end() ? base_ : found->second;
}

Result<void> BybitConnector::check_series(const Series& series) const {
  const auto* traits = find_market(*this, series.instrument.market.text());
  if (traits == nullptr) return check_market(series.instrument.market.text());
  if (std::ranges::find(traits->price_kinds, series.price_kind) == traits->price_kinds.end())
    return fail(ErrorCode::invalid_argument,
                fmt::format("bybit {} has no {} prices", traits->name, to_string(series.price_kind)), "price_kind");
  if (!interval_of(series.timeframe))
    return fail(
        ErrorCode::invalid_argument,
        fmt::format("bybit does not serve {} bars; they are derived from a shorter timeframe", series.timeframe.name()),
        "timeframe");
  return {};
}

asio::awaitable<Result<TimePoint>> BybitConnector::server_time() {
  const std::string what = "bybit server time";
  auto reply = co_await client_.get(base_, std::string{kTimeTarget}, what);
  if (!reply) co_return std::unexpected{std::move(reply).error()};
  auto time = parse_server_time(reply->body);
  if (!time) co_return std::unexpected{prefixed(std::move(time).error(), what)};
  co_return time;
}

asio::awaitable<Result<Page>> BybitConnector::fetch(Series series, PageRequest request) {
  if (auto known = check_series(series); !known) co_return std::unexpected{std::move(known).error()};
  const auto what = name_of(series, request);
  const auto target = kline_target(series, request);
  std::optional<TimePoint> asked_time;
  for (;;) {
    auto reply = co_await client_.get(host_of(series.instrument.market.text()), target, what);
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

asio::awaitable<Result<std::vector<Instrument>>> BybitConnector::instruments(std::string market) {
  if (auto known = check_market(market); !known) co_return std::unexpected{std::move(known).error()};
  std::map<std::string, Instrument> all;
  for (const auto status : kStatuses) {
    auto listed = co_await list_status(market, std::string{status}, all);
    if (!listed) co_return std::unexpected{std::move(listed).error()};
  }
  std::vector<Instrument> result;
  result.reserve(all.size());
  for (auto& [symbol, instrument] : all) result.push_back(std::move(instrument));
  co_return result;
}

asio::awaitable<Result<void>> BybitConnector::list_status(std::string market, std::string status,
                                                          std::map<std::string, Instrument>& all) {
  const auto what = fmt::format("bybit {} instruments{}{}", market, status.empty() ? "" : " with status ", status);
  CursorPager pager;
  while (!pager.finished()) {
    auto reply = co_await client_.get(host_of(market), instruments_target(market, status, pager.cursor()), what);
    if (!reply) {
      // A market that does not know a status refuses it as a parameter error: it has no such instruments.
      if (!status.empty() && reply.error().code == ErrorCode::invalid_argument && reply.error().parameter.empty())
        co_return Result<void>{};
      co_return std::unexpected{std::move(reply).error()};
    }
    auto page = parse_instruments(reply->body, market);
    if (!page) co_return std::unexpected{prefixed(std::move(page).error(), what)};
    if (page->unusable > 0)
      telemetry::log(telemetry::Level::warn, "instruments without a usable symbol were left out",
                     {{"list", std::string_view{what}}, {"count", static_cast<std::int64_t>(page->unusable)}});
    for (auto& instrument : page->instruments) {
      auto symbol = instrument.id.symbol.text();
      all.try_emplace(std::move(symbol), std::move(instrument));
    }
    auto moved = pager.consume(market == "spot" ? 0 : page->rows, page->next_cursor);
    if (!moved) co_return std::unexpected{prefixed(std::move(moved).error(), what)};
  }
  co_return Result<void>{};
}

}  // namespace tdm::sources::bybit
