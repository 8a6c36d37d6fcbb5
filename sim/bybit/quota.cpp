#include "sim/bybit/quota.hpp"

namespace tdm::sim::bybit {

Quota::Quota(QuotaSettings settings, double speed)
    : settings_{settings},
      window_{std::chrono::duration_cast<Time>(settings.window)},
      ban_{std::chrono::duration_cast<Time>(settings.ban / (speed > 0 ? speed : 1.0))} {}

Quota::Verdict Quota::admit(const std::string& address, Time now) {
  const std::scoped_lock lock{mutex_};
  Client& client = clients_[address];
  const Time quiet = now - client.last;
  client.last = now;
  if (client.banned && quiet < ban_) return {.allowed = false};
  client.banned = false;
  while (!client.sent.empty() && now - client.sent.front() >= window_) client.sent.pop_front();
  if (static_cast<int>(client.sent.size()) >= settings_.requests) {
    client.banned = true;
    client.sent.clear();
    return {.allowed = false};
  }
  client.sent.push_back(now);
  return {.remaining = settings_.requests - static_cast<int>(client.sent.size())};
}

}  // namespace tdm::sim::bybit
