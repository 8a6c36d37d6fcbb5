#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tdm/core/instrument.hpp"  // Series

namespace tdm {

enum class Channel : std::uint8_t { rest, ws, archive, import, trades };
std::string_view to_string(Channel channel);
Result<Channel> parse_channel(std::string_view text);

// open -> provisional (ended, not yet proven) -> confirmed -> revised (a confirmed value that the exchange changed).
enum class Finality : std::uint8_t { open, provisional, confirmed, revised };
std::string_view to_string(Finality finality);
Result<Finality> parse_finality(std::string_view text);

// What proves that a bar has closed, as the delivering channel knows it.
enum class CloseProof : std::uint8_t { none, exchange_flag, archive };

// A column of text with nulls, laid out as Arrow lays it out: bytes and offsets. Append only.
class TextColumn {
 public:
  TextColumn() : ends_{0} {}
  void append(std::string_view text);
  void append_null();
  void append(std::optional<std::string_view> text) { text ? append(*text) : append_null(); }
  std::optional<std::string_view> operator[](std::size_t row) const;
  bool is_null(std::size_t row) const { return !valid_[row]; }
  std::size_t size() const { return valid_.size(); }
  void reserve(std::size_t rows, std::size_t bytes);
  const std::string& bytes() const { return bytes_; }
  std::span<const std::int32_t> offsets() const { return ends_; }    // size() + 1 entries, the first is 0
  std::span<const std::uint8_t> validity() const { return valid_; }  // one byte a row, 1 = present
  std::size_t null_count() const { return nulls_; }
  bool operator==(const TextColumn&) const = default;

 private:
  std::string bytes_;
  std::vector<std::int32_t> ends_;
  std::vector<std::uint8_t> valid_;
  std::size_t nulls_ = 0;
};

// A column of numbers with nulls. `valid` is empty while no value is null.
template <class T>
struct NullableColumn {
  std::vector<T> values;
  std::vector<std::uint8_t> valid;

  void append(T value) {
    values.push_back(value);
    if (!valid.empty()) valid.push_back(1);
  }
  void append_null() {
    if (valid.empty()) valid.assign(values.size(), 1);
    values.push_back(T{});
    valid.push_back(0);
  }
  void append(const std::optional<T>& value) { value ? append(*value) : append_null(); }
  std::optional<T> at(std::size_t row) const {
    return !valid.empty() && valid[row] == 0 ? std::nullopt : std::optional<T>{values[row]};
  }
  std::size_t size() const { return values.size(); }
  bool operator==(const NullableColumn&) const = default;
};

// Observations of one series as one channel delivered them: rows of `raw_ohlcv`. Every field is the exact text that was
// sent; nothing has been judged. A field that was absent or JSON null is a null.
struct ObservationColumns {
  std::vector<TimePoint> open_time;
  TextColumn open, high, low, close, volume, quote_volume, trade_count, taker_buy_volume, taker_buy_quote_volume;
  TextColumn extra;  // the row's other fields as a JSON object, null when there are none
  std::vector<CloseProof> close_proof;
  std::vector<TimePoint> event_time;   // exchange time of the answer or message that carried the row
  std::vector<TimePoint> received_at;  // our clock
  std::vector<Channel> channel;
  std::vector<std::int64_t> ingest_id;  // the ingest run that recorded it

  std::size_t size() const { return open_time.size(); }
  bool operator==(const ObservationColumns&) const = default;
};
void append(ObservationColumns& to, const ObservationColumns& from);

// A row that never became an observation (no usable open time) or that a rule refused: `quarantine_ohlcv`.
struct Rejection {
  std::optional<TimePoint> open_time;  // nothing when the row had none
  std::string rule;                    // rule id, e.g. "S2"
  int rule_version = 1;
  std::string reason;  // for a person
  std::string raw;     // the row as it was sent (raw reference for rows that have no open time)
  std::int64_t ingest_id = 0;
  TimePoint recorded_at{};
  bool operator==(const Rejection&) const = default;
};

// Judged bars of one series, columns of `validated_ohlcv`, ordered by open_time. Prices and volumes are the nearest
// doubles; volume in base coin, quote_volume in quote currency.
struct BarColumns {
  std::vector<TimePoint> open_time;
  std::vector<double> open, high, low, close, volume;
  NullableColumn<double> quote_volume;
  NullableColumn<std::int64_t> trade_count;
  NullableColumn<double> taker_buy_volume, taker_buy_quote_volume;
  std::vector<Finality> finality;
  std::vector<std::uint32_t> quality_flags;
  std::vector<Channel> source;
  std::vector<std::int32_t> revision;  // 0 for the first value
  std::vector<TimePoint> available_at;
  std::vector<TimePoint> recorded_at;
  std::vector<std::int32_t> rule_version;  // version of the rule set that judged it

  std::size_t size() const { return open_time.size(); }
  bool operator==(const BarColumns&) const = default;
};
void append(BarColumns& to, const BarColumns& from);
void append_row(BarColumns& to, const BarColumns& from, std::size_t row);
void append_row(ObservationColumns& to, const ObservationColumns& from, std::size_t row);
// Rows [first, last) as their own columns.
BarColumns slice(const BarColumns& columns, std::size_t first, std::size_t last);

// The stored columns of a bar beyond its key, in the order of every table and file.
std::span<const std::string_view> validated_column_names();  // open_time first
std::span<const std::string_view> raw_column_names();

// One column of an answer: a typed view of memory that the Frame owns.
struct Column {
  std::string name;
  std::variant<std::span<const double>, std::span<const std::int64_t>, std::span<const std::int32_t>,
               std::span<const std::uint32_t>, std::span<const TimePoint>, const TextColumn*>
      data;
  std::span<const std::uint8_t> valid{};  // one byte a row, empty = all present (TextColumn carries its own)
};

// What a read returns: columns of equal length, the first is open_time. It may view mapped memory and owns what it
// views.
struct Frame {
  std::size_t rows = 0;
  std::vector<Column> columns;
  std::shared_ptr<const void> owner;

  const Column* find(std::string_view name) const;
};

}  // namespace tdm
