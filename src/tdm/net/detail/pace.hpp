#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "tdm/net/detail/quota_memory.hpp"  // QuotaSection
#include "tdm/net/governor.hpp"             // Quota

namespace tdm::net::detail {

// When the next request may be sent: the rules of a governor without threads, files or clocks. Times come in, a turn or
// the time to ask again goes out. Any number of processes may run it on one section at once.
//
// Two rules hold together. The even pace: at most rate x t + 1.5 requests in any interval t; the half that is left of
// the promised 2 absorbs what happens between the turn and the wire. The exchange's window: each unit of a request
// holds one of `quota.requests` slots from its turn until one window after its answer, so wherever between the two the
// exchange counted it, no window of the exchange, sliding or fixed, holds more than the quota.
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

  // `rate`: requests per second; `unit_rate`: units per second, 0 for no such pace.
  Pace(Quota quota, double rate, double unit_rate = 0);

  void set_quota(Quota quota, double unit_rate);
  bool fits(int units) const { return slots_ == 0 || static_cast<std::size_t>(units) <= slots_; }
  // `units` fit.
  Turn take(QuotaSection& section, const Now& now, int units = 1);
  void give_back(QuotaSection& section, std::uint64_t slot, const Now& now);
  // The answer to the running request `slot` says that the exchange has counted `used` units, it included. What is more
  // than this memory knows of was sent by others: it is held for one window.
  void report_used(QuotaSection& section, std::uint64_t slot, double used, const Now& now);
  // How long after a request of so many units the next one may follow.
  std::chrono::nanoseconds interval(int units = 1) const;

 private:
  struct Claim {
    std::size_t index = 0;
    std::uint64_t before = 0;  // what the slot held, to be put back
    std::uint64_t word = 0;
  };
  // Slots for all units, or none.
  std::vector<Claim> claim(QuotaSection& section, const Now& now, int units);
  static void put_back(QuotaSection& section, const std::vector<Claim>& claims);
  std::uint64_t remember(const std::vector<Claim>& claims);
  std::chrono::nanoseconds next_free(QuotaSection& section, const Now& now, int units) const;
  bool is_free(std::uint64_t word, const Now& now) const;

  std::chrono::nanoseconds interval_;
  std::chrono::nanoseconds unit_interval_{};
  std::chrono::microseconds window_{};
  std::size_t slots_ = 0;
  std::size_t hint_ = 0;  // where the last free slot was found
  // Of running requests that hold more than one: the turn's slot -> its other slots.
  std::unordered_map<std::uint64_t, std::vector<std::size_t>> further_;
};

}  // namespace tdm::net::detail
