#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tdm/core/error.hpp"      // Result
#include "tdm/core/timeframe.hpp"  // Timeframe

namespace tdm::sim::bybit {

// A row of a recorded kline page: every text as it was sent.
struct RecordedRow {
  TimePoint open_time;
  std::vector<std::string> values;  // open high low close [volume turnover]
};

// One recorded answer and the request that it belongs to.
struct Recording {
  std::string endpoint;  // as in the path: kline, instruments-info, funding/history …
  std::string category;  // empty when the answer has none
  std::string symbol;    // empty when it speaks of several
  std::optional<Timeframe> timeframe{};
  std::optional<std::int64_t> limit{};  // the request's, where the name says it
  nlohmann::ordered_json result;
  std::vector<RecordedRow> rows{};  // of the kline family, newest first
};

// Nothing when the file is no REST answer of an endpoint of market data; an error when it is one that cannot be read.
Result<std::optional<Recording>> load_recording(const std::string& file);

// Bars of `timeframe` made of the rows of a shorter one that divides it: first, most, least, last, sums. Newest first,
// as the rows are.
Result<std::vector<RecordedRow>> aggregate(const std::vector<RecordedRow>& rows, Timeframe timeframe);

}  // namespace tdm::sim::bybit
