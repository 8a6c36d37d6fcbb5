#pragma once

#include <cstdint>

namespace tdm::query::detail {

// Adds doubles that stand for decimal numbers as the decimals they stand for. An exchange adds what it sends as
// decimals; doubles added one after another round a little each time, and the sum of a day's minutes would not be the
// day's volume. Each value is taken as the shortest decimal that reads back as it, and the sum is the double nearest to
// the exact total.
class DecimalSum {
 public:
  void add(double value) {
    // Almost all values have few digits: then the nearest whole number of units is proven by the way back.
    const double scaled = value * unit_ + 0.5;
    const auto units = scaled > 0 && scaled < kUnitsMax ? static_cast<std::int64_t>(scaled) : std::int64_t{0};
    if (scaled > 0 && scaled < kUnitsMax && static_cast<double>(units) / unit_ == value)
      units_ += units;
    else
      add_slowly(value);
  }
  double value() const;
  void reset();  // to zero; what was learned of the values' digits stays

 private:
  __extension__ using Int128 = __int128;
  static constexpr double kUnitsMax = 1e15;  // up to 15 digits a decimal and its double belong to each other alone

  void add_slowly(double value);
  bool add_exactly(double value);

  int places_ = 0;   // of units_: decimal places that the values seen so far needed
  double unit_ = 1;  // 10^places_
  Int128 units_ = 0;
  int fine_places_ = 0;  // of fine_: values that needed more places, or more digits
  Int128 fine_ = 0;
  bool exact_ = true;  // false: a value no decimal arithmetic could hold, the rest is in rough_
  long double rough_ = 0;
};

}  // namespace tdm::query::detail
