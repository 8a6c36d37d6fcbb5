#pragma once

#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <set>

#include "tdm/ingest/ingest.hpp"
#include "tests/support/fake_connector.hpp"
#include "tests/support/memory_store.hpp"

namespace tdm::ingest::testing {

using namespace std::chrono_literals;

inline const TimePoint kStart = from_ms(1'672'531'200'000);  // 2023-01-01

inline TimeRange hours(int first, int last) {
  return TimeRange::of(kStart + std::chrono::hours{first}, kStart + std::chrono::hours{last});
}

// A filler over a store in memory and a scripted exchange. The clock stands at 2023-02-01 unless a test moves it.
struct Bench {
  explicit Bench(std::shared_ptr<store::Store> with = nullptr, IngestOptions options = {})
      : connector{std::make_shared<support::FakeConnector>(clock)},
        memory{std::make_shared<support::MemoryStore>()},
        store{with ? std::move(with) : memory},
        hub{std::make_shared<WriterHub>(store)} {
    options.lock_wait = 5s;
    filler = make_local_filler(store, hub, {{"fake", connector}}, validate::RuleSet::make({}).value(), clock,
                               pool.get_executor(), std::move(options));
  }
  ~Bench() { pool.join(); }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  Result<FillReport> fill(TimeRange range, std::stop_token stop = {}, OnProgress on_progress = {}) {
    return filler->fill({series, range, false, std::move(on_progress), std::move(stop)});
  }
  store::Manifest manifest() const { return store->manifest(series).value().value(); }
  BarColumns stored(TimeRange range) {
    auto lease = hub->acquire(1s, {}).value();
    return lease.access([&](store::Writer& writer) { return writer.current(series, range); }).value();
  }
  std::size_t raw_rows(TimeRange range) const { return store->read_raw(manifest(), range, {}).value().rows; }
  // How often the bars of the range were asked for.
  std::map<TimePoint, int> asked() const {
    std::map<TimePoint, int> times;
    for (const auto& page : connector->asked())
      for (auto t = page.range.begin(); t < page.range.end(); t = series.timeframe.close_of(t)) ++times[t];
    return times;
  }

  Series series = Series::parse("fake.spot.AAA@1h").value();
  ManualClock clock{kStart + 24h * 31};
  boost::asio::thread_pool pool{2};
  std::shared_ptr<support::FakeConnector> connector;
  std::shared_ptr<support::MemoryStore> memory;
  std::shared_ptr<store::Store> store;
  std::shared_ptr<WriterHub> hub;
  std::shared_ptr<Filler> filler;
};

}  // namespace tdm::ingest::testing
