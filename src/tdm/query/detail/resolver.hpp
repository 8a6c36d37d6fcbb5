#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "tdm/ingest/ingest.hpp"      // Connectors, Filler
#include "tdm/query/detail/grid.hpp"  // Grid
#include "tdm/query/engine.hpp"       // EngineOptions
#include "tdm/query/market_data.hpp"  // Fetch

namespace tdm::query::detail {

// An instrument as a user names it, and the bars of it that are wanted, when that is known: stored bars prove that the
// instrument exists, without asking anybody.
struct Words {
  std::string exchange;
  std::string symbol;  // native in any case, canonical, or ccxt's
  std::optional<std::string> market{};
  std::optional<Timeframe> timeframe{};
  PriceKind price_kind = PriceKind::last;
};

struct Resolved {
  InstrumentId id;
  std::string note{};   // a warning that every answer repeats; empty: none
  bool lasting = true;  // not so a guess that could not be stored
};

// Finds the instrument that a user means. The first resolution of (exchange, symbol) without a market is stored and
// stands; what was resolved once in this process costs one look into a map. Thread-safe.
class Resolver {
 public:
  Resolver(std::shared_ptr<store::Store> store, std::shared_ptr<ingest::Filler> filler, ingest::Connectors connectors,
           const Clock& clock, EngineOptions options);

  // unknown_exchange with the nearest.
  Result<const sources::Connector*> connector(const std::string& exchange) const;
  // invalid_argument with the list.
  Result<const sources::MarketTraits*> market(const sources::Connector& connector, const std::string& name) const;
  // Whether bars of the grid can be had of the instrument, as the exchange serves them or derived; invalid_argument
  // names the timeframes or price kinds that can.
  Result<const sources::MarketTraits*> check_served(const Series& series, const Grid& grid) const;
  Result<const sources::MarketTraits*> check_served(const Series& series) const {
    return check_served(series, Grid{series.timeframe});
  }

  Result<Resolved> resolve(const Words& words, Fetch fetch, std::stop_token stop);
  // The catalogue's entry; unknown_symbol with the nearest names.
  Result<Instrument> instrument(const InstrumentId& id, Fetch fetch, std::stop_token stop);
  // The catalogue's entry as far as it is stored: never asks anybody.
  std::optional<Instrument> stored_instrument(const InstrumentId& id) const;
  // The instruments of one market, by symbol, asked for anew when the stored list is older than `max_age`. Nothing:
  // never fetched, and `fetch` forbids it now.
  Result<std::optional<std::vector<Instrument>>> listing(const std::string& exchange, const std::string& market,
                                                         Fetch fetch, std::chrono::seconds max_age,
                                                         std::stop_token stop);

  const ingest::Connectors& connectors() const { return connectors_; }

 private:
  struct Candidate {
    std::string market;
    std::string symbol;
  };
  using Candidates = std::vector<Candidate>;
  using Found = Result<std::optional<InstrumentId>>;

  Result<Resolved> resolve_anew(const Words& words, Fetch fetch, std::stop_token stop);
  Result<Resolved> remembered(const sources::Connector& connector, const store::Resolution& resolution) const;
  Result<Candidates> candidates(const sources::Connector& connector, const Words& words) const;
  Result<InstrumentId> decide(const sources::Connector& connector, const Words& words, const Candidates& candidates,
                              Fetch fetch, std::stop_token stop);
  Found find(const Words& words, const Candidate& candidate, Fetch fetch, std::chrono::seconds max_age,
             std::stop_token stop);
  Found find_stored_bars(const Words& words, const Candidate& candidate) const;
  std::string ambiguity(const sources::Connector& connector, const store::Resolution& resolution) const;
  std::string default_market(const sources::Connector& connector) const;
  static bool is_in_one_market(const sources::Connector& connector);
  std::unexpected<Error> unknown_symbol(const Words& words, const Candidates& candidates) const;

  std::shared_ptr<store::Store> store_;
  std::shared_ptr<ingest::Filler> filler_;
  ingest::Connectors connectors_;
  const Clock& clock_;
  EngineOptions options_;

  std::mutex mutex_;
  std::map<std::string, Resolved, std::less<>> known_;
};

}  // namespace tdm::query::detail
