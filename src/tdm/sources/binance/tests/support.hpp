#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/instrument.hpp"  // Series
#include "tdm/core/time.hpp"        // TimeRange

namespace tdm::sources::binance::testing {

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

inline std::filesystem::path recordings() { return std::filesystem::path{TDM_SHARED_DIR} / "recordings" / "binance"; }

// The bodies of a session's recording: lines of "URL -> <receive time>: <body>" or "<receive time>: <body>".
inline std::vector<std::string> bodies_of(const std::filesystem::path& file) {
  std::ifstream lines{file};
  std::vector<std::string> bodies;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("configuration:") || line.contains(" <-> ")) continue;
    const auto start = line.find(": ");
    if (start != std::string::npos) bodies.push_back(line.substr(start + 2));
  }
  return bodies;
}

}  // namespace tdm::sources::binance::testing
