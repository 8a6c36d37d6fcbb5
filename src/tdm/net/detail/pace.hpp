#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "tdm/net/detail/quota_memory.hpp"  // QuotaSection
#include "tdm/net/governor.hpp"             // Quota

namespace tdm::net::detail {

// When the next request may be sent: the rules of a governor without threads, files or clocks. Times come in, a turn or
// the time to ask again goes out. Any number of processes may run it on one section at once.
//
// Two rules hold together. The even pace: at most rate x t + 1.5 requests in any interval t; the half that is left of
// the promised 2 absorbs what happens between the turn and the wire. The exchange's window: a request holds one of
// `quota.requests` slots from its turn until one window after its answer, so wherever between the two the exchange
// counted it, no window of the exchange holds more than the quota.
class Pace {
 public:
  struct Now {
    std::chrono::nanoseconds steady{};  // shared by all processes of one boot
    TimePoint wall{};
    std::uint32_t process = 0;  // id, at most 22 bits
  };
  struct Turn {
    std::optional<std::uint64_t> slot{};  // nothing: not yet
    std::chrono::nanoseconds again{};     // then: the steady time to ask again
    bool paused = false;                  // then: the exchange asked for it
  };

  Pace(Quota quota, double rate);

  Turn take(QuotaSection& section, const Now& now);
  void give_back(QuotaSection& section, std::uint64_t slot, const Now& now) const;
  std::chrono::nanoseconds interval() const { return interval_; }

 private:
  struct Claim {
    std::size_t index = 0;
    std::uint64_t before = 0;  // what the slot held, to be put back
    std::uint64_t word = 0;
  };
  std::optional<Claim> claim(QuotaSection& section, const Now& now);
  std::chrono::nanoseconds next_free(QuotaSection& section, const Now& now) const;
  bool is_free(std::uint64_t word, const Now& now) const;

  std::chrono::nanoseconds interval_;
  std::chrono::nanoseconds tolerance_;
  std::chrono::microseconds window_;
  std::size_t slots_;
  std::size_t hint_ = 0;  // where the last free slot was found
};

}  // namespace tdm::net::detail
