#pragma once

#include <optional>
#include <vector>

#include "tdm/store/store.hpp"  // Manifest

namespace tdm::query::detail {

// From the first bar that is stored to the end of the last one; nothing when there is none.
inline std::optional<TimeRange> held(const store::Manifest& manifest) {
  if (manifest.looked.empty()) return std::nullopt;
  std::vector<TimeRange> holes;
  holes.reserve(manifest.gaps.size());
  for (const auto& gap : manifest.gaps) holes.push_back(gap.range);
  std::optional<TimeRange> whole;
  for (const auto looked : manifest.looked)
    for (const auto part : subtract(looked, holes))
      whole = TimeRange::of(whole ? whole->begin() : part.begin(), part.end());
  return whole;
}

}  // namespace tdm::query::detail
