#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "tdm/core/instrument.hpp"  // Series

namespace tdm::ingest::detail {

// Which bars are being written by whom in this process, so that nobody fetches them twice. A fill claims what it is
// about to fetch; others leave that out and wait for it. Who brings a file or removes the series waits for the fills,
// and they for it. Thread-safe.
class Claims {
 public:
  struct Claim {
    std::vector<TimeRange> ranges;  // not yet durable
    std::optional<Error> error;     // why its owner failed; nothing after success and after cancellation
  };

  // A claim while it lives; its end hands what is left to whoever waits.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Claims* claims, Series series, std::shared_ptr<Claim> claim)
        : claims_{claims}, series_{std::move(series)}, claim_{std::move(claim)} {}
    Ticket(Ticket&& other) noexcept = default;
    Ticket& operator=(Ticket&& other) noexcept;
    ~Ticket() { end(std::nullopt); }

    const std::vector<TimeRange>& ranges() const { return claim_->ranges; }
    void done(TimeRange range);  // durable: whoever waits for it may go on
    void end(std::optional<Error> error);

   private:
    Claims* claims_ = nullptr;
    std::optional<Series> series_;
    std::shared_ptr<Claim> claim_;
  };

  struct Taken {
    Ticket ticket;                                 // over the part that nobody else had
    std::vector<std::shared_ptr<Claim>> blockers;  // claims over the rest
    std::uint64_t seen = 0;                        // state of the table, for wait()
  };
  Taken take(const Series& series, const std::vector<TimeRange>& wanted);
  // All of it or, while others have some, nothing but their claims.
  Taken take_whole(const Series& series, const std::vector<TimeRange>& wanted);

  // Until the table differs from `seen`, `stop`, or `wait` is over.
  void wait(std::uint64_t seen, std::stop_token stop, std::chrono::milliseconds wait);
  // The error of one of them that failed.
  std::optional<Error> failure(const std::vector<std::shared_ptr<Claim>>& claims);

 private:
  Taken taken_of(const Series& series, const std::vector<TimeRange>& wanted, bool whole);

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t changes_ = 0;
  std::map<Series, std::vector<std::shared_ptr<Claim>>> table_;
};

}  // namespace tdm::ingest::detail
