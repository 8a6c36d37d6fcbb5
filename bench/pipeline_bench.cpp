// The pipeline without the network: pages of Bybit's answers lie in memory and are parsed, recorded, judged, published
// and made durable. Usage: bench_pipeline FOLDER. Prints one JSON object.
#include <fmt/format.h>

#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tdm/core/clock.hpp"
#include "tdm/ingest/ingest.hpp"
#include "tdm/sources/bybit/detail/parse.hpp"  // parse_page
#include "tdm/sources/registry.hpp"
#include "tdm/store/registry.hpp"
#include "tdm/validate/rules.hpp"

namespace tdm::bench {
namespace {

using sources::Connector;
using sources::Page;
using sources::PageRequest;

constexpr std::int64_t kMinute = 60'000;

// A price that any minute knows by itself, so that a bar opens where the one before closed.
std::int64_t close_of(std::int64_t minute) {
  auto bits = static_cast<std::uint64_t>(minute) * 0x9E3779B97F4A7C15ULL;
  bits ^= bits >> 29;
  return 2'000'000 + static_cast<std::int64_t>(bits % 10'000);  // in hundredths
}

std::string price(std::int64_t hundredths) { return fmt::format("{}.{:02}", hundredths / 100, hundredths % 100); }

// Bybit's answer for a page: newest first, every number as text.
std::string answer_to(const Series& series, const PageRequest& request, TimePoint now) {
  std::string rows;
  const auto timeframe = series.timeframe;
  for (auto open = timeframe.advance(timeframe.ceil(request.range.end()), -1); open >= request.range.begin();
       open = timeframe.advance(open, -1)) {
    const auto minute = to_ms(open) / kMinute;
    const auto first = close_of(minute - 1), last = close_of(minute);
    rows += fmt::format(R"({}["{}","{}","{}","{}","{}","{}","{}"])", rows.empty() ? "" : ",", to_ms(open), price(first),
                        price(std::max(first, last) + 150), price(std::min(first, last) - 150), price(last),
                        fmt::format("{}.{:03}", minute % 97, minute % 1000),
                        fmt::format("{}.{:04}", minute, minute % 9973));
  }
  return fmt::format(
      R"({{"retCode":0,"retMsg":"OK","result":{{"symbol":"BTCUSDT","category":"linear","list":[{}]}},"retExtInfo":{{}},"time":{}}})",
      rows, to_ms(now));
}

// Bybit's connector with its network replaced by answers that were made before the clock starts.
class MemoryConnector final : public Connector {
 public:
  MemoryConnector(std::shared_ptr<Connector> bybit, TimePoint now) : bybit_{std::move(bybit)}, now_{now} {}

  void prepare(const Series& series, TimeRange range) {
    for (const auto& request : bybit_->pages(series, range))
      bodies_[request.range.begin()] = answer_to(series, request, now_);
  }

  std::string_view exchange() const override { return bybit_->exchange(); }
  const std::vector<sources::MarketTraits>& markets() const override { return bybit_->markets(); }
  std::string_view default_market() const override { return bybit_->default_market(); }
  std::string origin() const override { return bybit_->origin(); }
  double permitted_rate() const override { return bybit_->permitted_rate(); }
  int page_rows() const override { return bybit_->page_rows(); }
  std::int64_t bytes_per_page() const override { return bybit_->bytes_per_page(); }
  std::vector<PageRequest> pages(const Series& series, TimeRange range) const override {
    return bybit_->pages(series, range);
  }
  std::int64_t requests_sent() const override { return 0; }

  boost::asio::awaitable<Result<TimePoint>> server_time() override { co_return now_; }
  boost::asio::awaitable<Result<std::vector<Instrument>>> instruments(std::string) override {
    Instrument instrument{InstrumentId::parse("bybit.linear.BTCUSDT").value(),
                          "BTC",
                          "USDT",
                          "USDT",
                          "LinearPerpetual",
                          "Trading",
                          true,
                          "0.01",
                          "0.001",
                          "1",
                          {},
                          {},
                          {},
                          {},
                          {}};
    co_return std::vector<Instrument>{std::move(instrument)};
  }
  boost::asio::awaitable<Result<Page>> fetch(Series series, PageRequest request) override {
    const auto prepared = bodies_.find(request.range.begin());
    // Probes for the listing ask for other timeframes; they are few and made when they come.
    const bool is_prepared = series.timeframe.name() == "1m" && prepared != bodies_.end();
    const auto body =
        is_prepared ? std::string_view{prepared->second} : std::string_view{probe_ = answer_to(series, request, now_)};
    auto page = sources::bybit::parse_page(body, series, request, now_);
    if (!page) co_return std::unexpected{std::move(page).error()};
    co_return std::move(page->page);
  }

 private:
  std::shared_ptr<Connector> bybit_;
  TimePoint now_;
  std::map<TimePoint, std::string> bodies_;
  std::string probe_;
};

template <class T>
T must(Result<T> result) {
  if (result) return *std::move(result);
  fmt::print(stderr, "bench_pipeline: {}\n", result.error().message);
  std::exit(1);
}

int run(const std::string& folder) {
  const auto series = must(Series::parse("bybit.linear.BTCUSDT@1m"));
  const auto range = TimeRange::of(from_ms(1'640'995'200'000), from_ms(1'704'067'200'000));  // 2022 and 2023
  const ManualClock clock{from_ms(1'706'745'600'000)};
  boost::asio::thread_pool pool{2};

  const auto* module = sources::find_exchange("bybit");
  sources::ConnectorOptions nowhere;
  nowhere.base_url = "http://127.0.0.1:1";
  nowhere.rate_limit = 110;  // as much in flight as the fastest configuration has
  auto bybit = must(module->make(nowhere, pool.get_executor(), clock));
  auto connector = std::make_shared<MemoryConnector>(std::move(bybit), clock.now());
  connector->prepare(series, range);

  const store::StoreOptions paths{
      .db_path = folder + "/market_data.db", .parquet_path = folder + "/parquet", .other = {}};
  auto store = must(store::find_backend("duckdb")->open(paths, clock));
  auto hub = std::make_shared<ingest::WriterHub>(store);
  auto filler = ingest::make_local_filler(store, hub, {{"bybit", connector}}, must(validate::RuleSet::make({})), clock,
                                          pool.get_executor(), {});
  const auto begun = std::chrono::steady_clock::now();
  const ingest::FillRequest request{.series = series, .range = range};
  const auto report = must(filler->fill(request));
  const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  fmt::print("{{\"bars\":{},\"seconds\":{:.3f},\"bars_per_second\":{:.0f}}}\n", report.stored, seconds,
             static_cast<double>(report.stored) / seconds);
  pool.join();
  return report.stored == 1'051'200 ? 0 : 1;
}

}  // namespace
}  // namespace tdm::bench

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: bench_pipeline FOLDER\n");
    return 2;
  }
  return tdm::bench::run(argv[1]);
}
