#include "tdm/validate/detail/encounter.hpp"
#include "tdm/validate/detail/rule.hpp"

// Rules on bars that came before: in the same batch and in the store. The store holds the nearest doubles, so those are
// compared.
namespace tdm::validate::detail {
namespace {

constexpr std::uint32_t kRevisedBit = 0x8U;

std::optional<double> value_of(const Number& number) {
  return number.is_absent() ? std::nullopt : std::optional{number.nearest()};
}

// A field that this answer lacks says nothing about what another one brought.
bool agrees(const Number& number, std::optional<double> stored) {
  return number.is_absent() || (stored.has_value() && number.nearest() == *stored);
}

bool same_values(const Sheet& sheet, std::size_t row, const BarColumns& stored, std::size_t at) {
  const auto number = [&](Field field) -> const Number& { return sheet.number(field, row); };
  const auto count = stored.trade_count.at(at);
  const auto trades = count ? std::optional{static_cast<double>(*count)} : std::nullopt;
  return number(Field::open).nearest() == stored.open[at] && number(Field::high).nearest() == stored.high[at] &&
         number(Field::low).nearest() == stored.low[at] && number(Field::close).nearest() == stored.close[at] &&
         agrees(number(Field::volume), stored.volume[at]) &&
         agrees(number(Field::quote_volume), stored.quote_volume.at(at)) &&
         agrees(number(Field::trade_count), trades) &&
         agrees(number(Field::taker_buy_volume), stored.taker_buy_volume.at(at)) &&
         agrees(number(Field::taker_buy_quote_volume), stored.taker_buy_quote_volume.at(at));
}

bool same_numbers(const ObservationColumns& rows, std::size_t a, std::size_t b) {
  for (std::size_t field = 0; field < kFields; ++field) {
    const auto& column = text_column(rows, static_cast<Field>(field));
    const auto left = column[a];
    const auto right = column[b];
    if (left == right) continue;
    const auto x = Number::parse(left);
    const auto y = Number::parse(right);
    if (!x.is_exact() || !y.is_exact() || x != y) return false;
  }
  return true;
}

// One group of equal open times: the latest answer counts. When one answer holds two that differ, nothing tells which
// is right.
void settle_group(const ObservationColumns& rows, std::span<const std::size_t> group, std::span<Repeat> repeats) {
  const auto latest = group.back();
  bool torn = false;
  for (std::size_t i = 0; i + 1 < group.size(); ++i) {
    const bool same = same_numbers(rows, group[i], latest);
    repeats[i] = same ? Repeat::same : Repeat::conflict;
    torn |= !same && rows.event_time[group[i]] == rows.event_time[latest];
  }
  if (torn)
    for (auto& repeat : repeats) repeat = Repeat::conflict;
}

}  // namespace

Encounter meet(const Sheet& sheet, std::size_t row, Finality finality, const BarColumns& stored, std::size_t at) {
  const bool was_provisional = stored.finality[at] == Finality::provisional;
  const bool is_confirmed = finality == Finality::confirmed;
  if (same_values(sheet, row, stored, at))
    return was_provisional && is_confirmed ? Encounter::confirms : Encounter::unchanged;
  if (was_provisional) return Encounter::replaces;
  return is_confirmed ? Encounter::revises : Encounter::too_young;
}

void append_bar(BarColumns& to, const Sheet& sheet, std::size_t row, const Standing& standing) {
  const auto nearest = [&](Field field) { return sheet.number(field, row).nearest(); };
  const auto& volume = sheet.number(Field::volume, row);
  const auto& trades = sheet.number(Field::trade_count, row);
  to.open_time.push_back(sheet.open_time[row]);
  to.open.push_back(nearest(Field::open));
  to.high.push_back(nearest(Field::high));
  to.low.push_back(nearest(Field::low));
  to.close.push_back(nearest(Field::close));
  to.volume.push_back(volume.is_absent() ? std::numeric_limits<double>::quiet_NaN() : volume.nearest());
  to.quote_volume.append(value_of(sheet.number(Field::quote_volume, row)));
  to.trade_count.append(trades.is_absent() ? std::nullopt : trades.as_count());
  to.taker_buy_volume.append(value_of(sheet.number(Field::taker_buy_volume, row)));
  to.taker_buy_quote_volume.append(value_of(sheet.number(Field::taker_buy_quote_volume, row)));
  to.finality.push_back(standing.finality);
  to.quality_flags.push_back(standing.quality_flags);
  to.source.push_back(sheet.rows().channel[sheet.position[row]]);
  to.revision.push_back(standing.revision);
  to.available_at.push_back(sheet.close_time[row] + sheet.context().delay);
  to.recorded_at.push_back(standing.recorded_at);
  to.rule_version.push_back(standing.rule_version);
}

std::vector<Repeat> find_repeats(const ObservationColumns& rows, std::span<const std::size_t> order) {
  std::vector<Repeat> repeats;
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first + 1;
    while (last < order.size() && rows.open_time[order[last]] == rows.open_time[order[first]]) ++last;
    if (last - first > 1) {
      if (repeats.empty()) repeats.assign(order.size(), Repeat::none);
      settle_group(rows, order.subspan(first, last - first), std::span{repeats}.subspan(first, last - first));
    }
    first = last;
  }
  return repeats;
}

std::span<const Rule> duplicate_rules() {
  static const Rule rules[] = {
      {{"D1", 1, Severity::warn, 0, "a bar that came before with the same values is kept once and counted", {}}},
      {{"D2",
        1,
        Severity::flag,
        kRevisedBit,
        "other values of a confirmed bar are a new revision; both are kept, and only a settled answer may bring them",
        {}}},
  };
  return rules;
}

}  // namespace tdm::validate::detail
