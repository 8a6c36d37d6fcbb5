#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

#include "tdm/core/decimal.hpp"  // Decimal

namespace tdm::validate::detail {

// One field of a row, read once: the exact value for the rules, the nearest double for the store. Text of up to 18
// digits, which is all that exchanges send in practice, becomes a scaled integer without allocating; anything longer
// keeps its text and is compared as Decimal. A view: the text outlives it.
class Number {
 public:
  enum class State : std::uint8_t {
    absent,      // no such field, or JSON null
    malformed,   // not a number, or one that cannot be held exactly
    not_finite,  // NaN, Infinity, or beyond every double
    exact,
  };

  Number() = default;
  static Number parse(std::optional<std::string_view> text);

  State state() const { return state_; }
  bool is_exact() const { return state_ == State::exact; }
  bool is_absent() const { return state_ == State::absent; }
  std::string_view text() const { return text_; }

  // The rest needs is_exact().
  double nearest() const { return nearest_; }
  int sign() const;                              // -1, 0 or 1
  std::optional<std::int64_t> as_count() const;  // nothing when it is no whole number or does not fit
  Decimal decimal() const;
  friend std::strong_ordering operator<=>(const Number& a, const Number& b);
  friend bool operator==(const Number& a, const Number& b) { return (a <=> b) == 0; }

 private:
  bool parse_plain();
  void parse_any();

  std::string_view text_;
  std::int64_t coefficient_ = 0;  // value = coefficient x 10^-scale while it is small
  double nearest_ = 0;
  std::uint8_t scale_ = 0;
  bool small_ = false;
  State state_ = State::absent;
};

}  // namespace tdm::validate::detail
