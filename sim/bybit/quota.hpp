#pragma once

#include <chrono>
#include <deque>
#include <mutex>
#include <string>
#include <unordered_map>

#include "sim/script.hpp"  // QuotaSettings

namespace tdm::sim::bybit {

// The IP limit: so many requests in any rolling window, then a ban that ends after a time without traffic. Safe from
// several threads. Times are of a steady clock that the caller reads; the ban is counted in simulated time.
class Quota {
 public:
  using Time = std::chrono::microseconds;

  // `speed` is how fast simulated time passes; a clock that stands is taken as one that goes, or no ban would ever end.
  Quota(QuotaSettings settings, double speed);

  struct Verdict {
    bool allowed = true;
    int remaining = 0;  // requests left in the window
  };
  Verdict admit(const std::string& address, Time now);

 private:
  struct Client {
    std::deque<Time> sent;
    bool banned = false;
    Time last{};
  };

  QuotaSettings settings_;
  Time window_;
  Time ban_;
  std::mutex mutex_;
  std::unordered_map<std::string, Client> clients_;
};

}  // namespace tdm::sim::bybit
