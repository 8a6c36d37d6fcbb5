#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "tdm/sources/connector.hpp"  // Connector

namespace tdm::support {

namespace asio = boost::asio;

// An exchange without a network: every bar is a function of its open time, the time is a Clock's, and a script says
// what goes wrong. Its name is `fake`, its market `spot`, with the instruments AAA and BBB. Thread-safe, also while it
// is asked.
class FakeConnector final : public sources::Connector {
 public:
  explicit FakeConnector(const Clock& exchange_clock, int page_rows = 100)
      : clock_{exchange_clock}, page_rows_{page_rows} {
    sources::MarketTraits traits;
    traits.name = "spot";
    traits.native.assign(Timeframe::all().begin(), Timeframe::all().end());
    traits.price_kinds = {PriceKind::last};
    traits.open_rule = "first_trade";
    traits.rest_delay = std::chrono::seconds{2};
    markets_.push_back(std::move(traits));
  }

  // ---- The script
  // The first trade: bars that end before it do not exist.
  void list_from(TimePoint first_trade) {
    change([&] { listed_from_ = first_trade; });
  }
  void state_launch(std::optional<TimePoint> launch_time) {
    change([&] { launch_time_ = launch_time; });
  }
  void end_at(TimePoint delivery_time) {
    change([&] { delivered_ = delivery_time; });
  }
  // Bars inside the range are left out of every answer until shown again.
  void hide(TimeRange range) {
    change([&] { hidden_.push_back(range); });
  }
  void show_all() {
    change([&] { hidden_.clear(); });
  }
  // The bar has this close from now on.
  void set_close(TimePoint open_time, std::string text) {
    change([&] { closes_[open_time] = std::move(text); });
  }
  // The page check refuses this bar: it comes as a rejection of the rule.
  void refuse(TimePoint open_time, std::string rule) {
    change([&] { refused_[open_time] = std::move(rule); });
  }
  // The n-th page from now on (1 is the next) fails; n = 0 forgets that.
  void fail_page(int n, Error error) {
    change([&] {
      fail_at_ = n == 0 ? 0 : fetched_ + n;
      failure_ = std::move(error);
    });
  }
  void slow_down(std::chrono::milliseconds per_page) {
    change([&] { delay_ = per_page; });
  }
  // Archives of ten days a file, faster than any page; these bars are left out of them, and of the n-th file asked for
  // (from 1) comes the error.
  void publish_archives(TimePoint until) {
    change([&] { archived_until_ = until; });
  }
  void hide_in_archives(TimeRange range) {
    change([&] { hidden_in_archives_.push_back(range); });
  }
  void fail_file(int n, Error error) {
    change([&] { file_failures_[n] = std::move(error); });
  }
  void set_origin(std::string origin) {
    change([&] { origin_ = std::move(origin); });
  }
  void set_exchange_ahead(Micros ahead) {
    change([&] { ahead_ = ahead; });
  }

  // ---- The truth and what was asked
  TimePoint exchange_now() const { return clock_.now() + ahead_.load(); }
  // A price of the bar: its open plus so many cents; the close is 25 above, high and low lie 50 around.
  static std::string price(TimePoint open_time, std::int64_t plus) {
    const auto minute = to_ms(open_time) / 60'000;
    const auto cents = 10'000 + minute % 977 * 10 + plus;
    return fmt::format("{}.{:02}", cents / 100, cents % 100);
  }
  static std::string close_text(TimePoint open_time) { return price(open_time, 25); }
  std::vector<sources::PageRequest> asked() const {
    const std::lock_guard guard{mutex_};
    return asked_;
  }
  void forget_asked() {
    change([&] { asked_.clear(); });
  }
  int time_requests() const { return time_requests_; }
  int instrument_requests() const { return instrument_requests_; }

  // ---- Connector
  std::string_view exchange() const override { return "fake"; }
  const std::vector<sources::MarketTraits>& markets() const override { return markets_; }
  std::string_view default_market() const override { return "spot"; }
  std::string origin() const override {
    const std::lock_guard guard{mutex_};
    return origin_;
  }
  double permitted_rate() const override { return archived_until_ > TimePoint{} ? 1 : 1'000; }
  int page_rows() const override { return page_rows_; }
  std::int64_t bytes_per_page() const override { return 80 * page_rows_; }

  std::vector<sources::PageRequest> pages(const Series& series, TimeRange range) const override {
    std::vector<sources::PageRequest> pages;
    const auto timeframe = series.timeframe;
    auto begin = timeframe.ceil(range.begin());
    const auto end = timeframe.ceil(range.end());
    while (begin < end) {
      const auto index = timeframe.count(TimeRange::of(timeframe.ceil(TimePoint{}), begin));
      const auto stop = std::min(end, timeframe.advance(begin, page_rows_ - index % page_rows_));
      pages.push_back({TimeRange::of(begin, stop)});
      begin = stop;
    }
    return pages;
  }

  std::vector<sources::ArchiveFile> archive_files(const Series&, TimeRange range, TimePoint now) const override {
    const std::lock_guard guard{mutex_};
    constexpr std::chrono::days kFile{10};
    std::vector<sources::ArchiveFile> files;
    auto begin = TimePoint{range.begin().time_since_epoch() / kFile * kFile};
    for (; begin < range.end() && begin + kFile <= std::min(now, archived_until_); begin += kFile)
      files.push_back({.period = TimeRange::of(begin, begin + kFile), .bytes = 1'000, .seconds = 0.01, .requests = 2});
    return files;
  }

  asio::awaitable<Result<TimePoint>> server_time() override {
    ++time_requests_;
    co_return exchange_now();
  }

  asio::awaitable<Result<std::vector<Instrument>>> instruments(std::string market) override {
    ++instrument_requests_;
    const std::lock_guard guard{mutex_};
    std::vector<Instrument> all;
    for (const char* symbol : {"AAA", "BBB"}) {
      Instrument one{InstrumentId::parse(fmt::format("fake.{}.{}", market, symbol)).value(),
                     symbol,
                     "USD",
                     "",
                     "spot",
                     delivered_ ? "Closed" : "Trading",
                     !delivered_,
                     "0.01",
                     "0.1",
                     "1",
                     launch_time_,
                     delivered_,
                     std::nullopt,
                     std::nullopt,
                     "{}"};
      all.push_back(std::move(one));
    }
    co_return all;
  }

  asio::awaitable<Result<sources::Page>> fetch(Series series, sources::PageRequest request) override {
    const auto delay = note(series, request);
    if (delay.count() > 0) {
      asio::steady_timer timer{co_await asio::this_coro::executor, delay};
      co_await timer.async_wait(asio::use_awaitable);
    }
    co_return answer(series, request);
  }

  std::int64_t requests_sent() const override {
    const std::lock_guard guard{mutex_};
    return fetched_ + time_requests_ + instrument_requests_;
  }

 private:
  template <class F>
  void change(F&& with) {
    const std::lock_guard guard{mutex_};
    with();
  }

  std::chrono::milliseconds note(const Series&, const sources::PageRequest& request) {
    const std::lock_guard guard{mutex_};
    asked_.push_back(request);
    return delay_;
  }

  bool exists(Timeframe timeframe, TimePoint open_time, TimePoint now) const {
    const auto close_time = timeframe.close_of(open_time);
    if (open_time > now || close_time <= listed_from_ || (delivered_ && open_time >= *delivered_)) return false;
    return std::ranges::none_of(hidden_,
                                [&](TimeRange range) { return range.contains(TimeRange::of(open_time, close_time)); });
  }

  Result<sources::Page> answer(const Series& series, const sources::PageRequest& request) {
    const std::lock_guard guard{mutex_};
    if (request.archive) {
      if (const auto failure = file_failures_.find(++files_); failure != file_failures_.end())
        return std::unexpected{failure->second};
    } else if (++fetched_ == fail_at_) {
      return std::unexpected{failure_};
    }
    const auto now = exchange_now();
    sources::Page page;
    page.request = request;
    page.exchange_time = now;
    for (auto open_time = request.range.begin(); open_time < request.range.end();
         open_time = series.timeframe.close_of(open_time)) {
      if (!exists(series.timeframe, open_time, now)) continue;
      const auto hides = [&](TimeRange range) { return range.contains(open_time); };
      if (request.archive && std::ranges::any_of(hidden_in_archives_, hides)) continue;
      if (const auto refused = refused_.find(open_time); refused != refused_.end())
        page.rejected.push_back({open_time, refused->second, 1, "by the script", "{}", 0, {}});
      else
        add_row(page.rows, open_time, series.timeframe.close_of(open_time), now);
    }
    if (request.archive) {
      page.rows.channel.assign(page.rows.size(), Channel::archive);
      page.rows.close_proof.assign(page.rows.size(), CloseProof::archive);
    }
    page.bytes = static_cast<std::int64_t>(page.rows.size()) * 80;
    return page;
  }

  void add_row(ObservationColumns& rows, TimePoint open_time, TimePoint close_time, TimePoint now) const {
    const auto scripted = closes_.find(open_time);
    const bool is_open = now < close_time;  // its close moves until it has ended
    rows.open_time.push_back(open_time);
    rows.open.append(std::string_view{price(open_time, 0)});
    rows.high.append(std::string_view{price(open_time, 50)});
    rows.low.append(std::string_view{price(open_time, -50)});
    rows.close.append(std::string_view{scripted != closes_.end() ? scripted->second
                                       : is_open                 ? price(open_time, 5)
                                                                 : close_text(open_time)});
    rows.volume.append(std::string_view{"1.5"});
    rows.quote_volume.append(std::string_view{"150.25"});
    rows.trade_count.append_null();
    rows.taker_buy_volume.append_null();
    rows.taker_buy_quote_volume.append_null();
    rows.extra.append_null();
    rows.close_proof.push_back(CloseProof::none);
    rows.event_time.push_back(now);
    rows.received_at.push_back(now);
    rows.channel.push_back(Channel::rest);
    rows.ingest_id.push_back(0);
  }

  const Clock& clock_;
  const int page_rows_;
  std::vector<sources::MarketTraits> markets_;
  mutable std::mutex mutex_;
  TimePoint listed_from_ = from_ms(1'577'836'800'000);  // 2020-01-01
  std::optional<TimePoint> launch_time_ = listed_from_;
  std::optional<TimePoint> delivered_;
  std::vector<TimeRange> hidden_;
  std::map<TimePoint, std::string> closes_;
  std::map<TimePoint, std::string> refused_;
  TimePoint archived_until_{};
  std::vector<TimeRange> hidden_in_archives_;
  std::map<int, Error> file_failures_;
  int files_ = 0;
  std::int64_t fetched_ = 0;
  std::int64_t fail_at_ = 0;
  Error failure_;
  std::chrono::milliseconds delay_{0};
  std::string origin_ = "mainnet";
  std::vector<sources::PageRequest> asked_;
  std::atomic<Micros> ahead_{Micros{0}};
  std::atomic<int> time_requests_{0};
  std::atomic<int> instrument_requests_{0};
};

}  // namespace tdm::support
