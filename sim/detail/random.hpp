#pragma once

#include <cstdint>
#include <string_view>

namespace tdm::sim {

// Randomness without state: the same key and index give the same bits on every machine, in any order of asking.
constexpr std::uint64_t scramble(std::uint64_t bits) {  // finalizer of SplitMix64
  bits = (bits ^ (bits >> 30U)) * 0xBF58476D1CE4E5B9u;
  bits = (bits ^ (bits >> 27U)) * 0x94D049BB133111EBu;
  return bits ^ (bits >> 31U);
}

constexpr std::uint64_t random_bits(std::uint64_t key, std::uint64_t index) {
  return scramble(key + (index + 1) * 0x9E3779B97F4A7C15u);
}

constexpr std::uint64_t key_of(std::uint64_t seed, std::string_view name) {
  std::uint64_t hash = 0xCBF29CE484222325u;  // FNV-1a
  for (const char letter : name) hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001B3u;
  return scramble(seed ^ scramble(hash));
}

// [0, 1)
constexpr double uniform(std::uint64_t bits) { return static_cast<double>(bits >> 11U) * 0x1.0p-53; }

// Mean 0, deviation 1, never beyond 3.47: the sum of four uniform numbers, which needs no transcendental function.
constexpr double gauss(std::uint64_t bits) {
  const auto sum = static_cast<std::int64_t>((bits & 0xFFFFU) + ((bits >> 16U) & 0xFFFFU) + ((bits >> 32U) & 0xFFFFU) +
                                             (bits >> 48U));
  return static_cast<double>(sum - 131'070) / 37'837.2;
}

}  // namespace tdm::sim
