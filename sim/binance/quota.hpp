#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "sim/binance/api.hpp"  // Pool
#include "sim/script.hpp"       // BinanceSettings
#include "tdm/core/time.hpp"    // TimePoint

namespace tdm::sim::binance {

// The budget of weight of each pool and address (§4.3): it begins anew with every minute of the clock, what goes beyond
// it is answered 429, and who does not stop then is banned with 418, each time for twice as long. Safe from several
// threads.
//
// That the minute is the clock's, that refused requests count, and that requests do not lengthen a ban is assumed.
class Quota {
 public:
  explicit Quota(const BinanceSettings& settings) : settings_{settings} {}

  struct Verdict {
    int status = 200;       // 429, 418
    std::int64_t used = 0;  // in this minute, this request included
    std::int64_t limit = 0;
    std::chrono::seconds wait{};  // with 429 and 418: until the next minute, until the ban ends
  };
  // `now` goes as fast as the host's clock.
  Verdict admit(const std::string& address, Pool pool, std::int64_t weight, TimePoint now);

 private:
  struct Client {
    TimePoint minute{};
    std::int64_t used = 0;
    int refused = 0;  // in this minute
    int bans = 0;
    TimePoint banned_until{};
  };

  std::int64_t limit_of(Pool pool) const {
    return pool == Pool::spot ? settings_.spot_weight : settings_.futures_weight;
  }
  std::chrono::microseconds next_ban(Client& client) const;

  BinanceSettings settings_;
  std::mutex mutex_;
  std::map<std::pair<std::string, Pool>, Client> clients_;
};

}  // namespace tdm::sim::binance
