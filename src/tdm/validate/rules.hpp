#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/bar.hpp"  // ObservationColumns, BarColumns

namespace tdm::validate {

enum class Severity : std::uint8_t { reject, flag, warn };
std::string_view to_string(Severity severity);
Result<Severity> parse_severity(std::string_view text);

// One rule as it is listed. The id is stored with every rejected bar: never renamed, never reused.
struct RuleInfo {
  std::string_view id;  // "S2"
  int version;
  Severity severity;                         // default
  std::uint32_t flag_bit;                    // set in quality_flags when the severity is flag; 0 else
  std::string_view meaning;                  // states what must hold
  std::map<std::string, double> parameters;  // names and defaults
};

struct RuleSetting {
  std::optional<bool> enabled{};
  std::optional<Severity> severity{};
  std::map<std::string, double> parameters{};
};

// What the rules must know besides the rows.
struct Context {
  Series series;
  TimeRange window;  // asked for; an empty one holds no row against it (C6, C1)
  std::chrono::seconds settle{60};
  std::chrono::seconds delay{0};   // available_at = close_time + delay for backfilled rows
  bool has_quote_volume = false;   // the channel sends one with every traded bar: S9 asks for it
  bool has_signed_prices = false;  // of a combination of contracts, which may cost less than nothing: S1 lets it
  TimePoint recorded_at{};
  std::optional<TimeRange> listing{};  // I1: a bar that overlaps it belongs to the series
  const BarColumns* stored = nullptr;  // current rows of the same keys (any subset), sorted: D1, D2
};

struct RuleCount {
  std::string rule;
  std::int64_t count = 0;
  bool operator==(const RuleCount&) const = default;
};

// The outcome for one batch. Every input row is in exactly one of: accepted, unchanged (D1), rejected, still_open.
struct Judgement {
  BarColumns accepted;  // new rows and revisions (D2), by open_time
  std::vector<Rejection> rejected;
  std::vector<std::size_t> still_open;  // input rows that have not ended at exchange time: never recorded as closed
  std::int64_t unchanged = 0;
  std::vector<RuleCount> counts;  // by rule, flags and warnings included
};

// Pure functions over columns. Compares exact decimals, never doubles.
class RuleSet {
 public:
  // Unknown ids and parameters are invalid_argument with the nearest.
  static Result<RuleSet> make(const std::map<std::string, RuleSetting>& settings);
  static std::span<const RuleInfo> catalogue();
  static constexpr std::int32_t kVersion = 1;  // of the set; stored as rule_version

  // `rows`: closed or open observations of context.series, any order. event_time is the exchange's time per row.
  Judgement judge(const ObservationColumns& rows, const Context& context) const;

 private:
  explicit RuleSet(std::vector<std::pair<const RuleInfo*, RuleSetting>> active);
  std::vector<std::pair<const RuleInfo*, RuleSetting>> active_;
};

}  // namespace tdm::validate
