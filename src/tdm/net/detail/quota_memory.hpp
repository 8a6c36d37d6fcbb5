#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "tdm/core/error.hpp"  // Result

namespace tdm::net::detail {

// What all processes on one store remember about one exchange: plain atomics in mapped memory, each of which is
// meaningful by itself. No lock, so a process that is killed at any instruction leaves nothing behind that another
// would have to wait for.
struct QuotaSection {
  static constexpr std::size_t kSlots = 8'192;

  std::array<char, 32> name{};                  // exchange, zero-padded; all zero: free
  std::atomic<std::int64_t> next_turn_ns{0};    // steady clock: where the even pace has got to
  std::atomic<std::int64_t> pause_until_us{0};  // wall clock, so that it outlives a restart of the machine
  // One per request that the exchange may still count. 0: free; else see Pace.
  std::array<std::atomic<std::uint64_t>, kSlots> slots{};
};
static_assert(std::atomic<std::int64_t>::is_always_lock_free && std::atomic<std::uint64_t>::is_always_lock_free);

class QuotaMemory {
 public:
  // The section `name` of the file, which is made, or made anew when it is not one of ours or was cut. Steady-clock
  // values of an earlier boot are forgotten, pauses are not.
  static Result<std::unique_ptr<QuotaMemory>> map(const std::string& file, std::string_view name);
  // Memory of this process alone.
  static std::unique_ptr<QuotaMemory> local();

  ~QuotaMemory();
  QuotaMemory(const QuotaMemory&) = delete;
  QuotaMemory& operator=(const QuotaMemory&) = delete;

  QuotaSection& section() { return *section_; }

 private:
  QuotaMemory() = default;
  void* mapping_ = nullptr;
  std::unique_ptr<QuotaSection> own_;
  QuotaSection* section_ = nullptr;
};

}  // namespace tdm::net::detail
