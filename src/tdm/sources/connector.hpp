#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/bar.hpp"         // ObservationColumns, Rejection
#include "tdm/core/clock.hpp"       // Clock
#include "tdm/core/instrument.hpp"  // Instrument, Series

namespace tdm::sources {

namespace asio = boost::asio;

// One request for bars: all bars of the series whose open time lies in `range`; over REST at most the exchange's page
// size of them.
struct PageRequest {
  TimeRange range;
  std::optional<TimeRange> archive{};  // period of the archive file that they are taken from; nothing: over REST
  bool operator==(const PageRequest&) const = default;
};

// What the exchange answered: rows oldest first, duplicates and rows outside the request already told apart.
struct Page {
  PageRequest request;
  ObservationColumns rows;          // on the grid and inside the request, strictly increasing open_time
  std::vector<Rejection> rejected;  // rows that cannot be observations: no open time, off the grid, outside the window
  TimePoint exchange_time{};        // the exchange's clock when it answered: decides what is closed
  std::int64_t unknown_fields = 0;  // ignored and counted
  std::int64_t duplicates = 0;      // same key and values more than once in the answer, kept once
  std::int64_t bytes = 0;           // of the answer's body
};

// What holds for every series of a market.
struct MarketTraits {
  std::string name;               // "linear"
  std::vector<Timeframe> native;  // timeframes the exchange itself serves
  std::vector<PriceKind> price_kinds;
  std::string open_rule;               // previous_close | first_trade
  std::chrono::seconds rest_delay{0};  // available_at = close_time + this, for backfilled bars
  bool has_trade_count = false;
  bool has_quote_volume = false;  // every row of traded bars has one: a row without is rejected
  std::chrono::seconds settle(Timeframe timeframe) const {  // after close_time a bar is born confirmed
    return timeframe.nominal_length() <= std::chrono::hours{1} ? std::chrono::seconds{60} : std::chrono::seconds{600};
  }
};

// A stop of the whole exchange that the documents name: versioned evidence that ships with the connector.
struct KnownOutage {
  TimeRange range;
  std::string market;  // empty: all
  std::string evidence;
};

// What fetching the pages of a series takes: for estimates.
struct PageCost {
  int rows = 1;  // bars in one page
  double pages_per_second = 1;
  std::int64_t bytes = 0;  // of one page, typical
};

// A file of the exchange's public archives: the bars of a series that open in `period`.
struct ArchiveFile {
  TimeRange period;
  std::int64_t bytes = 0;  // typical, as it is sent
  double seconds = 0;      // typical, while others come beside it
  int requests = 1;        // none of which counts against the exchange's quota
};

struct ConnectorOptions {
  std::string base_url;     // empty: the exchange's public default
  std::string archive_url;  // empty: the exchange's public archives, for its public hosts only
  std::map<std::string, std::string> market_base_urls;
  std::optional<double> rate_limit;        // requests per second; nothing: the connector's default
  std::optional<std::string> memory_file;  // of the quota governor
  std::optional<std::string> proxy{};      // HTTPS_PROXY, as net::HttpClientOptions takes it
  std::string history_url{};  // of exchanges with a host for the past; empty: the default that fits base_url
};

// An archive host that does not serve a file within this time is not waited for: REST does the work.
inline constexpr std::chrono::milliseconds kArchivePatience{4'500};

// What an exchange must do. One folder under sources/ per exchange; each passes ConnectorConformance. All methods may
// be called from several threads; coroutines run on the executor the connector was made with. Every wait has an end; a
// retry inside obeys the exchange's Retry-After and quota. Errors name exchange, symbol and range.
class Connector {
 public:
  virtual ~Connector() = default;

  virtual std::string_view exchange() const = 0;
  virtual const std::vector<MarketTraits>& markets() const = 0;
  virtual std::string_view default_market() const = 0;  // "" when the symbol decides
  virtual std::string origin()
      const = 0;  // mainnet | testnet | custom host without its port ("simulated" for loopback sims: the host)
  virtual double permitted_rate() const = 0;        // requests per second: for estimates
  virtual int page_rows() const = 0;                // bars in one page
  virtual std::int64_t bytes_per_page() const = 0;  // typical, for estimates
  // The three above, for exchanges whose markets differ in them.
  virtual PageCost page_cost(const Series& /*series*/) const {
    return {page_rows(), permitted_rate(), bytes_per_page()};
  }

  // The fixed pages that cover the range over REST, oldest first. Pure: computed from the grid.
  virtual std::vector<PageRequest> pages(const Series& series, TimeRange range) const = 0;
  // The archive files that hold bars of the range and are published at exchange time `now`, as far as the calendar
  // tells; a longer one may cover shorter ones. Which of them are worth it is decided by route_of().
  virtual std::vector<ArchiveFile> archive_files(const Series& /*series*/, TimeRange /*range*/,
                                                 TimePoint /*now*/) const {
    return {};
  }

  virtual asio::awaitable<Result<TimePoint>> server_time() = 0;
  // The same of the host that serves this market. By value: a coroutine keeps its own.
  // NOLINTNEXTLINE(performance-unnecessary-value-param)
  virtual asio::awaitable<Result<TimePoint>> market_time(std::string /*market*/) { return server_time(); }
  // Every instrument of the market, the closed ones too.
  virtual asio::awaitable<Result<std::vector<Instrument>>> instruments(std::string market) = 0;
  // Of an archive file: not_found and corrupt_data speak of that file, anything else of the host. Whatever the fault
  // is, it is known within kArchivePatience.
  virtual asio::awaitable<Result<Page>> fetch(Series series, PageRequest request) = 0;
  virtual std::span<const KnownOutage> known_outages() const { return {}; }
  // Requests sent since construction, for provenance and tests.
  virtual std::int64_t requests_sent() const = 0;
  // A combination of contracts, which may cost less than nothing.
  virtual bool has_signed_prices(const InstrumentId& /*instrument*/) const { return false; }
};

const MarketTraits* find_market(const Connector& connector, std::string_view market);

// How recordings of an exchange read (`tdm decode`): each line out is one JSON object (design: Names that outside
// programs rely on).
struct DecodeRequest {
  std::string market;
  std::string channel;  // rest | ws | archive
  std::string target;   // of the request, when known: names symbol, interval
};
using LineSink = std::function<void(std::string_view json_line)>;

// What a folder under sources/ exports.
struct ExchangeModule {
  std::string_view name;
  Result<std::shared_ptr<Connector>> (*make)(const ConnectorOptions& options, asio::any_io_executor executor,
                                             const Clock& clock);
  // Decodes one document (the text of line `line`); an undecodable one gives an "error" line, never silence.
  void (*decode)(const DecodeRequest& request, std::string_view document, std::int64_t line, const LineSink& sink);
  // Symbols as ccxt writes them -> (market, symbol) candidates: "BTC/USDT:USDT" -> linear BTCUSDT.
  std::vector<std::pair<std::string, std::string>> (*parse_alias)(std::string_view alias);
};

}  // namespace tdm::sources
