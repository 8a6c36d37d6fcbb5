#include <fmt/format.h>

#include "tdm/net/governor.hpp"         // Governor
#include "tdm/sources/grid_pages.hpp"   // grid_pages
#include "tdm/sources/json_text.hpp"    // describe_bad_body
#include "tdm/sources/rest_client.hpp"  // RestClient, Verdict
#include "tests/fourth_exchange/tinex/detail/tinex.hpp"

namespace tdm::sources::tinex {
namespace {

constexpr std::string_view kDefaultBaseUrl = "https://api.tinex.example";
constexpr double kPermitted = 20;                   // requests per second
constexpr std::int64_t kTypicalPageBytes = 10'000;  // 200 bars of 50 characters
constexpr std::chrono::seconds kLimitPause{1};

Verdict judge(const net::HttpReply& reply) {
  using Next = Verdict::Next;
  const auto said = fmt::format("HTTP {}: {:.120}", reply.status, reply.body);
  if (reply.status == 200) {
    const auto start = reply.body.find_first_not_of(" \r\n\t");
    if (start != std::string::npos && reply.body[start] == '{') return {};
    return verdict(Next::retry, ErrorCode::corrupt_data, describe_bad_body(reply.body, "no object"));
  }
  if (reply.status == 429) return wait_for_all(verdict(Next::retry, ErrorCode::rate_limited, said), kLimitPause);
  if (reply.status >= 500) return verdict(Next::retry, ErrorCode::unavailable, said);
  if (reply.status == 404) return verdict(Next::give_up, ErrorCode::unknown_symbol, said, "symbol");
  return verdict(Next::give_up, ErrorCode::invalid_argument, said);
}

class TinexConnector final : public Connector {
 public:
  TinexConnector(net::Url base, RestClientOptions options, asio::any_io_executor executor, const Clock& clock)
      : base_{std::move(base)}, clock_{clock}, client_{std::move(executor), std::move(options), clock} {}

  std::string_view exchange() const override { return kExchange; }
  const std::vector<MarketTraits>& markets() const override { return market_traits(); }
  std::string_view default_market() const override { return kMarket; }
  std::string origin() const override { return base_.origin() == kDefaultBaseUrl ? "mainnet" : base_.host; }
  double permitted_rate() const override { return client_.governor().permitted_rate(); }
  int page_rows() const override { return kPageRows; }
  std::int64_t bytes_per_page() const override { return kTypicalPageBytes; }
  std::int64_t requests_sent() const override { return client_.sent(); }

  std::vector<PageRequest> pages(const Series& series, TimeRange range) const override {
    return grid_pages(series.timeframe, range, kPageRows);
  }

  asio::awaitable<Result<TimePoint>> server_time() override {
    auto reply = co_await client_.get(base_, "/v1/clock", "tinex clock");
    if (!reply) co_return std::unexpected{std::move(reply).error()};
    co_return parse_clock(reply->body);
  }

  asio::awaitable<Result<std::vector<Instrument>>> instruments(std::string market) override {
    if (market != kMarket)
      co_return fail(ErrorCode::invalid_argument, fmt::format("tinex has no market '{}'", market), "market",
                     {std::string{kMarket}});
    auto reply = co_await client_.get(base_, "/v1/pairs", "tinex pairs");
    if (!reply) co_return std::unexpected{std::move(reply).error()};
    co_return parse_pairs(reply->body);
  }

  asio::awaitable<Result<Page>> fetch(Series series, PageRequest request) override {
    const auto what = fmt::format("{} {}", series.text(), to_string(request.range));
    auto reply = co_await client_.get(base_, candles_target(series, request), what);
    if (!reply) co_return std::unexpected{std::move(reply).error()};
    auto page = parse_page(reply->body, series, request, clock_.now());
    if (!page) co_return std::unexpected{prefixed(std::move(page).error(), what)};
    co_return page;
  }

 private:
  net::Url base_;
  const Clock& clock_;
  RestClient client_;
};

Result<std::shared_ptr<Connector>> make(const ConnectorOptions& options, asio::any_io_executor executor,
                                        const Clock& clock) {
  constexpr std::string_view kParameter = "exchange_clients.tinex.base_url";
  if (!options.market_base_urls.empty())
    return fail(ErrorCode::invalid_argument, "tinex serves all from one host", "exchange_clients.tinex.markets");
  auto base = net::Url::parse(options.base_url.empty() ? kDefaultBaseUrl : options.base_url, kParameter);
  if (!base) return std::unexpected{std::move(base).error()};
  net::GovernorOptions quota;
  quota.name = kExchange;
  quota.quota = {kPermitted, std::chrono::seconds{1}};
  quota.rate_limit = options.rate_limit.value_or(kPermitted / 2);
  quota.memory_file = options.memory_file;
  auto governor = net::Governor::open(std::move(quota), clock);
  if (!governor) return std::unexpected{std::move(governor).error()};
  RestClientOptions client;
  client.exchange = kExchange;
  client.http.proxy = options.proxy;
  client.governor = *std::move(governor);
  client.judge = judge;
  return std::make_shared<TinexConnector>(*std::move(base), std::move(client), std::move(executor), clock);
}

}  // namespace

const ExchangeModule& module();
const ExchangeModule& module() {
  static const ExchangeModule module{kExchange, make, decode, parse_alias};
  return module;
}

}  // namespace tdm::sources::tinex
