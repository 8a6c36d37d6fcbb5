#include "tdm/query/detail/frames.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <type_traits>

#include "tdm/query/detail/frame_builder.hpp"  // FrameBuilder

namespace tdm::query::detail {
namespace {

constexpr std::string_view kDefaultColumns[] = {"open", "high", "low", "close", "volume"};
constexpr std::string_view kCloseTime = "close_time";

std::vector<TimePoint> close_times(std::span<const TimePoint> open_times, const Grid& grid) {
  std::vector<TimePoint> times(open_times.size());
  std::ranges::transform(open_times, times.begin(), [&](TimePoint time) { return grid.close_of(time); });
  return times;
}

TextColumn rows_of(const TextColumn& text, std::size_t first, std::size_t last) {
  TextColumn rows;
  for (std::size_t row = first; row < last; ++row) rows.append(text[row]);
  return rows;
}

// ---- filling

constexpr std::size_t kMade = std::numeric_limits<std::size_t>::max();

// For each slot the row that stands there, or kMade.
std::vector<std::size_t> row_of_slots(std::span<const TimePoint> times, const std::vector<TimePoint>& slots) {
  std::vector<std::size_t> rows(slots.size(), kMade);
  std::size_t row = 0;
  for (std::size_t slot = 0; slot < slots.size(); ++slot)
    if (row < times.size() && times[row] == slots[slot]) rows[slot] = row++;
  return rows;
}

bool is_price(std::string_view name) { return name == "open" || name == "high" || name == "low" || name == "close"; }

bool is_amount(std::string_view name) {
  return name == "volume" || name == "quote_volume" || name == "trade_count" || name == "taker_buy_volume" ||
         name == "taker_buy_quote_volume";
}

// The close that each made slot carries on; NaN where there is none to carry.
std::vector<double> carried_closes(const std::vector<std::size_t>& rows, std::span<const double> close,
                                   std::optional<double> before) {
  std::vector<double> carried(rows.size());
  double last = before.value_or(std::numeric_limits<double>::quiet_NaN());
  for (std::size_t slot = 0; slot < rows.size(); ++slot) {
    if (rows[slot] != kMade) last = close[rows[slot]];
    carried[slot] = last;
  }
  return carried;
}

// A column of numbers with its made rows. `made(slot)` is the value of a made row, nothing = null.
template <class T, class Made>
void spread(FrameBuilder& builder, const Column& column, std::span<const T> values,
            const std::vector<std::size_t>& rows, Made made) {
  std::vector<T> out(rows.size());
  std::vector<std::uint8_t> valid(rows.size(), 1);
  bool nulls = false;
  for (std::size_t slot = 0; slot < rows.size(); ++slot) {
    const auto row = rows[slot];
    const bool present = row != kMade && (column.valid.empty() || column.valid[row] != 0);
    const std::optional<T> value = row == kMade ? made(slot) : present ? std::optional<T>{values[row]} : std::nullopt;
    out[slot] = value.value_or(T{});
    valid[slot] = value ? 1 : 0;
    nulls = nulls || !value;
  }
  if (!nulls) valid.clear();
  builder.add(column.name, std::move(out), std::move(valid));
}

void spread(FrameBuilder& builder, const Column& column, const TextColumn& text, const std::vector<std::size_t>& rows) {
  TextColumn out;
  for (const auto row : rows) row == kMade ? out.append_null() : out.append(text[row]);
  builder.add(column.name, std::move(out));
}

}  // namespace

std::span<const TimePoint> open_times(const Frame& frame) {
  return std::get<std::span<const TimePoint>>(frame.columns.front().data);
}

Result<Selection> select(const std::vector<std::string>& asked, Layer layer) {
  const auto known = layer == Layer::validated ? validated_column_names() : raw_column_names();
  std::vector<std::string> names{known.begin(), known.end()};
  names.emplace_back(kCloseTime);

  Selection selection;
  const auto take = [&](const std::string& name) {
    if (name != "open_time" && std::ranges::find(selection.answer, name) == selection.answer.end())
      selection.answer.push_back(name);
  };
  if (asked.empty())
    for (const auto name : kDefaultColumns) take(std::string{name});
  for (const auto& name : asked) {
    if (name == "all") {
      for (const auto& each : names) take(each);
    } else if (std::ranges::find(names, name) != names.end()) {
      take(name);
    } else {
      auto suggestions = nearest(name, names);
      return fail(ErrorCode::invalid_argument,
                  fmt::format("columns: there is no column '{}' in layer {}", name.substr(0, 64),
                              layer == Layer::validated ? "validated" : "raw"),
                  "columns", std::move(suggestions));
    }
  }
  for (const auto& name : selection.answer)
    if (name != kCloseTime) selection.stored.push_back(name);
  // An empty list would ask the store for everything.
  if (selection.stored.empty()) selection.stored.emplace_back("open_time");
  return selection;
}

Frame arrange(const Frame& base, const std::vector<std::string>& answer, const Grid& grid) {
  FrameBuilder builder{base.rows};
  builder.view(base.columns.front());
  for (const auto& name : answer) {
    if (const auto* column = base.find(name))
      builder.view(*column);
    else if (name == kCloseTime)
      builder.add(name, close_times(open_times(base), grid));
  }
  return builder.build(base.owner);
}

Frame rows_of(const Frame& base, std::size_t first, std::size_t last) {
  FrameBuilder builder{last - first};
  for (const auto& column : base.columns) {
    std::visit(
        [&]<class Data>(const Data& data) {
          if constexpr (std::is_same_v<Data, const TextColumn*>) {
            builder.add(column.name, rows_of(*data, first, last));
          } else {
            const auto valid = column.valid.empty() ? column.valid : column.valid.subspan(first, last - first);
            builder.view(Column{column.name, data.subspan(first, last - first), valid});
          }
        },
        column.data);
  }
  return builder.build(base.owner);
}

Frame fill(const Frame& base, const std::vector<TimePoint>& slots, Fill how, std::optional<double> before) {
  const auto rows = row_of_slots(open_times(base), slots);
  const auto carried = carried_closes(rows, std::get<std::span<const double>>(base.find("close")->data), before);

  FrameBuilder builder{slots.size()};
  builder.add("open_time", slots);
  for (const auto& column : base.columns) {
    if (column.name == "open_time") continue;
    std::visit(
        [&]<class Data>(const Data& data) {
          if constexpr (std::is_same_v<Data, const TextColumn*>) {
            spread(builder, column, *data, rows);
          } else {
            using T = std::remove_const_t<typename Data::element_type>;
            spread(builder, column, data, rows, [&](std::size_t slot) -> std::optional<T> {
              const bool carries = how == Fill::ffill && carried[slot] == carried[slot];
              if (carries && is_amount(column.name)) return T{};
              if constexpr (std::is_same_v<T, double>) {
                if (is_price(column.name)) return carries ? carried[slot] : std::numeric_limits<double>::quiet_NaN();
                if (column.name == "volume") return std::numeric_limits<double>::quiet_NaN();
              }
              return std::nullopt;
            });
          }
        },
        column.data);
  }
  std::vector<std::uint32_t> filled(slots.size());
  std::ranges::transform(rows, filled.begin(), [](std::size_t row) { return row == kMade ? 1u : 0u; });
  builder.add("filled", std::move(filled));
  return builder.build(base.owner);
}

}  // namespace tdm::query::detail
