#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/instrument.hpp"  // Series
#include "tdm/core/time.hpp"        // TimeRange

namespace tdm::sources::deribit::testing {

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

inline std::filesystem::path recordings() { return std::filesystem::path{TDM_SHARED_DIR} / "recordings" / "deribit"; }

// An answer with this result, as HTTP GET gives it: no id.
inline std::string answer(std::string_view result, std::string_view time = "\"usIn\":1766487086141005,") {
  std::string body = R"({"jsonrpc":"2.0","result":)";
  body += result;
  body += ",";
  body += time;
  body += R"("usOut":1766487086146245,"usDiff":5240,"testnet":false})";
  return body;
}

}  // namespace tdm::sources::deribit::testing
