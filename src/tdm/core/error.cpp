#include "tdm/core/error.hpp"

#include <algorithm>
#include <cstdlib>
#include <numeric>

namespace tdm {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument: return "invalid_argument";
    case ErrorCode::configuration: return "configuration";
    case ErrorCode::unknown_exchange: return "unknown_exchange";
    case ErrorCode::unknown_symbol: return "unknown_symbol";
    case ErrorCode::not_found: return "not_found";
    case ErrorCode::incomplete_data: return "incomplete_data";
    case ErrorCode::backfill_required: return "backfill_required";
    case ErrorCode::rate_limited: return "rate_limited";
    case ErrorCode::unavailable: return "unavailable";
    case ErrorCode::storage_full: return "storage_full";
    case ErrorCode::corrupt_data: return "corrupt_data";
    case ErrorCode::cancelled: return "cancelled";
    case ErrorCode::internal: return "internal";
  }
  std::abort();  // not a code at all: memory is corrupt
}

bool is_retryable(ErrorCode code) { return code == ErrorCode::rate_limited || code == ErrorCode::unavailable; }

namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::vector<std::string> nearest(std::string_view text, const std::vector<std::string>& candidates, std::size_t limit) {
  // A third of the letters wrong is no typing error any more.
  const std::size_t bound = std::max<std::size_t>(2, text.size() / 3);
  std::vector<std::pair<std::size_t, std::size_t>> ranked;  // distance, and place in the list
  for (std::size_t place = 0; place < candidates.size(); ++place) {
    const auto& candidate = candidates[place];
    // Lengths alone may tell: a text of a whole page is compared with no name.
    if (std::max(text.size(), candidate.size()) - std::min(text.size(), candidate.size()) > bound) continue;
    if (const auto distance = edit_distance(text, candidate); distance <= bound) ranked.emplace_back(distance, place);
  }
  std::ranges::sort(ranked);
  std::vector<std::string> names;
  for (const auto& [distance, place] : ranked) {
    if (names.size() == limit) break;
    names.push_back(candidates[place]);
  }
  return names;
}

}  // namespace tdm
