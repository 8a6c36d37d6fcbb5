#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/error.hpp"  // Result
#include "tdm/core/time.hpp"   // TimePoint

namespace tdm::sources::binance {

// What stands in an answer that is no data: {"code":-1121,"msg":"Invalid symbol."}, and the futures gateway's form with
// the code as text.
struct ErrorBody {
  std::optional<std::int64_t> code;  // nothing when it was sent as text
  std::string code_text;
  std::string message;
};

// Whether the body is one whole JSON array or object, and the error that it states. corrupt_data when it is not JSON.
Result<std::optional<ErrorBody>> read_error(std::string_view body);

// The columns of a row behind its open time.
namespace column {
enum Index : std::uint8_t {
  open,
  high,
  low,
  close,
  volume,  // base coin; contracts on coinm
  close_time,
  quote_volume,  // quote currency; base coin on coinm
  trades,
  taker_volume,
  taker_quote_volume,
  unused,
  count
};
}  // namespace column

// One row of a kline answer as it was sent: the text of each field, nothing judged. Views into the KlineDocument.
struct KlineRow {
  std::optional<TimePoint> open_time;                                   // nothing when the first field is no time
  std::array<std::optional<std::string_view>, column::count> values{};  // absent or null: nothing
  std::string_view close_time_json, unused_json;                        // these two as JSON, empty when absent
  std::string further;   // columns beyond these, as members of a JSON object
  std::string_view raw;  // the whole row
};

// A parsed kline answer: an array of rows. Owns the text that its rows view.
class KlineDocument {
 public:
  // corrupt_data when the text is not JSON, is cut short, or is no array.
  static Result<KlineDocument> parse(std::string_view text);
  KlineDocument(KlineDocument&&) noexcept;
  ~KlineDocument();

  std::vector<KlineRow> rows;  // in the order of the answer

 private:
  struct Text;
  explicit KlineDocument(std::unique_ptr<Text> text);
  std::unique_ptr<Text> text_;
};

}  // namespace tdm::sources::binance
