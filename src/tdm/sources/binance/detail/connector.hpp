#pragma once

#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/net/retry.hpp"                            // RetryPolicy
#include "tdm/sources/archive_client.hpp"               // ArchiveClient
#include "tdm/sources/binance/detail/learner.hpp"       // Learner
#include "tdm/sources/binance/detail/market_clock.hpp"  // MarketClock
#include "tdm/sources/binance/detail/protocol.hpp"      // Hosts, MarketFacts
#include "tdm/sources/connector.hpp"                    // Connector
#include "tdm/sources/rest_client.hpp"                  // RestClient

namespace tdm::sources::binance {

// Binance's REST interface as a Connector: builds targets, lets RestClient ask, lets parse read. Each market is asked
// at its own host alone, and each pool of weight has a governor of its own. Every method may run on several threads at
// once.
class BinanceConnector final : public Connector {
 public:
  static Result<std::shared_ptr<Connector>> make(const ConnectorOptions& options, asio::any_io_executor executor,
                                                 const Clock& clock, net::RetryPolicy policy = {});

  std::string_view exchange() const override;
  const std::vector<MarketTraits>& markets() const override;
  std::string_view default_market() const override { return "spot"; }
  std::string origin() const override { return hosts_.origin; }
  double permitted_rate() const override;
  int page_rows() const override;
  std::int64_t bytes_per_page() const override;
  PageCost page_cost(const Series& series) const override;
  std::vector<PageRequest> pages(const Series& series, TimeRange range) const override;
  std::vector<ArchiveFile> archive_files(const Series& series, TimeRange range, TimePoint now) const override;
  asio::awaitable<Result<TimePoint>> server_time() override;
  asio::awaitable<Result<TimePoint>> market_time(std::string market) override;
  asio::awaitable<Result<std::vector<Instrument>>> instruments(std::string market) override;
  asio::awaitable<Result<Page>> fetch(Series series, PageRequest request) override;
  std::span<const KnownOutage> known_outages() const override;
  std::int64_t requests_sent() const override;

 private:
  using Clients = std::array<std::unique_ptr<RestClient>, 2>;  // by Pool
  // What is learned of a market's host once and then known.
  struct MarketState {
    MarketClock clock;
    Learner clock_learner;
    Learner size_learner;
  };

  BinanceConnector(Hosts hosts, Clients clients, std::unique_ptr<ArchiveClient> archives, const Clock& clock);

  RestClient& client_of(const MarketFacts& market) const;
  const net::Url& host_of(const MarketFacts& market) const;
  MarketState& state_of(const MarketFacts& market) { return states_[static_cast<std::size_t>(index_of(market))]; }
  static std::ptrdiff_t index_of(const MarketFacts& market) { return &market - market_facts().data(); }
  int rows_of(const MarketFacts& market, Timeframe timeframe) const;

  asio::awaitable<Result<Page>> fetch_rest(const MarketFacts& market, Series series, PageRequest request);
  asio::awaitable<Result<Page>> fetch_archive(const MarketFacts& market, Series series, PageRequest request);
  asio::awaitable<Result<TimePoint>> ask_time(const MarketFacts& market);
  // A reading of the market's clock that is young enough.
  asio::awaitable<Result<void>> know_time(const MarketFacts& market);
  // USD of one contract; empty where volumes are coins.
  asio::awaitable<Result<std::string>> contract_size(const MarketFacts& market, std::string symbol);

  Hosts hosts_;
  Clients clients_;
  std::unique_ptr<ArchiveClient> archives_;  // null: there are none for these hosts
  const Clock& clock_;
  int futures_rows_;
  std::array<MarketState, 3> states_;
  std::mutex sizes_mutex_;
  std::map<std::string, std::string, std::less<>> contract_sizes_;  // by symbol
};

}  // namespace tdm::sources::binance
