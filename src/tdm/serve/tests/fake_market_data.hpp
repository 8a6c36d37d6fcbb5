#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tdm/query/market_data.hpp"

namespace tdm::serve {

inline Series btc() { return Series::parse("bybit.linear.BTCUSDT@1h").value(); }

inline Instrument btc_instrument() {
  Instrument instrument{btc().instrument, {}, {}, {}, {}, {}, true, {}, {}, {}, {}, {}, {}, {}, {}};
  instrument.base = "BTC";
  return instrument;
}

// Columns that own their values, as a store's reader would give them.
struct Owned {
  std::vector<TimePoint> times;
  std::vector<double> close;
  std::vector<std::uint8_t> valid;
  TextColumn text;
};

// Three bars, one without a value, one whose text needs quoting.
inline Frame three_bars() {
  auto owned = std::make_shared<Owned>();
  owned->times = {from_ms(0), from_ms(3'600'000), from_ms(7'200'000)};
  owned->close = {0.1, 1e-7, 123456789.125};
  owned->valid = {1, 0, 1};
  owned->text.append(std::string_view{"a,\"b\""});
  owned->text.append_null();
  owned->text.append(std::string_view{"plain"});
  Frame frame;
  frame.rows = 3;
  frame.columns.push_back({"open_time", std::span<const TimePoint>{owned->times}, {}});
  frame.columns.push_back({"close", std::span<const double>{owned->close}, owned->valid});
  frame.columns.push_back({"note", &owned->text, {}});
  frame.owner = owned;
  return frame;
}

// Answers what the test put there, and remembers what it was asked.
class FakeMarketData final : public query::MarketData {
 public:
  Result<query::Answer> read(const query::ReadRequest& request, const query::OnProgress&,
                             std::stop_token stop) override {
    asked = request;
    asked_to_stop = stop.stop_requested();
    if (failure) return std::unexpected{*failure};
    query::Answer answer{btc(), TimeRange::of(from_ms(0), from_ms(10'800'000)), three_bars(), {}, {}, {}, {}};
    answer.provenance.instrument = "bybit.linear.BTCUSDT";
    answer.provenance.rows = 3;
    answer.etag = "v7-abc";
    answer.next_cursor = next_cursor;
    return answer;
  }
  Result<std::vector<Series>> expand(const std::vector<std::string>&, bool, std::stop_token) override {
    return std::vector<Series>{btc()};
  }
  Result<query::Estimate> estimate(const Series& series, std::optional<std::string>, std::optional<std::string>,
                                   std::stop_token) override {
    if (failure) return std::unexpected{*failure};
    return query::Estimate{
        .series = series, .range = {}, .bars = 10, .missing_bars = 7, .requests = 1, .bytes = 99, .seconds = 0.5};
  }
  Result<ingest::FillReport> backfill(const Series&, std::optional<std::string>, std::optional<std::string>,
                                      const query::OnProgress& on_progress, std::stop_token stop) override {
    on_progress({.total_bars = 7, .done_bars = 3, .eta_seconds = 1.5, .planned = true});
    while (hold && !stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds{1});
    if (stop.stop_requested()) return fail(ErrorCode::cancelled, "stopped");
    on_progress({.total_bars = 7, .done_bars = 7, .planned = true});
    return ingest::FillReport{.fetched = 7, .stored = 7};
  }
  Result<ingest::FillReport> update(const Series& series, const query::OnProgress& on_progress,
                                    std::stop_token stop) override {
    ++updates;
    return backfill(series, {}, {}, on_progress, std::move(stop));
  }
  Result<Instrument> instrument(const std::string&, const std::string& symbol, const std::optional<std::string>&,
                                std::stop_token) override {
    if (symbol == "NOPE") return fail(ErrorCode::unknown_symbol, "bybit has no NOPE", "symbol", {"NOTUSDT"});
    return btc_instrument();
  }
  Result<std::vector<Instrument>> instruments(const query::InstrumentsRequest&, std::stop_token) override {
    return std::vector<Instrument>(3, btc_instrument());
  }
  Result<std::vector<query::SeriesInfo>> list(const std::vector<std::string>& patterns) override {
    listed = patterns;
    return std::vector<query::SeriesInfo>{{btc(), {}, {}, {}, 3, 100, 0}};
  }
  Result<std::vector<query::Coverage>> coverage(const std::vector<std::string>&, std::optional<std::string>,
                                                std::optional<std::string>) override {
    return std::vector<query::Coverage>{{btc(), {}, {}, {}, 3, 2, 2, 1}};
  }
  Result<std::vector<Gap>> gaps(const std::vector<std::string>&, std::optional<std::string>,
                                std::optional<std::string>) override {
    return std::vector<Gap>{};
  }
  Result<std::int64_t> accept_gaps(const Series&, const std::string&, const std::string&, std::stop_token) override {
    return 2;
  }
  Result<ingest::FillReport> import_bars(ingest::ImportRequest) override { return ingest::FillReport{}; }
  Result<query::Removal> remove(const query::RemoveRequest&, std::stop_token) override {
    return query::Removal{.series = btc()};
  }
  Result<std::vector<query::CheckReport>> verify(const std::vector<std::string>&) override {
    return std::vector<query::CheckReport>{};
  }
  Result<query::ServerInfo> info() override {
    return query::ServerInfo{"9.9.9", "test", "embedded", {"bybit"}, {"duckdb"}};
  }

  bool asked_to_stop = false;
  std::optional<query::ReadRequest> asked;
  std::vector<std::string> listed;
  std::optional<Error> failure;
  std::optional<std::string> next_cursor;
  std::atomic<bool> hold = false;
  std::atomic<int> updates = 0;
};

}  // namespace tdm::serve
