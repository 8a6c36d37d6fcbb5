#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "tdm/core/time.hpp"  // TimePoint

namespace tdm::net {

struct RetryPolicy {
  int attempts = 6;  // in all
  std::chrono::milliseconds base{250};
  std::chrono::milliseconds cap{8'000};
  std::chrono::milliseconds deadline{120'000};  // of all attempts together
};

// Full jitter: uniform in [0, min(cap, base * 2^attempt)]. `random` is in [0, 1). A server's own wait wins when it is
// longer.
std::chrono::milliseconds backoff(const RetryPolicy& policy, int attempt, double random,
                                  std::optional<std::chrono::milliseconds> retry_after = std::nullopt);

// Retry-After as seconds or as an HTTP date; garbage and the past give nothing; more than `longest` is cut to it.
std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view value, TimePoint now,
                                                           std::chrono::seconds longest = std::chrono::hours{1});

}  // namespace tdm::net
