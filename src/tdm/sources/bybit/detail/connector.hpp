#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/net/retry.hpp"            // RetryPolicy
#include "tdm/sources/connector.hpp"    // Connector
#include "tdm/sources/rest_client.hpp"  // RestClient

namespace tdm::sources::bybit {

// Bybit's V5 REST interface as a Connector: builds targets, lets RestClient ask, lets parse read. Holds no state of a
// request, so every method may run on several threads at once.
class BybitConnector final : public Connector {
 public:
  static Result<std::shared_ptr<Connector>> make(const ConnectorOptions& options, asio::any_io_executor executor,
                                                 const Clock& clock, net::RetryPolicy policy = {});

  std::string_view exchange() const override;
  const std::vector<MarketTraits>& markets() const override;
  std::string_view default_market() const override { return "linear"; }
  std::string origin() const override { return origin_; }
  double permitted_rate() const override { return client_.governor().permitted_rate(); }
  int page_rows() const override;
  std::int64_t bytes_per_page() const override;
  std::vector<PageRequest> pages(const Series& series, TimeRange range) const override;
  asio::awaitable<Result<TimePoint>> server_time() override;
  asio::awaitable<Result<std::vector<Instrument>>> instruments(std::string market) override;
  asio::awaitable<Result<Page>> fetch(Series series, PageRequest request) override;
  std::int64_t requests_sent() const override { return client_.sent(); }

 private:
  struct Hosts {
    net::Url base;
    std::map<std::string, net::Url, std::less<>> by_market;
    std::string origin;
  };
  static Result<Hosts> resolve_hosts(const ConnectorOptions& options);

  BybitConnector(Hosts hosts, asio::any_io_executor executor, net::HttpClientOptions http,
                 std::shared_ptr<net::Governor> governor, const Clock& clock, net::RetryPolicy policy);

  const net::Url& host_of(std::string_view market) const;
  Result<void> check_series(const Series& series) const;
  // Adds the instruments of one status to `all`; a symbol that is there already stays as it is.
  asio::awaitable<Result<void>> list_status(std::string market, std::string status,
                                            std::map<std::string, Instrument>& all);

  net::Url base_;
  std::map<std::string, net::Url, std::less<>> market_hosts_;
  std::string origin_;
  const Clock& clock_;
  RestClient client_;
};

}  // namespace tdm::sources::bybit
