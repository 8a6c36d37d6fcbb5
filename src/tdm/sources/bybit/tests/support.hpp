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

namespace tdm::sources::bybit::testing {

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

inline std::filesystem::path recordings() { return std::filesystem::path{TDM_SHARED_DIR} / "recordings" / "bybit"; }

// An answer of the kline family around rows as they are given, newest first or not.
inline std::string kline_answer(std::string_view rows, std::string_view time = ",\"time\":1791241091387",
                                std::string_view category = "linear") {
  std::string body = R"({"retCode":0,"retMsg":"OK","result":{"symbol":"BTCUSDT","category":")";
  body += category;
  body += R"(","list":[)";
  body += rows;
  body += R"(]},"retExtInfo":{})";
  body += time;
  body += "}";
  return body;
}

}  // namespace tdm::sources::bybit::testing
