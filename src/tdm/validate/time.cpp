#include <fmt/format.h>

#include "tdm/validate/detail/finality.hpp"
#include "tdm/validate/detail/rule.hpp"

// Rules on times. All times are the exchange's; our own clock is not asked.
namespace tdm::validate::detail {
namespace {

TimePoint at_seconds(const Parameters& parameters, const char* name) {
  return TimePoint{std::chrono::seconds{static_cast<std::int64_t>(parameters.at(name))}};
}

void epoch_is_plausible(const Sheet& sheet, const Parameters& parameters, std::span<std::uint8_t> broken) {
  const auto first = at_seconds(parameters, "min_s");
  const auto after = at_seconds(parameters, "max_s");
  for (std::size_t row = 0; row < sheet.size(); ++row)
    broken[row] = !(first <= sheet.open_time[row] && sheet.open_time[row] < after);
}

std::string explain_epoch(const Sheet& sheet, std::size_t row) {
  return fmt::format("open_time {} us is no plausible time: another unit of the epoch?", to_us(sheet.open_time[row]));
}

void on_the_grid(const Sheet& sheet, const Parameters&, std::span<std::uint8_t> broken) {
  const auto timeframe = sheet.context().series.timeframe;
  for (std::size_t row = 0; row < sheet.size(); ++row) broken[row] = !timeframe.on_grid(sheet.open_time[row]);
}

std::string explain_grid(const Sheet& sheet, std::size_t row) {
  return fmt::format("open_time {} is not on the {} grid", to_iso(sheet.open_time[row]),
                     sheet.context().series.timeframe.name());
}

void not_beyond_now(const Sheet& sheet, const Parameters& parameters, std::span<std::uint8_t> broken) {
  const std::chrono::milliseconds ahead{static_cast<std::int64_t>(parameters.at("ahead_ms"))};
  for (std::size_t row = 0; row < sheet.size(); ++row)
    broken[row] = !(sheet.says_closed(row) || sheet.open_time[row] <= sheet.event_time[row] + ahead);
}

std::string explain_beyond_now(const Sheet& sheet, std::size_t row) {
  return fmt::format("open_time {} lies after the exchange's time {}", to_iso(sheet.open_time[row]),
                     to_iso(sheet.event_time[row]));
}

void has_ended(const Sheet& sheet, const Parameters&, std::span<std::uint8_t> broken) {
  for (std::size_t row = 0; row < sheet.size(); ++row) broken[row] = finality_of(sheet, row) == Finality::open;
}

void available_after_close(const Sheet& sheet, const Parameters&, std::span<std::uint8_t> broken) {
  for (std::size_t row = 0; row < sheet.size(); ++row)
    broken[row] = !(sheet.close_time[row] + sheet.context().delay >= sheet.close_time[row]);
}

std::string explain_available(const Sheet& sheet, std::size_t row) {
  return fmt::format("available {} s before its close {}", -sheet.context().delay.count(),
                     to_iso(sheet.close_time[row]));
}

void unique_open_time(const Sheet& sheet, const Parameters&, std::span<std::uint8_t> broken) {
  for (std::size_t row = 0; row < sheet.size(); ++row) broken[row] = sheet.repeat[row] == Repeat::conflict;
}

std::string explain_repeat(const Sheet& sheet, std::size_t row) {
  return fmt::format("open_time {} came more than once with other values", to_iso(sheet.open_time[row]));
}

}  // namespace

std::span<const Rule> time_rules() {
  static const Rule rules[] = {
      {{"T4",
        1,
        Severity::reject,
        0,
        "open_time is of our age, so its unit was read right",
        {{"min_s", 1'000'000'000}, {"max_s", 4'102'444'800}}},
       Freedom::none,
       epoch_is_plausible,
       explain_epoch},
      {{"T1", 1, Severity::reject, 0, "open_time is on the UTC grid of the timeframe", {}},
       Freedom::none,
       on_the_grid,
       explain_grid},
      {{"T5",
        1,
        Severity::reject,
        0,
        "open_time is not after the exchange's time, unless the exchange says that the bar has closed",
        {{"ahead_ms", 1'000}}},
       Freedom::none,
       not_beyond_now,
       explain_beyond_now},
      {{"T6",
        1,
        Severity::reject,
        0,
        "the bar has ended at exchange time, or the exchange says so; else it stays out",
        {}},
       Freedom::none,
       has_ended,
       nullptr,
       true},
      {{"T3",
        1,
        Severity::reject,
        0,
        "open_time is unique: of several answers the latest counts, of one answer none",
        {}},
       Freedom::none,
       unique_open_time,
       explain_repeat},
      {{"T10",
        1,
        Severity::reject,
        0,
        "bars are labelled by open_time and available at close_time at the earliest",
        {}},
       Freedom::none,
       available_after_close,
       explain_available},
  };
  return rules;
}

}  // namespace tdm::validate::detail
