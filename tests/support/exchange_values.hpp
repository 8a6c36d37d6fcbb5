#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "tdm/core/instrument.hpp"  // Series
#include "tdm/core/time.hpp"        // TimeRange

// What the tests of every exchange write their values with.
namespace tdm::support {

inline Series series_of(std::string_view text) {
  auto series = Series::parse(text);
  if (!series) ADD_FAILURE() << series.error().message;
  return *series;
}

inline TimePoint at(std::string_view text) {
  const auto bound = parse_time_bound(text, "time");
  if (!bound) ADD_FAILURE() << bound.error().message;
  return bound->first;
}

inline TimeRange range_of(std::string_view begin, std::string_view end) { return TimeRange::of(at(begin), at(end)); }

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

// Real answers of an exchange; the folder is not everywhere.
inline std::filesystem::path recordings_of(std::string_view exchange) {
  return std::filesystem::path{TDM_SHARED_DIR} / "recordings" / exchange;
}

}  // namespace tdm::support
