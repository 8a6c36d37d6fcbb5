#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/error.hpp"  // Result
#include "tdm/core/time.hpp"   // TimePoint

namespace tdm::sources::deribit {

// A JSON-RPC error.
struct RpcError {
  std::int64_t code = 0;
  std::string message;
  std::string reason, parameter;                    // data.reason, data.param
  std::optional<std::chrono::milliseconds> wait{};  // data.wait, seconds on the wire
};

// What stands around every REST answer. Keys come in any order.
struct Envelope {
  std::optional<RpcError> error{};
  bool has_result = false;
  // usIn: the answer was put together after it, so whatever it says was true then or later. Nothing when absent.
  std::optional<TimePoint> time{};
};

// Which column of a chart answer.
enum class ChartColumn : std::uint8_t { ticks, open, high, low, close, volume, cost };
inline constexpr std::array<std::string_view, 7> kChartColumns{"ticks", "open",   "high", "low",
                                                               "close", "volume", "cost"};

// A parsed answer of get_tradingview_chart_data, or only its `result` (recordings): one column per field, the text of
// each value as it was sent, nothing judged. Owns the text that its values view.
class ChartDocument {
 public:
  using Values = std::vector<std::optional<std::string_view>>;  // null: nothing

  // corrupt_data when the text is not JSON, is cut short, or is not of this shape; columns of unequal length are not.
  // An answer with an error has no rows.
  static Result<ChartDocument> parse(std::string_view text);
  ChartDocument(ChartDocument&&) noexcept;
  ~ChartDocument();

  std::size_t rows() const { return columns[0].size(); }
  std::optional<std::string_view> value(ChartColumn column, std::size_t row) const {
    return columns[static_cast<std::size_t>(column)][row];
  }
  std::optional<TimePoint> open_time(std::size_t row) const;  // nothing when the tick is no time
  // The row as a JSON object.
  std::string row_text(std::size_t row) const;

  std::optional<Envelope> envelope{};  // nothing for a bare result
  std::array<Values, kChartColumns.size()> columns{};
  std::int64_t unknown_fields = 0;

 private:
  friend class ChartReader;
  struct Text;
  explicit ChartDocument(std::unique_ptr<Text> text);
  std::unique_ptr<Text> text_;
};

// Reads the envelope of any answer and skips the result. corrupt_data when it is not a JSON object with a result or an
// error.
Result<Envelope> parse_envelope(std::string_view body);

}  // namespace tdm::sources::deribit
