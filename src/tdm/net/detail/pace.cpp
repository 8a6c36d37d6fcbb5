#include "tdm/net/detail/pace.hpp"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>

namespace tdm::net::detail {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// A slot's word while its request runs: the top bit, the process (22 bits, the kernel's largest id) and the start in
// steady milliseconds (41 bits). One word, so that a slot is never half written. After the answer: its steady time in
// µs.
constexpr std::uint64_t kRunning = std::uint64_t{1} << 63;
constexpr unsigned kStartBits = 41;
constexpr std::uint64_t kStartMask = (std::uint64_t{1} << kStartBits) - 1;
constexpr std::uint64_t kProcessMask = (std::uint64_t{1} << 22) - 1;
constexpr unsigned kIndexBits = 13;
static_assert(QuotaSection::kSlots == std::size_t{1} << kIndexBits);

// No request lives so long: its holder forgot it.
constexpr milliseconds kLongestRequest{300'000};
// Slots of other processes become free without telling us.
constexpr milliseconds kLookAgain{20};
// However long a pause is, its end is asked for again.
constexpr Micros kLongestWait = std::chrono::hours{24};
// A pace further ahead than this was not written by us.
constexpr nanoseconds kFarthestTurn = std::chrono::hours{1};

std::uint64_t running_word(const Pace::Now& now) {
  const auto start = static_cast<std::uint64_t>(std::chrono::floor<milliseconds>(now.steady).count());
  return kRunning | ((now.process & kProcessMask) << kStartBits) | (start & kStartMask);
}

std::uint64_t ended_word(const Pace::Now& now) {
  return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::chrono::floor<microseconds>(now.steady).count()));
}

bool is_abandoned(std::uint64_t word, const Pace::Now& now) {
  const milliseconds start{static_cast<milliseconds::rep>(word & kStartMask)};
  const auto age = std::chrono::floor<milliseconds>(now.steady) - start;
  if (age > kLongestRequest || age < -kLongestRequest) return true;
  const auto process = static_cast<std::uint32_t>((word >> kStartBits) & kProcessMask);
  return process != now.process && ::kill(static_cast<pid_t>(process), 0) != 0 && errno == ESRCH;
}

}  // namespace

Pace::Pace(Quota quota, double rate)
    : interval_{static_cast<nanoseconds::rep>(std::ceil(1e9 / rate))},
      tolerance_{interval_ / 2},
      window_{quota.window},
      slots_{std::min(static_cast<std::size_t>(std::max(0.0, std::ceil(quota.requests))), QuotaSection::kSlots)} {
  if (quota.requests > 0 && quota.requests < static_cast<double>(slots_)) --slots_;  // a part of a request is none
  if (quota.requests > 0) slots_ = std::max<std::size_t>(slots_, 1);
}

Pace::Turn Pace::take(QuotaSection& section, const Now& now) {
  const TimePoint pause_until = from_us(section.pause_until_us.load());
  if (now.wall < pause_until) {
    const auto wait = std::min<Micros>(pause_until - now.wall, kLongestWait);
    return {.slot = std::nullopt, .again = now.steady + wait, .paused = true};
  }

  std::optional<Claim> claimed;
  auto held = section.next_turn_ns.load();
  while (true) {
    nanoseconds turn{held};
    if (turn < nanoseconds{0} || turn > now.steady + std::max(kFarthestTurn, 2 * interval_)) turn = now.steady;
    if (now.steady < turn - tolerance_) {
      if (claimed) section.slots[claimed->index].compare_exchange_strong(claimed->word, claimed->before);
      return {.slot = std::nullopt, .again = turn - tolerance_};
    }
    if (slots_ > 0 && !claimed) {
      claimed = claim(section, now);
      if (!claimed) return {.slot = std::nullopt, .again = next_free(section, now)};
    }
    const auto next = std::max(turn, now.steady) + interval_;
    if (section.next_turn_ns.compare_exchange_weak(held, next.count())) break;
  }
  if (!claimed) return {.slot = 0};
  return {.slot = ((claimed->word & kStartMask) << kIndexBits) | claimed->index};
}

void Pace::give_back(QuotaSection& section, std::uint64_t slot, const Now& now) const {
  if (slots_ == 0) return;
  const std::size_t index = slot & (QuotaSection::kSlots - 1);
  // A child of fork gives back nothing: the word names its parent.
  std::uint64_t word = kRunning | ((now.process & kProcessMask) << kStartBits) | (slot >> kIndexBits);
  section.slots[index].compare_exchange_strong(word, ended_word(now));
}

bool Pace::is_free(std::uint64_t word, const Now& now) const {
  if (word == 0) return true;
  if ((word & kRunning) != 0) return false;
  const microseconds ended{static_cast<microseconds::rep>(word)};
  // Whatever lies in the file, no difference of two such times overflows. The future: not written by us.
  const auto steady = std::chrono::floor<microseconds>(now.steady);
  const auto apart = ended > steady ? ended - steady : steady - ended;
  return apart > window_;
}

std::optional<Pace::Claim> Pace::claim(QuotaSection& section, const Now& now) {
  for (std::size_t i = 0; i < slots_; ++i) {
    const std::size_t index = (hint_ + i) % slots_;
    auto word = section.slots[index].load();
    if (!is_free(word, now)) continue;
    const auto mine = running_word(now);
    if (!section.slots[index].compare_exchange_strong(word, mine)) continue;
    hint_ = (index + 1) % slots_;
    return Claim{index, word, mine};
  }
  return std::nullopt;
}

nanoseconds Pace::next_free(QuotaSection& section, const Now& now) const {
  nanoseconds earliest = now.steady + kLookAgain;
  for (std::size_t index = 0; index < slots_; ++index) {
    auto word = section.slots[index].load();
    if (is_free(word, now)) return now.steady;
    if ((word & kRunning) == 0) {
      const microseconds ended{static_cast<microseconds::rep>(word)};
      earliest = std::min<nanoseconds>(earliest, ended + window_ + microseconds{1});
    } else if (is_abandoned(word, now)) {
      // It may have been answered as late as now.
      section.slots[index].compare_exchange_strong(word, ended_word(now));
    }
  }
  return earliest;
}

}  // namespace tdm::net::detail
