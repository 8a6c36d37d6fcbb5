#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tdm/query/engine.hpp"
#include "tests/support/memory_store.hpp"

// A market small enough to be known by heart: an exchange that knows what there is, a filler that brings it into a
// store in memory, and an engine before them.
namespace tdm::query::testing {

using std::chrono::hours;
using std::chrono::minutes;

inline TimePoint at(std::string_view text) { return parse_time_bound(text, "time").value().first; }
inline TimeRange between(std::string_view begin, std::string_view end) { return TimeRange::of(at(begin), at(end)); }
inline Series series(std::string_view text) { return Series::parse(text).value(); }
inline Timeframe timeframe(std::string_view text) { return Timeframe::parse(text).value(); }

// Says what the exchange serves; is never asked for data, because the filler does that.
class Venue final : public sources::Connector {
 public:
  Venue() {
    for (const auto* name : {"linear", "inverse", "spot"}) {
      sources::MarketTraits traits;
      traits.name = name;
      for (const auto each : Timeframe::all())
        if (each.name() != "8h" && (traits.name != "inverse" || each.nominal_length() >= hours{1}))
          traits.native.push_back(each);
      traits.price_kinds = {PriceKind::last};
      if (traits.name != "spot") traits.price_kinds.push_back(PriceKind::mark);
      traits.open_rule = "previous_close";
      markets_.push_back(std::move(traits));
    }
  }

  std::string_view exchange() const override { return "bybit"; }
  const std::vector<sources::MarketTraits>& markets() const override { return markets_; }
  std::string_view default_market() const override { return default_market_; }
  std::string origin() const override { return origin_; }
  double permitted_rate() const override { return 10; }
  int page_rows() const override { return 1000; }
  std::int64_t bytes_per_page() const override { return 80'000; }
  std::vector<sources::PageRequest> pages(const Series& wanted, TimeRange range) const override {
    std::vector<sources::PageRequest> pages;
    for (auto from = wanted.timeframe.ceil(range.begin()); from < range.end();) {
      const auto to = std::min(wanted.timeframe.advance(from, page_rows()), range.end());
      pages.push_back({TimeRange::of(from, to)});
      from = to;
    }
    return pages;
  }
  sources::asio::awaitable<Result<TimePoint>> server_time() override { co_return unreachable(); }
  sources::asio::awaitable<Result<std::vector<Instrument>>> instruments(std::string) override {
    co_return unreachable();
  }
  sources::asio::awaitable<Result<sources::Page>> fetch(Series, sources::PageRequest) override {
    co_return unreachable();
  }
  std::int64_t requests_sent() const override { return 0; }

  std::string origin_ = "mainnet";
  std::string default_market_ = "linear";

 private:
  static std::unexpected<Error> unreachable() {
    ADD_FAILURE() << "the query room asked the exchange itself";
    return fail(ErrorCode::internal, "the query room asked the exchange itself");
  }
  std::vector<sources::MarketTraits> markets_;
};

inline Instrument listed(std::string_view canonical) {
  Instrument instrument{.id = InstrumentId::parse(canonical).value()};
  instrument.status = "Trading";
  instrument.launch_time = at("2020-01-01T00:00Z");
  return instrument;
}

// Brings bars from what the exchange knows into the store, as the real one does: whole ranges, with an account of what
// is absent.
class Courier final : public ingest::Filler {
 public:
  Courier(std::shared_ptr<support::MemoryStore> store, const Clock& clock) : store_{std::move(store)}, clock_{clock} {
    list("bybit.linear.BTCUSDT");
    list("bybit.linear.ETHUSDT");
    list("bybit.spot.BTCUSDT");
    list("bybit.spot.SOLUSDT");
    list("bybit.inverse.BTCUSD");
  }

  void list(std::string_view canonical) {
    auto instrument = listed(canonical);
    const auto market = instrument.id.market.text();
    exchange_lists[market].push_back(std::move(instrument));
  }

  Result<ingest::FillReport> fill(const ingest::FillRequest& request) override {
    fills.push_back(request);
    if (failure) return std::unexpected{*failure};
    const auto& wanted = request.series;
    const auto now = clock_.now() + ahead;
    const auto end = request.to_now ? wanted.timeframe.open_of(now) : request.range.end();
    const auto manifest = store_->manifest(wanted).value();
    const auto looked = manifest ? manifest->looked : std::vector<TimeRange>{};
    ingest::FillReport report;
    report.exchange_time = now;
    store::Batch batch{.series = wanted, .instrument = listed(wanted.instrument.text())};
    batch.instrument.valid_from = first_bar;
    for (const auto part : subtract(TimeRange::of(request.range.begin(), end), looked)) {
      bring(wanted, part, now, batch);
      batch.looked.push_back(part);
    }
    report.fetched = report.stored = static_cast<std::int64_t>(batch.validated.size());
    if (!batch.looked.empty()) batch.watermark = batch.looked.back().end();
    auto writer = store_->lock({}, {}).value();
    EXPECT_TRUE(writer->claim_origin("bybit", origin));
    if (auto done = writer->commit(batch); !done) return std::unexpected{done.error()};
    return report;
  }

  Result<void> refresh_instruments(std::string exchange, std::string market, std::chrono::seconds,
                                   std::stop_token) override {
    refreshed.push_back(market);
    if (list_failure) return std::unexpected{*list_failure};
    return store_->lock({}, {}).value()->put_instruments(exchange, market, exchange_lists[market], clock_.now());
  }

  Result<store::Resolution> remember(const store::Resolution& resolution, std::stop_token) override {
    if (memory_failure) return std::unexpected{*memory_failure};
    return store_->lock({}, {}).value()->put_resolution(resolution);
  }

  Result<std::int64_t> accept_gaps(const Series& wanted, TimeRange range, std::string reason,
                                   std::stop_token) override {
    return store_->lock({}, {}).value()->accept_gaps(wanted, range, reason, clock_.now());
  }

  Result<ingest::FillReport> import_bars(const ingest::ImportRequest& request) override {
    imports.push_back(request);
    return ingest::FillReport{.fetched = static_cast<std::int64_t>(request.rows.size())};
  }

  Result<store::Footprint> remove(const Series& wanted, store::Raw raw, std::stop_token) override {
    return store_->lock({}, {}).value()->remove(wanted, raw);
  }

  // Puts one bar, as a revision or beside the account.
  void put(const Series& wanted, TimePoint time, double close, Finality finality = Finality::confirmed) {
    store::Batch batch{.series = wanted, .instrument = listed(wanted.instrument.text())};
    add(wanted, time, close, finality, batch);
    ASSERT_TRUE(store_->lock({}, {}).value()->commit(batch));
  }

  static double close_of(TimePoint time) { return 100 + static_cast<double>(to_us(time) / 60'000'000 % 1000); }

  std::map<std::string, std::vector<Instrument>> exchange_lists;
  TimePoint first_bar = at("2020-03-25T10:00Z");
  std::set<TimePoint> never_served;
  GapCause cause_of_holes = GapCause::unknown;
  Micros ahead{0};  // of the exchange's clock
  std::string origin = "mainnet";
  std::optional<Error> failure, list_failure, memory_failure;
  std::vector<ingest::FillRequest> fills;
  std::vector<ingest::ImportRequest> imports;
  std::vector<std::string> refreshed;

 private:
  void bring(const Series& wanted, TimeRange part, TimePoint now, store::Batch& batch) {
    const auto grid = wanted.timeframe;
    const auto first = grid.open_of(first_bar);
    if (part.begin() < first)
      gap(wanted, TimeRange::of(part.begin(), std::min(first, part.end())), GapCause::not_listed, now, batch);
    for (auto time = std::max(grid.ceil(part.begin()), first); time < part.end(); time = grid.close_of(time)) {
      const auto close = grid.close_of(time);
      if (never_served.contains(time))
        gap(wanted, TimeRange::of(time, close), cause_of_holes, now, batch);
      else
        add(wanted, time, close_of(time), close + minutes{1} <= now ? Finality::confirmed : Finality::provisional,
            batch);
    }
  }

  void gap(const Series& wanted, TimeRange range, GapCause cause, TimePoint now, store::Batch& batch) {
    Gap gap{.series = wanted, .range = range};
    gap.bars = wanted.timeframe.count(range);
    gap.cause = cause;
    if (cause != GapCause::unknown) gap.evidence = "the first bar that was returned";
    gap.state = cause == GapCause::unknown ? GapState::open : GapState::accounted;
    gap.first_look = gap.last_look = now;
    gap.looks = 1;
    batch.gaps.push_back(std::move(gap));
  }

  void add(const Series& wanted, TimePoint time, double close, Finality finality, store::Batch& batch) {
    auto& rows = batch.validated;
    rows.open_time.push_back(time);
    rows.open.push_back(close - 1);
    rows.high.push_back(close + 2);
    rows.low.push_back(close - 2);
    rows.close.push_back(close);
    rows.volume.push_back(10);
    rows.quote_volume.append(close * 10);
    rows.trade_count.append_null();
    rows.taker_buy_volume.append_null();
    rows.taker_buy_quote_volume.append_null();
    rows.finality.push_back(finality);
    rows.quality_flags.push_back(0);
    rows.source.push_back(Channel::rest);
    rows.revision.push_back(0);
    rows.available_at.push_back(wanted.timeframe.close_of(time));
    rows.recorded_at.push_back(clock_.now());
    rows.rule_version.push_back(3);

    auto& raw = batch.raw;
    raw.open_time.push_back(time);
    for (auto* column : {&raw.open, &raw.high, &raw.low, &raw.close, &raw.volume, &raw.quote_volume})
      column->append(std::string_view{std::to_string(close)});
    for (auto* column : {&raw.trade_count, &raw.taker_buy_volume, &raw.taker_buy_quote_volume, &raw.extra})
      column->append_null();
    raw.close_proof.push_back(CloseProof::none);
    raw.event_time.push_back(clock_.now());
    raw.received_at.push_back(clock_.now());
    raw.channel.push_back(Channel::rest);
    raw.ingest_id.push_back(1);
  }

  std::shared_ptr<support::MemoryStore> store_;
  const Clock& clock_;
};

// Every test begins on a Friday, 2024-03-01 12:00:30Z.
class Market : public ::testing::Test {
 protected:
  std::shared_ptr<MarketData> make(EngineOptions options = {}) {
    options.version = "1.2.3";
    options.parse_alias = [](std::string_view, std::string_view alias) {
      std::vector<std::pair<std::string, std::string>> found;
      if (alias == "BTC/USDT:USDT") found.emplace_back("linear", "BTCUSDT");
      if (alias == "BTC/USDT") found.emplace_back("spot", "BTCUSDT");
      return found;
    };
    return make_engine(store, courier, {{"bybit", venue}}, clock, std::move(options));
  }

  ReadRequest hourly(std::string start, std::string end) const {
    return {
        .exchange = "bybit", .symbol = "BTCUSDT", .timeframe = "1h", .start = std::move(start), .end = std::move(end)};
  }

  Result<Answer> read(const ReadRequest& request) { return engine->read(request, {}, {}); }
  Answer must_read(const ReadRequest& request) {
    auto answer = read(request);
    EXPECT_TRUE(answer) << answer.error().message;
    return answer ? *std::move(answer) : throw std::runtime_error{"no answer"};
  }
  Error refusal(const ReadRequest& request) {
    auto answer = read(request);
    EXPECT_FALSE(answer);
    return answer ? Error{} : answer.error();
  }

  static std::span<const TimePoint> times(const Answer& answer) {
    return std::get<std::span<const TimePoint>>(answer.frame.columns.front().data);
  }
  template <class T = double>
  static std::span<const T> values(const Answer& answer, std::string_view column) {
    return std::get<std::span<const T>>(answer.frame.find(column)->data);
  }

  ManualClock clock{at("2024-03-01T12:00:30Z")};
  std::shared_ptr<support::MemoryStore> store = std::make_shared<support::MemoryStore>();
  std::shared_ptr<Courier> courier = std::make_shared<Courier>(store, clock);
  std::shared_ptr<Venue> venue = std::make_shared<Venue>();
  std::shared_ptr<MarketData> engine = make();
};

}  // namespace tdm::query::testing
