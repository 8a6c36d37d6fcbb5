#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "tdm/core/bar.hpp"         // Frame
#include "tdm/core/gap.hpp"         // Gap
#include "tdm/core/instrument.hpp"  // Instrument, Series
#include "tdm/ingest/ingest.hpp"    // Progress, FillReport, ImportRequest

namespace tdm::query {

enum class Fetch : std::uint8_t { automatic, never };
// by_cause is the backtest default: raise for what waiting or fetching can cure (unknown, our_disconnect), warn for
// upstream_missing, ignore the accounted causes.
enum class OnGap : std::uint8_t { by_cause, raise, warn, ignore };
enum class Layer : std::uint8_t { validated, raw };
enum class Straddle : std::uint8_t { withhold, keep };
enum class Fill : std::uint8_t { none, nan, ffill };

Result<Fetch> parse_fetch(std::string_view text);
Result<OnGap> parse_on_gap(std::string_view text);  // raise warn ignore by_cause
Result<Layer> parse_layer(std::string_view text);
Result<Straddle> parse_straddle(std::string_view text);
Result<Fill> parse_fill(std::string_view text);
Result<Micros> parse_day_start(std::string_view text);  // HH:MM, a UTC time of day

// A symbol may say which price is meant, as a series does: "BTCUSDT:mark". `symbol` is what stands before it.
struct PricedSymbol {
  std::string symbol;
  PriceKind price_kind = PriceKind::last;
};
// `price_kind`, where it is given, must not say otherwise (invalid_argument). ccxt's "BTC/USDT:USDT" says nothing of
// it.
Result<PricedSymbol> parse_priced_symbol(std::string_view symbol,
                                         const std::optional<std::string>& price_kind = std::nullopt);

// A historical read as a user words it; texts are parsed here so that every door gives the same error for the same
// mistake.
struct ReadRequest {
  std::string exchange;
  std::string symbol;  // native, lower case, canonical (bybit.linear.BTCUSDT) or ccxt's BTC/USDT:USDT; each also with
                       // a price kind behind it (BTCUSDT:mark)
  std::string timeframe;
  std::optional<std::string> market{};
  std::optional<std::string> price_kind{};
  std::optional<std::string> start{};  // date, RFC 3339 instant or integer ms; nothing: the first bar there is
  std::optional<std::string> end{};    // nothing: the last closed bar
  std::vector<std::string> columns{};  // empty: open high low close volume; "all": every stored column and close_time
  Layer layer = Layer::validated;
  Fetch fetch = Fetch::automatic;
  OnGap on_gap = OnGap::warn;
  Straddle straddle = Straddle::withhold;
  Fill fill = Fill::none;
  bool include_open = false;   // provisional rows too (live mode)
  bool confirmed_only = true;  // backtest: the provisional tail is left out
  std::optional<std::string> as_of{};
  std::optional<double> min_quality{};
  std::optional<std::int64_t> limit{};  // rows of one page, 1..EngineOptions::page_rows; nothing: no paging
  std::optional<std::string> cursor{};
  std::optional<std::int64_t> read_through_bars{};  // nothing: what the engine was made with
  std::optional<std::string> day_start{};  // "08:00": 1d, 1w and 1M begin at that time of day (UTC) and are derived
};

// Where an answer comes from and what it lacks (design: Read semantics). JSON-safe, <= 4 kB: at most the first 20 gaps.
struct Provenance {
  std::string instrument, price_kind, timeframe, origin;
  bool simulated = false;  // origin is a simulator's host
  TimeRange range;         // resolved, half-open
  std::int64_t dataset_version = 0;
  int rule_version = 0;
  std::int64_t rows = 0;
  std::int64_t expected = 0;  // bars the grid has in the range
  std::int64_t gap_count = 0;
  std::vector<Gap> gaps;                        // the first 20 that touch the range
  std::map<std::string, std::int64_t> sources;  // rows by channel; of the base series when derived
  std::string finality;                         // "confirmed" or "provisional from 2024-...Z"
  std::string open_rule;
  std::optional<std::string> derived;      // base series when derived
  std::optional<std::string> day_start{};  // "08:00" when days begin then
  std::optional<std::string> as_of;
  std::int64_t fetched = 0;        // bars fetched for this answer
  std::vector<std::string> notes;  // straddling bars withheld, ambiguity, two listings ...
};
std::string to_json(const Provenance& provenance);
std::string to_json(
    const Gap& gap);  // {id, series, start, end, bars, cause, evidence, state, first_look, last_look, looks}

// What `on_gap` makes of the gaps that touch an answer: incomplete_data, naming range, cause and the ways on, when one
// of them is to be raised; else those that the caller should be warned of.
Result<std::vector<Gap>> apply_on_gap(const Series& series, TimeRange range, const std::vector<Gap>& gaps,
                                      OnGap on_gap);

// What gaps of the base (by begin) are to a series that is derived from it: bars that lack a part and are not whole
// without it. `day_start` is the request's.
Result<std::vector<Gap>> gaps_of_derived(const Series& series, const std::optional<std::string>& day_start,
                                         const std::vector<Gap>& parts);

struct Answer {
  Series series;
  TimeRange range;
  Frame frame;  // open_time and the columns that were asked for
  Provenance provenance;
  std::vector<Gap> warn_gaps;  // the caller should be warned of these
  std::optional<std::string> next_cursor;
  std::string etag;  // from the dataset version and the request; stable over restarts
};

struct Coverage {
  Series series;
  std::optional<TimePoint> first{}, last{}, watermark{};
  std::int64_t expected = 0, present = 0, confirmed = 0, gap_count = 0;
};

struct SeriesInfo {  // tdm list
  Series series;
  std::optional<TimePoint> first{}, last{}, watermark{};
  std::int64_t rows = 0, bytes = 0, gaps = 0;
};

struct Estimate {
  Series series;
  TimeRange range;
  std::int64_t bars = 0, missing_bars = 0, requests = 0, bytes = 0;
  double seconds = 0;
  // Of these, what the exchange's archives are expected to bring; their requests cost no quota.
  std::int64_t archive_files = 0, archive_bars = 0;
};

struct InstrumentsRequest {
  std::string exchange;
  std::optional<std::string> market{};
  std::optional<std::string> pattern{};  // glob over symbol, case-insensitive
  std::optional<std::string> as_of{};    // the universe of that day
  bool active_only = false;
  Fetch fetch = Fetch::automatic;
};

struct CheckReport {  // tdm verify, one series
  Series series;
  std::int64_t segments = 0, rows = 0;
  std::vector<std::string> problems{};  // empty: everything holds
};

struct RemoveRequest {
  std::string series;     // its whole name
  bool with_raw = false;  // its observations too
  bool dry_run = false;   // only say what would go
};

// What went of a series, or would go, and the observations that stay.
struct Removal {
  Series series;
  store::Footprint gone{};
  std::int64_t kept_rows = 0, kept_bytes = 0;
};

struct ServerInfo {
  std::string version, environment, door;  // door: embedded | http
  std::vector<std::string> exchanges, backends;
};

using OnProgress = ingest::OnProgress;

// The one way to read. Implemented by the engine (query) and over HTTP (remote); serve, the command line and the Python
// binding call it and nothing below it. Blocking; safe from several threads. `stop` ends a call within 200 ms with
// `cancelled`; what was fetched is kept.
class MarketData {
 public:
  virtual ~MarketData() = default;

  virtual Result<Answer> read(const ReadRequest& request, const OnProgress& on_progress, std::stop_token stop) = 0;
  // Series by canonical text, patterns ('bybit.linear.*USDT@1m') expanded over the exchange's instruments.
  virtual Result<std::vector<Series>> expand(const std::vector<std::string>& patterns, bool stored_only,
                                             std::stop_token stop) = 0;
  virtual Result<Estimate> estimate(const Series& series, std::optional<std::string> start,
                                    std::optional<std::string> end, std::stop_token stop) = 0;
  virtual Result<ingest::FillReport> backfill(const Series& series, std::optional<std::string> start,
                                              std::optional<std::string> end, const OnProgress& on_progress,
                                              std::stop_token stop) = 0;
  // From the watermark to now.
  virtual Result<ingest::FillReport> update(const Series& series, const OnProgress& on_progress,
                                            std::stop_token stop) = 0;
  virtual Result<Instrument> instrument(const std::string& exchange, const std::string& symbol,
                                        const std::optional<std::string>& market, std::stop_token stop) = 0;
  virtual Result<std::vector<Instrument>> instruments(const InstrumentsRequest& request, std::stop_token stop) = 0;
  virtual Result<std::vector<SeriesInfo>> list(const std::vector<std::string>& patterns) = 0;
  virtual Result<std::vector<Coverage>> coverage(const std::vector<std::string>& patterns,
                                                 std::optional<std::string> start, std::optional<std::string> end) = 0;
  virtual Result<std::vector<Gap>> gaps(const std::vector<std::string>& patterns, std::optional<std::string> start,
                                        std::optional<std::string> end) = 0;
  virtual Result<std::int64_t> accept_gaps(const Series& series, const std::string& range, const std::string& reason,
                                           std::stop_token stop) = 0;  // range: START..END
  // Bars of a file, judged and stored like all others (see ingest::Filler); the series is resolved as in expand().
  virtual Result<ingest::FillReport> import_bars(ingest::ImportRequest request) = 0;
  // not_found when nothing of it is stored.
  virtual Result<Removal> remove(const RemoveRequest& request, std::stop_token stop) = 0;
  virtual Result<std::vector<CheckReport>> verify(const std::vector<std::string>& patterns) = 0;
  virtual Result<ServerInfo> info() = 0;
};

}  // namespace tdm::query
