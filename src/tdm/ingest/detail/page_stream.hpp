#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "tdm/sources/connector.hpp"  // Connector, Page

namespace tdm::ingest::detail {

// Wakes the thread that drives a fill: an answer came, a commit ended. Outlives the fill in the hands of its
// coroutines.
class Bell {
 public:
  void ring();
  // Until rung since the last wait, `stop`, or `until`.
  void wait(std::stop_token stop, std::chrono::steady_clock::time_point until);

 private:
  std::mutex mutex_;
  std::condition_variable_any rung_;
  bool ringing_ = false;
};

// The pages of a plan, asked for in parallel and given out in order. At most `limit` are asked for and not yet settled.
// Used by one thread; the coroutines run on the executor. Answers that come after the stream is gone are dropped.
class PageStream {
 public:
  PageStream(std::shared_ptr<sources::Connector> connector, boost::asio::any_io_executor executor, Series series,
             std::vector<sources::PageRequest> pages, std::size_t limit, std::shared_ptr<Bell> bell);

  void top_up();                      // asks for as many pages as the limit allows
  std::vector<sources::Page> take();  // the pages that came, as far as they are in order; unsettled until settle()
  std::size_t ready() const;          // how many take() would give
  void settle(std::size_t pages);     // these are durable
  struct Failure {
    TimeRange range;
    Error error;
  };
  // Why the page `ahead` places after the next one in order failed; nothing while it has not.
  std::optional<Failure> failure(std::size_t ahead = 0) const;
  // Goes on behind the next page in order, which failed.
  void skip();
  // The windows of the pages that were not given out.
  std::vector<TimeRange> left() const;
  bool exhausted(std::size_t ahead = 0) const { return taken_ + ahead == pages_.size(); }
  std::size_t asked() const { return asked_; }
  std::size_t limit() const { return limit_; }
  void set_limit(std::size_t limit) { limit_ = limit; }
  // Where the pages begin that were not asked for yet; nothing when all were.
  std::optional<TimePoint> unasked_from() const;

 private:
  struct Box {
    std::mutex mutex;
    std::map<std::size_t, Result<sources::Page>> arrived;
  };
  void ask(std::size_t page);

  std::shared_ptr<sources::Connector> connector_;
  boost::asio::any_io_executor executor_;
  Series series_;
  std::vector<sources::PageRequest> pages_;
  std::size_t limit_;
  std::shared_ptr<Bell> bell_;
  std::shared_ptr<Box> box_ = std::make_shared<Box>();
  std::size_t asked_ = 0, taken_ = 0, settled_ = 0;
};

}  // namespace tdm::ingest::detail
