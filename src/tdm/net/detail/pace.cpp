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

Pace::Pace(Quota quota, double rate, double unit_rate)
    : interval_{static_cast<nanoseconds::rep>(std::ceil(1e9 / rate))} {
  set_quota(quota, unit_rate);
}

void Pace::set_quota(Quota quota, double unit_rate) {
  unit_interval_ = nanoseconds{unit_rate > 0 ? static_cast<nanoseconds::rep>(std::ceil(1e9 / unit_rate)) : 0};
  window_ = quota.window;
  // A part of a unit is none.
  const double whole = std::floor(std::clamp(quota.requests, 0.0, static_cast<double>(QuotaSection::kSlots)));
  slots_ = static_cast<std::size_t>(whole);
  if (quota.requests > 0) slots_ = std::max<std::size_t>(slots_, 1);
}

nanoseconds Pace::interval(int units) const { return std::max(interval_, unit_interval_ * units); }

Pace::Turn Pace::take(QuotaSection& section, const Now& now, int units) {
  const TimePoint pause_until = from_us(section.pause_until_us.load());
  if (now.wall < pause_until) {
    const auto wait = std::min<Micros>(pause_until - now.wall, kLongestWait);
    return {.slot = std::nullopt, .again = now.steady + wait, .paused = true};
  }

  const auto step = interval(units);
  const auto tolerance = step / 2;
  std::vector<Claim> claimed;
  auto held = section.next_turn_ns.load();
  while (true) {
    nanoseconds turn{held};
    if (turn < nanoseconds{0} || turn > now.steady + std::max(kFarthestTurn, 2 * step)) turn = now.steady;
    if (now.steady < turn - tolerance) {
      put_back(section, claimed);
      return {.slot = std::nullopt, .again = turn - tolerance};
    }
    if (slots_ > 0 && claimed.empty()) {
      claimed = claim(section, now, units);
      if (claimed.empty()) return {.slot = std::nullopt, .again = next_free(section, now, units)};
    }
    const auto next = std::max(turn, now.steady) + step;
    if (section.next_turn_ns.compare_exchange_weak(held, next.count())) break;
  }
  return {.slot = claimed.empty() ? 0 : remember(claimed)};
}

std::uint64_t Pace::remember(const std::vector<Claim>& claims) {
  const auto& first = claims.front();
  const auto slot = ((first.word & kStartMask) << kIndexBits) | first.index;
  if (claims.size() == 1) return slot;
  auto& others = further_[slot];
  others.clear();
  for (std::size_t i = 1; i < claims.size(); ++i) others.push_back(claims[i].index);
  return slot;
}

void Pace::give_back(QuotaSection& section, std::uint64_t slot, const Now& now) {
  std::vector<std::size_t> held;
  if (const auto found = further_.find(slot); found != further_.end()) {
    held = std::move(found->second);
    further_.erase(found);
  }
  if (slots_ == 0) return;
  held.push_back(slot & (QuotaSection::kSlots - 1));
  for (const auto index : held) {
    // A child of fork gives back nothing: the word names its parent.
    std::uint64_t word = kRunning | ((now.process & kProcessMask) << kStartBits) | (slot >> kIndexBits);
    section.slots[index].compare_exchange_strong(word, ended_word(now));
  }
}

void Pace::report_used(QuotaSection& section, std::uint64_t slot, double used, const Now& now) {
  if (slots_ == 0 || !(used > 0)) return;
  // Requests are counted about in the order of their sending: those that began later are not in the number yet.
  const auto began = slot >> kIndexBits;
  std::size_t known = 0;
  for (std::size_t index = 0; index < slots_; ++index) {
    const auto word = section.slots[index].load();
    const bool later = (word & kRunning) != 0 && (word & kStartMask) > began;
    known += is_free(word, now) || later ? 0 : 1;
  }
  for (std::size_t index = 0; index < slots_ && static_cast<double>(known) < std::ceil(used); ++index) {
    auto word = section.slots[index].load();
    if (is_free(word, now) && section.slots[index].compare_exchange_strong(word, ended_word(now))) ++known;
  }
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

void Pace::put_back(QuotaSection& section, const std::vector<Claim>& claims) {
  for (const auto& claim : claims) {
    auto word = claim.word;
    section.slots[claim.index].compare_exchange_strong(word, claim.before);
  }
}

std::vector<Pace::Claim> Pace::claim(QuotaSection& section, const Now& now, int units) {
  std::vector<Claim> claims;
  const auto mine = running_word(now);
  const auto begin = hint_;
  for (std::size_t i = 0; i < slots_; ++i) {
    const std::size_t index = (begin + i) % slots_;
    auto word = section.slots[index].load();
    if (!is_free(word, now) || !section.slots[index].compare_exchange_strong(word, mine)) continue;
    claims.push_back({index, word, mine});
    hint_ = (index + 1) % slots_;
    if (claims.size() == static_cast<std::size_t>(units)) return claims;
  }
  put_back(section, claims);
  return {};
}

nanoseconds Pace::next_free(QuotaSection& section, const Now& now, int units) const {
  const nanoseconds look_again = now.steady + kLookAgain;
  std::vector<nanoseconds> free_at;  // of slots whose time is known
  int free_now = 0;
  for (std::size_t index = 0; index < slots_; ++index) {
    auto word = section.slots[index].load();
    if (is_free(word, now)) {
      if (++free_now >= units) return now.steady;
    } else if ((word & kRunning) == 0) {
      const microseconds ended{static_cast<microseconds::rep>(word)};
      const nanoseconds at = ended + window_ + microseconds{1};
      if (at < look_again) free_at.push_back(at);
    } else if (is_abandoned(word, now)) {
      // It may have been answered as late as now.
      section.slots[index].compare_exchange_strong(word, ended_word(now));
    }
  }
  const auto lacking = static_cast<std::size_t>(units - free_now);
  if (free_at.size() < lacking) return look_again;
  std::ranges::nth_element(free_at, free_at.begin() + static_cast<std::ptrdiff_t>(lacking - 1));
  return free_at[lacking - 1];
}

}  // namespace tdm::net::detail
