#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/net/retry.hpp"            // RetryPolicy
#include "tdm/sources/connector.hpp"    // Connector
#include "tdm/sources/rest_client.hpp"  // RestClient

namespace tdm::sources::deribit {

// Deribit's API v2 over HTTP GET as a Connector. Of an instrument that expired the history host still has bars; which
// those are is learned when the first one is asked for, and is all that is kept between requests. Every method may run
// on several threads at once.
class DeribitConnector final : public Connector {
 public:
  static Result<std::shared_ptr<Connector>> make(const ConnectorOptions& options, asio::any_io_executor executor,
                                                 const Clock& clock, net::RetryPolicy policy = {});

  std::string_view exchange() const override;
  const std::vector<MarketTraits>& markets() const override;
  std::string_view default_market() const override { return ""; }
  std::string origin() const override { return origin_; }
  double permitted_rate() const override { return bars_.client->governor().permitted_rate(); }
  int page_rows() const override;
  std::int64_t bytes_per_page() const override;
  std::vector<PageRequest> pages(const Series& series, TimeRange range) const override;
  asio::awaitable<Result<TimePoint>> server_time() override;
  asio::awaitable<Result<std::vector<Instrument>>> instruments(std::string market) override;
  asio::awaitable<Result<Page>> fetch(Series series, PageRequest request) override;
  bool has_signed_prices(const InstrumentId& instrument) const override;
  std::int64_t requests_sent() const override;

 private:
  // A host and the quota that its requests count against.
  struct Host {
    net::Url base;
    std::unique_ptr<RestClient> client;  // null: there is no such host
  };
  using Listing = std::map<std::string, Instrument>;

  DeribitConnector(Host bars, Host lists, Host history, const Clock& clock);

  asio::awaitable<Result<Page>> fetch_page(const Host& host, Series series, PageRequest request);
  // The page, and the head of it that the host left out as too much for one answer.
  asio::awaitable<Result<Page>> fetch_whole(const Host& host, Series series, PageRequest request);
  asio::awaitable<Result<void>> list_expired(std::string market, std::string kind, Listing& all);
  // Adds the instruments of one kind to `all`; a symbol that is there already stays as it is.
  asio::awaitable<Result<void>> list_kind(const Host& host, std::string market, std::string kind, bool expired,
                                          Listing& all);
  asio::awaitable<Result<void>> list_group(const Host& host, std::string market, std::string target, Listing& all);
  bool is_history_only(const std::string& symbol) const;
  void remember_history_only(const std::string& symbol);

  Host bars_, lists_, history_;
  std::string origin_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::set<std::string> history_only_;  // at most kMaxHistoryOnly
};

}  // namespace tdm::sources::deribit
