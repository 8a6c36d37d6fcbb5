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

namespace tdm::sources::bybit {

// What stands around every REST answer.
struct Envelope {
  std::int64_t code = 0;            // retCode: only 0 is success
  std::string message;              // retMsg
  std::optional<TimePoint> time{};  // the exchange's clock; some answers lack it
};

// One row of a kline answer as it was sent: the text of each field, nothing judged. Views into the KlineDocument.
struct KlineRow {
  std::optional<TimePoint> open_time;  // nothing when the first field is no time
  std::array<std::optional<std::string_view>, 6>
      values{};          // open high low close volume turnover; absent or null: nothing
  std::string extra;     // fields beyond these as a JSON object, else empty
  std::string_view raw;  // the whole row
};

// A parsed answer of the kline family, or only its `result` (recordings). Owns the text that its rows view.
class KlineDocument {
 public:
  // corrupt_data when the text is not JSON, is cut short, or is not of this shape. An answer with an error code has no
  // rows.
  static Result<KlineDocument> parse(std::string_view text);
  KlineDocument(KlineDocument&&) noexcept;
  ~KlineDocument();

  std::optional<Envelope> envelope;  // nothing for a bare result
  std::string symbol, category;      // empty when absent
  std::vector<KlineRow> rows;        // in the order of the answer
  std::int64_t unknown_fields = 0;

 private:
  struct Text;
  explicit KlineDocument(std::unique_ptr<Text> text);
  std::unique_ptr<Text> text_;
};

// Reads retCode, retMsg and time of any answer and skips the rest. corrupt_data when it is not a JSON object with a
// retCode.
Result<Envelope> parse_envelope(std::string_view body);

}  // namespace tdm::sources::bybit
