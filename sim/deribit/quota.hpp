#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <tuple>

#include "sim/deribit/call.hpp"  // Host
#include "sim/script.hpp"        // DeribitSettings
#include "tdm/core/time.hpp"     // TimePoint

namespace tdm::sim::deribit {

// The pools of credits of each address and host (§3.1): full at first, filled up again with every millisecond, and a
// request that finds less than it costs is refused. Safe from several threads.
//
// That an address without credentials has the documented numbers of an account, and that a refused request costs
// nothing, is assumed.
class Quota {
 public:
  explicit Quota(const DeribitSettings& settings) : settings_{settings} {}

  struct Verdict {
    bool admitted = true;
    std::int64_t cost = 0;
    std::chrono::milliseconds wait{};  // until there is enough again
  };
  // `now` goes as fast as the host's clock.
  Verdict admit(const std::string& address, Host host, const std::string& method, TimePoint now);

 private:
  struct Pool {
    std::int64_t spent_us = 0;  // in credits x 10^6, so that refilling loses nothing
    TimePoint looked{};
  };

  DeribitSettings settings_;
  std::mutex mutex_;
  std::map<std::tuple<std::string, Host, bool>, Pool> pools_;
};

}  // namespace tdm::sim::deribit
