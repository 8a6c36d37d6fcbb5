#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/instrument.hpp"       // PriceKind
#include "tdm/core/timeframe.hpp"        // Timeframe
#include "tdm/sources/decode_lines.hpp"  // Events, Line
#include "tdm/sources/page_rows.hpp"     // SentRow

// How the bars of a recording are written, whichever exchange they are of.
namespace tdm::sources {

// The length of recorded bars: a timeframe of ours, or one that only the exchange has.
class BarLength {
 public:
  explicit BarLength(Timeframe timeframe) : name_{timeframe.name()}, timeframe_{timeframe} {}
  // Open times are multiples of `grid`.
  BarLength(std::string_view name, Micros length, Micros grid) : name_{name}, length_{length}, grid_{grid} {}

  const std::string& name() const { return name_; }
  TimePoint close_of(TimePoint open_time) const;
  bool on_grid(TimePoint open_time) const;

 private:
  std::string name_;
  std::optional<Timeframe> timeframe_;
  Micros length_{}, grid_{1};
};

// What the bars of a document belong to. What neither it nor the request says is assumed, and named as that; a symbol
// that nobody says is null.
struct BarMeaning {
  std::string market{}, symbol{};
  PriceKind price_kind = PriceKind::last;
  std::optional<BarLength> length{};  // known when bars are written
  std::string_view channel{};
  std::vector<std::string> assumed{};
};

// A bar's line up to its close time; the caller adds the columns.
Line begin_bar(const Events& events, const BarMeaning& meaning, TimePoint open_time);

// The bar, or the error that says why the row is none: no time on the grid, or a field that a bar cannot have.
void emit_bar(const Events& events, const BarMeaning& meaning, const SentRow& row, bool closed);
// All of them, oldest first. Closed is what ends before `now`, the exchange's clock at its answer, or what a later row
// follows.
void emit_bars(const Events& events, const BarMeaning& meaning, std::span<const SentRow> rows,
               std::optional<TimePoint> now);

void emit_empty_list(const Events& events, std::string_view market, std::string_view symbol);

}  // namespace tdm::sources
