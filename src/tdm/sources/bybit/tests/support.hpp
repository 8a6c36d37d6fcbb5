#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "tests/support/exchange_values.hpp"

namespace tdm::sources::bybit::testing {

using support::at;
using support::range_of;
using support::read_file;
using support::series_of;

inline std::filesystem::path recordings() { return support::recordings_of("bybit"); }

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
