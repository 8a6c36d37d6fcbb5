#include "tdm/query/detail/derive.hpp"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <span>
#include <string_view>

#include "tdm/query/detail/decimal_sum.hpp"    // DecimalSum
#include "tdm/query/detail/frame_builder.hpp"  // FrameBuilder
#include "tdm/query/detail/frames.hpp"         // open_times

namespace tdm::query::detail {
namespace {

constexpr std::string_view kCount = "trade_count";

// The parts of one bar: rows [first, last).
struct Group {
  TimePoint open_time;
  TimePoint close_time;
  std::size_t first;
  std::size_t last;
};
using Groups = std::vector<Group>;

bool is_extreme(std::string_view name) { return name == "open" || name == "high" || name == "low"; }

// ---- which parts make a bar

class Grouping {
 public:
  Grouping(std::span<const TimePoint> times, const Derivation& derivation) : times_{times}, how_{derivation} {}

  Groups whole_groups() {
    Groups groups;
    for (std::size_t row = 0; row < times_.size();) {
      Group group{how_.grid.open_of(times_[row]), {}, row, row};
      group.close_time = how_.grid.close_of(group.open_time);
      const auto expected = static_cast<std::size_t>(how_.part.count(TimeRange::of(group.open_time, group.close_time)));
      row = group.last = end_of(group, expected);
      if (is_unbroken(group, expected) || is_excused(group)) groups.push_back(group);
    }
    return groups;
  }

 private:
  std::size_t end_of(const Group& group, std::size_t expected) const {
    const auto guess = group.first + expected;
    if (guess <= times_.size() && times_[guess - 1] < group.close_time &&
        (guess == times_.size() || times_[guess] >= group.close_time))
      return guess;
    const auto rest = times_.subspan(group.first);
    return group.first + static_cast<std::size_t>(std::ranges::lower_bound(rest, group.close_time) - rest.begin());
  }

  bool is_unbroken(const Group& group, std::size_t expected) const {
    if (group.last - group.first != expected) return false;
    const auto rows = times_.subspan(group.first, expected);
    const Micros length = how_.part.nominal_length();  // parts are no months
    return rows.front() == group.open_time &&
           std::ranges::adjacent_find(rows, [&](TimePoint a, TimePoint b) { return b - a != length; }) == rows.end();
  }

  bool is_excused(const Group& group) const {
    auto row = group.first;
    for (auto part = group.open_time; part < group.close_time; part = how_.part.close_of(part)) {
      if (row < group.last && times_[row] == part)
        ++row;
      else if (!excuses(part))
        return false;
    }
    return row == group.last;  // a part off its grid is none
  }

  bool excuses(TimePoint part) const {
    const auto after = std::ranges::upper_bound(how_.excused, part, {}, &TimeRange::begin);
    return after != how_.excused.begin() && std::prev(after)->contains(part);
  }

  std::span<const TimePoint> times_;
  const Derivation& how_;
};

// ---- what a bar's values are

// For open, high and low: the rows of a group whose prices count.
class Traded {
 public:
  Traded(const Frame& parts, std::string_view traded_by) {
    const auto* column = traded_by.empty() ? nullptr : parts.find(traded_by);
    if (column == nullptr) return;
    skips_ = true;
    valid_ = column->valid;
    if (const auto* counts = std::get_if<std::span<const std::int64_t>>(&column->data))
      counts_ = *counts;
    else
      volumes_ = std::get<std::span<const double>>(column->data);
  }

  // True when some part of the group has no trade and another has.
  bool differ(const Group& group) const {
    bool untraded = false, traded = false;
    for (auto row = group.first; row < group.last && skips_; ++row) (counts(row) ? traded : untraded) = true;
    return untraded && traded;
  }
  bool counts(std::size_t row) const {
    if (!valid_.empty() && valid_[row] == 0) return true;
    return counts_.empty() ? volumes_[row] != 0 : counts_[row] != 0;
  }

 private:
  bool skips_ = false;
  std::span<const std::int64_t> counts_{};
  std::span<const double> volumes_{};
  std::span<const std::uint8_t> valid_{};
};

template <class T, class Of>
std::vector<T> each(const Groups& groups, Of of) {
  std::vector<T> values;
  values.reserve(groups.size());
  for (const auto& group : groups) values.push_back(of(group));
  return values;
}

// `take(value, next)` joins the values of the parts that count, in their order.
template <class Take>
std::vector<double> joined(const Groups& groups, std::span<const double> values, const Traded& traded, Take take) {
  return each<double>(groups, [&](const Group& group) {
    auto row = group.first;
    if (!traded.differ(group)) {
      double value = values[row];
      while (++row < group.last) value = take(value, values[row]);
      return value;
    }
    while (!traded.counts(row)) ++row;
    double value = values[row];
    while (++row < group.last)
      if (traded.counts(row)) value = take(value, values[row]);
    return value;
  });
}

bool has_null(const Group& group, std::span<const std::uint8_t> valid) {
  return !valid.empty() && std::ranges::find(valid.subspan(group.first, group.last - group.first), 0) !=
                               valid.begin() + static_cast<std::ptrdiff_t>(group.last);
}

template <class T, class Sum>
void add_sums(FrameBuilder& builder, const Column& column, const Groups& groups, Sum sum) {
  std::vector<std::uint8_t> valid;
  std::vector<T> values(groups.size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (has_null(groups[i], column.valid)) {
      if (valid.empty()) valid.assign(groups.size(), 1);
      valid[i] = 0;
      continue;
    }
    values[i] = sum(groups[i]);
  }
  builder.add(column.name, std::move(values), std::move(valid));
}

void add_amounts(FrameBuilder& builder, const Column& column, const Groups& groups) {
  const auto values = std::get<std::span<const double>>(column.data);
  DecimalSum sum;
  add_sums<double>(builder, column, groups, [&](const Group& group) {
    sum.reset();
    for (auto row = group.first; row < group.last; ++row) sum.add(values[row]);
    return sum.value();
  });
}

void add_counts(FrameBuilder& builder, const Column& column, const Groups& groups) {
  const auto values = std::get<std::span<const std::int64_t>>(column.data);
  add_sums<std::int64_t>(builder, column, groups, [&](const Group& group) {
    std::int64_t sum = 0;
    for (auto row = group.first; row < group.last; ++row) sum += values[row];
    return sum;
  });
}

template <class T, class Join>
void add_joined(FrameBuilder& builder, const Column& column, const Groups& groups, Join join) {
  const auto values = std::get<std::span<const T>>(column.data);
  builder.add(column.name, each<T>(groups, [&](const Group& group) {
                auto value = values[group.first];
                for (auto row = group.first + 1; row < group.last; ++row) value = join(value, values[row]);
                return value;
              }));
}

void add_finality(FrameBuilder& builder, const Column& column, const Groups& groups) {
  const auto& words = *std::get<const TextColumn*>(column.data);
  // From the least final; a revision of a part is one of the bar.
  constexpr Finality kOrder[] = {Finality::open, Finality::provisional, Finality::revised, Finality::confirmed};
  const auto rank = [&](std::size_t row) {
    const auto found =
        std::ranges::find(kOrder, words[row].value_or(""), [](Finality each) { return to_string(each); });
    if (found == std::end(kOrder)) std::abort();  // no store gives another word
    return found;
  };
  TextColumn least;
  for (const auto& group : groups) {
    auto at = rank(group.first);
    for (auto row = group.first + 1; row < group.last; ++row)
      if (words[row] != to_string(*at)) at = std::min(at, rank(row));
    least.append(to_string(*at));
  }
  builder.add(column.name, std::move(least));
}

void add_last_words(FrameBuilder& builder, const Column& column, const Groups& groups) {
  const auto& words = *std::get<const TextColumn*>(column.data);
  TextColumn last;
  for (const auto& group : groups) last.append(words[group.last - 1]);
  builder.add(column.name, std::move(last));
}

void add_available(FrameBuilder& builder, const Column& column, const Groups& groups) {
  const auto values = std::get<std::span<const TimePoint>>(column.data);
  builder.add(column.name, each<TimePoint>(groups, [&](const Group& group) {
                auto latest = group.close_time;  // the last part may be an excused one
                for (auto row = group.first; row < group.last; ++row) latest = std::max(latest, values[row]);
                return latest;
              }));
}

void add_column(FrameBuilder& builder, const Column& column, const Groups& groups, const Traded& traded) {
  const auto& name = column.name;
  const auto prices = [&] { return std::get<std::span<const double>>(column.data); };
  const auto larger = [](const auto& a, const auto& b) { return std::max(a, b); };
  if (name == "open") {
    builder.add(name, joined(groups, prices(), traded, [](double first, double) { return first; }));
  } else if (name == "high") {
    builder.add(name, joined(groups, prices(), traded, larger));
  } else if (name == "low") {
    builder.add(name, joined(groups, prices(), traded, [](double a, double b) { return std::min(a, b); }));
  } else if (name == "close") {
    builder.add(name, each<double>(groups, [&](const Group& group) { return prices()[group.last - 1]; }));
  } else if (name == kCount) {
    add_counts(builder, column, groups);
  } else if (name == "finality") {
    add_finality(builder, column, groups);
  } else if (name == "quality_flags") {
    add_joined<std::uint32_t>(builder, column, groups, std::bit_or{});
  } else if (name == "source") {
    add_last_words(builder, column, groups);
  } else if (name == "revision") {
    add_joined<std::int32_t>(builder, column, groups, std::plus{});  // a value for each that a part has had
  } else if (name == "available_at") {
    add_available(builder, column, groups);
  } else if (name == "recorded_at") {
    add_joined<TimePoint>(builder, column, groups, larger);
  } else if (name == "rule_version") {
    add_joined<std::int32_t>(builder, column, groups, larger);
  } else {
    add_amounts(builder, column, groups);
  }
}

}  // namespace

std::vector<std::string> columns_of_parts(const std::vector<std::string>& columns, const Derivation& derivation) {
  auto names = columns;
  const bool looked_at = !derivation.traded_by.empty() && std::ranges::any_of(columns, is_extreme);
  if (looked_at && std::ranges::find(names, derivation.traded_by) == names.end())
    names.emplace_back(derivation.traded_by);
  return names;
}

Frame derive(const Frame& parts, const std::vector<std::string>& columns, const Derivation& derivation) {
  const auto groups = Grouping{open_times(parts), derivation}.whole_groups();
  const Traded traded{parts, derivation.traded_by};
  FrameBuilder builder{groups.size()};
  builder.add("open_time", each<TimePoint>(groups, [](const Group& group) { return group.open_time; }));
  for (const auto& name : columns) {
    if (name == "open_time") continue;
    if (const auto* column = parts.find(name)) add_column(builder, *column, groups, traded);
  }
  return builder.build(nullptr);
}

}  // namespace tdm::query::detail
