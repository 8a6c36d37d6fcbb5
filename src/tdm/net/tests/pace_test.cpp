#include "tdm/net/detail/pace.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <deque>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace tdm::net::detail {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr std::uint32_t kProcess = 4242;

Pace::Now at(nanoseconds steady) {
  return {.steady = steady,
          .wall = from_us(1'700'000'000'000'000) + std::chrono::floor<Micros>(steady),
          .process = kProcess};
}

// Most sends in any interval, less rate x length: the even pace promises at most 2.
double worst_excess(const std::vector<nanoseconds>& sent, double rate) {
  double worst = 0;
  for (std::size_t i = 0; i < sent.size(); ++i)
    for (std::size_t j = i; j < std::min(i + 400, sent.size()); ++j) {
      const double seconds = std::chrono::duration<double>(sent[j] - sent[i]).count();
      worst = std::max(worst, static_cast<double>(j - i + 1) - rate * seconds);
    }
  return worst;
}

TEST(Pace, IsEvenAndWastesLittleHoweverLateTheWakeUps) {
  for (const double rate : {1.0, 10.0, 110.0, 333.0}) {
    std::mt19937 random{11};
    auto section = std::make_unique<QuotaSection>();
    Pace pace{Quota{.requests = 0}, rate};
    std::vector<nanoseconds> sent;
    const nanoseconds begin = 5s;
    nanoseconds now = begin;
    while (sent.size() < 2'000) {
      const auto turn = pace.take(*section, at(now));
      if (turn.slot) sent.push_back(now);
      // Timers wake late: up to 40 % of an interval, as on a busy machine.
      else
        now = std::max(now, turn.again) +
              nanoseconds{static_cast<std::int64_t>(0.4e9 / rate * static_cast<double>(random() % 1000) / 1000)};
    }
    EXPECT_LE(worst_excess(sent, rate), 1.5 + 1e-6) << rate;
    const double seconds = std::chrono::duration<double>(sent.back() - begin).count();
    EXPECT_GE(static_cast<double>(sent.size()) / seconds, 0.99 * rate) << rate;
  }
}

// Real processes on real memory; each turn is judged by the very time that it was decided with.
TEST(Pace, ProcessesOnOneMemoryNeverExceedOnePaceTogether) {
  std::string pattern = (std::filesystem::temp_directory_path() / "tdm-pace-XXXXXX").string();
  const std::filesystem::path directory = ::mkdtemp(pattern.data());
  constexpr double kRate = 2'000;
  constexpr int kProcesses = 4;
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  for (int i = 0; i < kProcesses; ++i) {
    if (::fork() != 0) continue;
    auto memory = QuotaMemory::map(directory / "quota", "bybit");
    if (!memory) ::_exit(1);
    Pace pace{Quota{.requests = 0}, kRate};
    const auto until = std::chrono::steady_clock::now() + 400ms;
    while (std::chrono::steady_clock::now() < until) {
      auto now = at(std::chrono::steady_clock::now().time_since_epoch());
      now.process = static_cast<std::uint32_t>(::getpid());
      const auto turn = pace.take((*memory)->section(), now);
      if (turn.slot && ::write(ends[1], &now.steady, sizeof now.steady) != sizeof now.steady) ::_exit(2);
      if (!turn.slot) std::this_thread::sleep_until(std::chrono::steady_clock::time_point{turn.again});
    }
    ::_exit(0);
  }
  ::close(ends[1]);
  std::vector<nanoseconds> turns;
  for (nanoseconds turn{}; ::read(ends[0], &turn, sizeof turn) == sizeof turn;) turns.push_back(turn);
  ::close(ends[0]);
  for (int i = 0; i < kProcesses; ++i) {
    int status = 0;
    ::wait(&status);
    EXPECT_EQ(status, 0);
  }
  std::filesystem::remove_all(directory);
  std::ranges::sort(turns);
  ASSERT_GT(turns.size(), 50u);
  EXPECT_LE(worst_excess(turns, kRate), 1.5 + 1e-6);
}

TEST(Pace, AnIdleTimeIsNotMadeUpFor) {
  auto section = std::make_unique<QuotaSection>();
  Pace pace{Quota{.requests = 0}, 10};
  std::mt19937 random{3};
  std::vector<nanoseconds> sent;
  nanoseconds now = 1s;
  for (int burst = 0; burst < 200; ++burst) {
    now += std::chrono::milliseconds{random() % 3'000};
    for (int i = 0; i < 20; ++i) {
      if (pace.take(*section, at(now)).slot) sent.push_back(now);
      now += std::chrono::milliseconds{random() % 60};
    }
  }
  EXPECT_LE(worst_excess(sent, 10), 1.5 + 1e-6);
}

// A model of the exchange: it counts a request at some moment between its sending and its answer.
TEST(Pace, NoWindowOfTheExchangeEverHoldsMoreThanTheQuota) {
  std::mt19937 random{5};
  auto section = std::make_unique<QuotaSection>();
  const Quota quota{.requests = 30, .window = 500ms};
  Pace pace{quota, 60};  // exactly the quota's rate
  struct Flight {
    nanoseconds answer;
    std::uint64_t slot;
  };
  std::deque<Flight> flying;
  std::vector<nanoseconds> counted;
  nanoseconds now = 1s;
  const nanoseconds end = now + 60s;
  while (now < end) {
    while (!flying.empty() && flying.front().answer <= now) {
      pace.give_back(*section, flying.front().slot, at(flying.front().answer));
      flying.pop_front();
    }
    const auto turn = pace.take(*section, at(now));
    if (turn.slot) {
      const nanoseconds latency = 20ms;
      counted.push_back(now + latency * static_cast<int>(random() % 101) / 100);
      flying.push_back({now + latency, *turn.slot});
    } else {
      now = std::max(now + 100us, std::min(turn.again, now + 1ms));
    }
  }
  std::ranges::sort(counted);
  std::size_t first = 0;
  for (std::size_t i = 0; i < counted.size(); ++i) {
    while (counted[i] - counted[first] >= nanoseconds{quota.window}) ++first;
    ASSERT_LE(i - first + 1, 30u) << "at " << counted[i].count();
  }
  // One request is charged window + latency: 30 per 520 ms.
  EXPECT_GE(static_cast<double>(counted.size()), 0.95 * 60 * 30 / 0.520);
}

TEST(Pace, ARequestWithoutAnAnswerKeepsItsSlot) {
  auto section = std::make_unique<QuotaSection>();
  Pace pace{Quota{.requests = 2, .window = 1s}, 1'000};
  const auto first = pace.take(*section, at(10s));
  const auto second = pace.take(*section, at(10s + 10ms));
  ASSERT_TRUE(first.slot && second.slot);
  EXPECT_FALSE(pace.take(*section, at(30s)).slot);
  pace.give_back(*section, *first.slot, at(30s));
  const auto refused = pace.take(*section, at(30s + 1ms));
  EXPECT_FALSE(refused.slot);
  EXPECT_FALSE(refused.paused);
  EXPECT_TRUE(pace.take(*section, at(31s + 1ms)).slot);
  // Forgotten by its holder for more than five minutes: counted for one more window, then free.
  EXPECT_FALSE(pace.take(*section, at(400s)).slot);
  EXPECT_TRUE(pace.take(*section, at(402s)).slot);
}

TEST(Pace, SlotsOfADeadProcessComeBackAfterOneWindow) {
  auto section = std::make_unique<QuotaSection>();
  Pace pace{Quota{.requests = 1, .window = 1s}, 1'000};
  auto other = at(10s);
  other.process = (1u << 22) - 1;  // above the kernel's largest id: surely dead
  ASSERT_TRUE(pace.take(*section, other).slot);
  EXPECT_FALSE(pace.take(*section, at(11s)).slot);  // noticed here
  EXPECT_FALSE(pace.take(*section, at(11s + 900ms)).slot);
  EXPECT_TRUE(pace.take(*section, at(12s + 1ms)).slot);
}

TEST(Pace, ASlotIsGivenBackOnceAndOnlyByItsOwner) {
  auto section = std::make_unique<QuotaSection>();
  Pace pace{Quota{.requests = 1, .window = 1s}, 1'000};
  const auto turn = pace.take(*section, at(10s));
  ASSERT_TRUE(turn.slot);
  auto child = at(11s);
  child.process = kProcess + 1;
  pace.give_back(*section, *turn.slot, child);
  EXPECT_NE(section->slots[0].load() >> 63, 0u) << "the child of a fork must not end its parent's request";
  pace.give_back(*section, *turn.slot, at(11s));
  pace.give_back(*section, *turn.slot, at(20s));
  EXPECT_TRUE(pace.take(*section, at(12s + 1ms)).slot);
}

TEST(Pace, APauseStopsEverythingAndSaysUntilWhen) {
  auto section = std::make_unique<QuotaSection>();
  Pace pace{Quota{}, 10};
  section->pause_until_us = to_us(at(70s).wall);
  const auto turn = pace.take(*section, at(10s));
  EXPECT_FALSE(turn.slot);
  EXPECT_TRUE(turn.paused);
  EXPECT_EQ(turn.again, 70s);
  EXPECT_TRUE(pace.take(*section, at(70s)).slot);
}

TEST(Pace, MemoryThatNobodySaneWroteDoesNotStopIt) {
  auto section = std::make_unique<QuotaSection>();
  Pace pace{Quota{.requests = 4, .window = 1s}, 100};
  section->next_turn_ns = std::numeric_limits<std::int64_t>::max() / 2;
  for (auto& slot : section->slots) slot = (std::uint64_t{1} << 62);
  EXPECT_TRUE(pace.take(*section, at(10s)).slot);
  for (const auto wild : {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    section->next_turn_ns = wild;
    for (auto& slot : section->slots) slot = static_cast<std::uint64_t>(wild);
    section->pause_until_us = wild;
    EXPECT_GE(pace.take(*section, at(20s)).again, 0s);
  }
}

// Requests of 1 to 20 units against an exchange that counts them in fixed minutes, at the rate that the quota permits.
TEST(Pace, UnitsFillAFixedWindowAndNeverBreakIt) {
  std::mt19937 random{11};
  auto section = std::make_unique<QuotaSection>();
  const Quota quota{.requests = 240, .window = 6s};
  Pace pace{quota, 1e6, 40};
  struct Flight {
    nanoseconds answer;
    std::uint64_t slot;
  };
  std::deque<Flight> flying;
  std::map<std::int64_t, int> counted;  // by the exchange's window
  nanoseconds now = 1s;
  const nanoseconds end = now + 120s;
  int total = 0;
  while (now < end) {
    while (!flying.empty() && flying.front().answer <= now) {
      pace.give_back(*section, flying.front().slot, at(flying.front().answer));
      flying.pop_front();
    }
    const int units = std::array{1, 2, 2, 2, 5, 20}[static_cast<std::size_t>(total) % 6];
    const auto turn = pace.take(*section, at(now), units);
    if (turn.slot) {
      const nanoseconds latency = 20ms;
      counted[(now + latency * static_cast<int>(random() % 101) / 100) / quota.window] += units;
      flying.push_back({now + latency, *turn.slot});
      total += units;
    } else {
      now = std::max(now + 100us, std::min(turn.again, now + 1ms));
    }
  }
  for (const auto& [window, units] : counted) ASSERT_LE(units, 240) << window;
  EXPECT_GE(total, static_cast<int>(0.95 * 40 * 120));
}

TEST(Pace, ARequestOfManyUnitsIsFollowedByTheirTime) {
  auto section = std::make_unique<QuotaSection>();
  Pace pace{Quota{.requests = 100, .window = 10s}, 1e6, 10};
  EXPECT_EQ(pace.interval(), 100ms);
  EXPECT_EQ(pace.interval(5), 500ms);
  ASSERT_TRUE(pace.take(*section, at(10s), 5).slot);
  EXPECT_FALSE(pace.take(*section, at(10s + 449ms), 1).slot);
  EXPECT_TRUE(pace.take(*section, at(10s + 450ms), 1).slot) << "half of its own time early, no more";
}

TEST(Pace, AllUnitsComeBackTogetherOrNoneIsTaken) {
  auto section = std::make_unique<QuotaSection>();
  Pace pace{Quota{.requests = 5, .window = 1s}, 1'000};
  EXPECT_TRUE(pace.fits(5));
  EXPECT_FALSE(pace.fits(6));
  const auto first = pace.take(*section, at(10s), 3);
  ASSERT_TRUE(first.slot);
  EXPECT_FALSE(pace.take(*section, at(10s + 10ms), 3).slot);
  const auto second = pace.take(*section, at(10s + 10ms), 2);
  ASSERT_TRUE(second.slot) << "the failed one left nothing behind";
  pace.give_back(*section, *first.slot, at(11s));
  pace.give_back(*section, *second.slot, at(11s + 500ms));
  EXPECT_FALSE(pace.take(*section, at(12s + 1ms), 4).slot);
  EXPECT_TRUE(pace.take(*section, at(12s + 1ms), 3).slot);
}

TEST(Pace, WhatOthersUsedIsHeldForOneWindow) {
  auto section = std::make_unique<QuotaSection>();
  Pace pace{Quota{.requests = 10, .window = 60s}, 1'000};
  const auto turn = pace.take(*section, at(10s), 2);
  ASSERT_TRUE(turn.slot);
  pace.report_used(*section, *turn.slot, 9, at(11s));  // ours are two of them
  pace.give_back(*section, *turn.slot, at(11s));
  EXPECT_FALSE(pace.take(*section, at(12s), 2).slot);
  const auto last = pace.take(*section, at(12s), 1);
  ASSERT_TRUE(last.slot);
  pace.report_used(*section, *last.slot, 10, at(12s));  // nothing new
  pace.give_back(*section, *last.slot, at(12s));
  EXPECT_FALSE(pace.take(*section, at(70s), 1).slot);
  EXPECT_TRUE(pace.take(*section, at(71s + 1ms), 9).slot);
}

TEST(Pace, AReportBelowWhatWeKnowOrWithoutSenseFreesNothing) {
  auto section = std::make_unique<QuotaSection>();
  Pace pace{Quota{.requests = 4, .window = 60s}, 1'000};
  const auto turn = pace.take(*section, at(10s), 3);
  ASSERT_TRUE(turn.slot);
  for (const double used : {0.0, -5.0, 1.0, std::numeric_limits<double>::quiet_NaN()})
    pace.report_used(*section, *turn.slot, used, at(10s));
  EXPECT_FALSE(pace.take(*section, at(11s), 2).slot);
  EXPECT_TRUE(pace.take(*section, at(11s), 1).slot);
  pace.report_used(*section, *turn.slot, 1e300, at(11s));
  EXPECT_FALSE(pace.take(*section, at(12s), 1).slot);
}

TEST(Pace, RequestsThatBeganLaterAreNotInTheNumberYet) {
  auto section = std::make_unique<QuotaSection>();
  Pace pace{Quota{.requests = 10, .window = 60s}, 1'000};
  const auto first = pace.take(*section, at(10s), 2);
  const auto later = pace.take(*section, at(10s + 50ms), 2);
  ASSERT_TRUE(first.slot && later.slot);
  pace.report_used(*section, *first.slot, 4, at(10s + 100ms));  // two are another's, and ours of later come on top
  EXPECT_FALSE(pace.take(*section, at(11s), 5).slot);
  EXPECT_TRUE(pace.take(*section, at(11s), 4).slot);
}

TEST(Pace, TheQuotaMayChange) {
  auto section = std::make_unique<QuotaSection>();
  Pace pace{Quota{.requests = 2, .window = 1s}, 1e6, 2};
  EXPECT_FALSE(pace.fits(20));
  pace.set_quota({.requests = 40, .window = 1s}, 40);
  EXPECT_TRUE(pace.fits(20));
  EXPECT_EQ(pace.interval(), 25ms);
  pace.set_quota({.requests = 1e9, .window = 1s}, 1e9);
  EXPECT_TRUE(pace.fits(static_cast<int>(QuotaSection::kSlots)));
  EXPECT_FALSE(pace.fits(static_cast<int>(QuotaSection::kSlots) + 1)) << "more than the memory can count";
}

}  // namespace
}  // namespace tdm::net::detail
