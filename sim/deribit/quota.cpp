#include "sim/deribit/quota.hpp"

#include <algorithm>

namespace tdm::sim::deribit {
namespace {

constexpr std::int64_t kMicro = 1'000'000;

}  // namespace

Quota::Verdict Quota::admit(const std::string& address, Host host, const std::string& method, TimePoint now) {
  const bool instruments = method == "public/get_instruments";
  const std::int64_t size = instruments ? settings_.instruments_pool : settings_.pool;
  const std::int64_t cost = instruments ? settings_.instruments_cost : settings_.cost;
  const std::scoped_lock lock{mutex_};
  Pool& pool = pools_[{address, host, instruments}];
  const std::int64_t most_us = size * kMicro / settings_.refill + 1;  // after that it is full again
  const std::int64_t passed_us = std::clamp<std::int64_t>((now - pool.looked).count(), 0, most_us);
  pool.spent_us = std::max<std::int64_t>(0, pool.spent_us - passed_us * settings_.refill);
  pool.looked = std::max(pool.looked, now);
  const std::int64_t over = pool.spent_us + cost * kMicro - size * kMicro;
  if (over > 0) {
    const Micros wait{(over + settings_.refill - 1) / settings_.refill};
    return {.admitted = false, .cost = cost, .wait = std::chrono::ceil<std::chrono::milliseconds>(wait)};
  }
  pool.spent_us += cost * kMicro;
  return {.admitted = true, .cost = cost, .wait = {}};
}

}  // namespace tdm::sim::deribit
