#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/bar.hpp"                // ObservationColumns
#include "tdm/validate/detail/number.hpp"  // Number
#include "tdm/validate/rules.hpp"          // Context

namespace tdm::validate::detail {

// How a row stands to others of the same open_time in its batch.
enum class Repeat : std::uint8_t {
  none,      // the only one, or the latest answer
  same,      // says what the latest answer says
  conflict,  // says something else, or nothing tells which of two is right
};

// The fields of a row that hold numbers, in the order of every table.
enum class Field : std::uint8_t {
  open,
  high,
  low,
  close,
  volume,
  quote_volume,
  trade_count,
  taker_buy_volume,
  taker_buy_quote_volume
};
inline constexpr std::size_t kFields = 9;
std::string_view name_of(Field field);
inline constexpr std::array kPrices{Field::open, Field::high, Field::low, Field::close};
inline constexpr std::array kAmounts{Field::volume, Field::quote_volume, Field::trade_count, Field::taker_buy_volume,
                                     Field::taker_buy_quote_volume};

inline bool has_volume(const Series& series) { return series.price_kind == PriceKind::last; }

// A block of observations in order of open_time with every number read once: what the rules look at. It views the rows
// it was loaded from; loading again reuses its memory, so a batch of any size needs the memory of one block.
class Sheet {
 public:
  Sheet(const ObservationColumns& rows, const Context& context) : rows_{&rows}, context_{&context} {}

  // `positions`: input rows; `repeats`: one entry each, or empty when no open_time occurs twice.
  void load(std::span<const std::size_t> positions, std::span<const Repeat> repeats);

  std::size_t size() const { return position.size(); }
  const Context& context() const { return *context_; }
  const ObservationColumns& rows() const { return *rows_; }
  const std::vector<Number>& numbers(Field field) const { return numbers_[static_cast<std::size_t>(field)]; }
  const Number& number(Field field, std::size_t row) const { return numbers(field)[row]; }

  // Proven closed by the exchange itself, whatever the times say.
  bool says_closed(std::size_t row) const { return close_proof[row] != CloseProof::none; }

  std::vector<std::size_t> position;  // in the input
  std::vector<TimePoint> open_time, close_time, event_time;
  std::vector<CloseProof> close_proof;
  std::vector<Repeat> repeat;

 private:
  const ObservationColumns* rows_;
  const Context* context_;
  std::array<std::vector<Number>, kFields> numbers_;
};

const TextColumn& text_column(const ObservationColumns& rows, Field field);

// The row as JSON for the quarantine, fields as they were sent.
std::string raw_text(const ObservationColumns& rows, std::size_t position);

// Text for a message: quoted, cut when it is long.
std::string quoted(const Number& number);

}  // namespace tdm::validate::detail
