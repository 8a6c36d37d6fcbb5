#include "sim/binance/quota.hpp"

#include <algorithm>

namespace tdm::sim::binance {
namespace {

constexpr std::chrono::duration<double> kLongestBan{259'200};  // three days (§4.3)

std::chrono::seconds seconds_until(TimePoint end, TimePoint now) {
  return std::chrono::ceil<std::chrono::seconds>(end - now);
}

}  // namespace

std::chrono::microseconds Quota::next_ban(Client& client) const {
  auto length = settings_.ban;
  for (int i = 0; i < client.bans && length < kLongestBan; ++i) length *= 2;
  ++client.bans;
  return std::chrono::duration_cast<std::chrono::microseconds>(std::min(length, kLongestBan));
}

Quota::Verdict Quota::admit(const std::string& address, Pool pool, std::int64_t weight, TimePoint now) {
  const std::scoped_lock lock{mutex_};
  Client& client = clients_[{address, pool}];
  const TimePoint minute = std::chrono::floor<std::chrono::minutes>(now);
  if (minute != client.minute) {
    client.minute = minute;
    client.used = 0;
    client.refused = 0;
  }
  Verdict verdict{.used = client.used, .limit = limit_of(pool)};
  if (now < client.banned_until) {
    verdict.status = 418;
    verdict.wait = seconds_until(client.banned_until, now);
    return verdict;
  }
  client.used += weight;
  verdict.used = client.used;
  if (client.used <= verdict.limit) return verdict;
  if (++client.refused > settings_.ban_after) {
    client.banned_until = now + next_ban(client);
    verdict.status = 418;
    verdict.wait = seconds_until(client.banned_until, now);
    return verdict;
  }
  verdict.status = 429;
  verdict.wait = seconds_until(minute + std::chrono::minutes{1}, now);
  return verdict;
}

}  // namespace tdm::sim::binance
