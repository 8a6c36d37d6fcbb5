#include "tdm/validate/rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "tdm/validate/detail/encounter.hpp"
#include "tdm/validate/detail/finality.hpp"
#include "tdm/validate/detail/rule.hpp"

namespace tdm::validate {

using detail::all_rules;
using detail::Encounter;
using detail::Freedom;
using detail::Repeat;
using detail::Rule;
using detail::Sheet;

namespace {

constexpr std::size_t kBlockRows = 256;  // its numbers stay in the processor's second cache

std::vector<std::string> rule_ids() {
  std::vector<std::string> ids;
  for (const auto& rule : all_rules()) ids.emplace_back(rule.info.id);
  return ids;
}

Result<void> check_freedom(const Rule& rule, const RuleSetting& setting) {
  const auto& info = rule.info;
  const auto path = fmt::format("validation.rules.{}", info.id);
  if (rule.freedom == Freedom::none && setting.enabled == false)
    return fail(ErrorCode::invalid_argument, fmt::format("rule {} cannot be turned off: {}", info.id, info.meaning),
                path);
  if (!setting.severity || *setting.severity == info.severity) return {};
  if (rule.freedom == Freedom::row) return {};
  return fail(ErrorCode::invalid_argument,
              fmt::format("rule {} has the severity {} and no other", info.id, to_string(info.severity)),
              path + ".severity", {std::string{to_string(info.severity)}});
}

Result<void> check_parameters(const RuleInfo& info, const RuleSetting& setting) {
  for (const auto& [name, value] : setting.parameters) {
    const auto path = fmt::format("validation.rules.{}.{}", info.id, name);
    if (!info.parameters.contains(name)) {
      std::vector<std::string> names;
      names.reserve(info.parameters.size());
      for (const auto& [known, ignored] : info.parameters) names.push_back(known);
      return fail(ErrorCode::invalid_argument, fmt::format("rule {} has no parameter \"{}\"", info.id, name), path,
                  nearest(name, names));
    }
    // Parameters count milliseconds and seconds: beyond this none makes sense and none fits a time.
    constexpr double kLargest = 1e11;
    if (!(std::abs(value) <= kLargest))
      return fail(ErrorCode::invalid_argument,
                  fmt::format("parameter {} of rule {} is not a number within 1e11", name, info.id), path);
  }
  return {};
}

// The setting with every default filled in.
RuleSetting complete(const RuleInfo& info, const RuleSetting& setting) {
  RuleSetting full{setting.enabled.value_or(true), setting.severity.value_or(info.severity), info.parameters};
  for (const auto& [name, value] : setting.parameters) full.parameters[name] = value;
  return full;
}

std::size_t index_of(const RuleInfo* info) { return static_cast<std::size_t>(info - RuleSet::catalogue().data()); }

// Input rows by open_time, of one key the latest answer last.
std::vector<std::size_t> order_of(const ObservationColumns& rows) {
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto before = [&](std::size_t a, std::size_t b) {
    return std::tie(rows.open_time[a], rows.event_time[a], a) < std::tie(rows.open_time[b], rows.event_time[b], b);
  };
  if (!std::is_sorted(order.begin(), order.end(), before)) std::sort(order.begin(), order.end(), before);
  return order;
}

// Judges one batch, block by block, and collects where each row went.
class Bench {
 public:
  Bench(std::span<const std::pair<const RuleInfo*, RuleSetting>> active, const ObservationColumns& rows,
        const Context& context)
      : active_{active}, context_{context}, sheet_{rows, context}, counts_(all_rules().size(), 0) {}

  void judge(std::span<const std::size_t> positions, std::span<const Repeat> repeats) {
    sheet_.load(positions, repeats);
    refused_by_.fill(nullptr);
    flags_.fill(0);
    for (const auto& [info, setting] : active_) ask(all_rules()[index_of(info)], setting);
    for (std::size_t row = 0; row < sheet_.size(); ++row) place(row);
  }

  Judgement finish(const ObservationColumns& rows) && {
    if (std::any_of(active_.begin(), active_.end(), [](const auto& rule) { return rule.first->id == "C1"; }))
      counter(all_there_) = missing(rows);
    for (std::size_t i = 0; i < counts_.size(); ++i)
      if (counts_[i] > 0) out_.counts.push_back({std::string{all_rules()[i].info.id}, counts_[i]});
    std::sort(out_.still_open.begin(), out_.still_open.end());
    return std::move(out_);
  }

 private:
  std::int64_t& counter(const Rule& rule) { return counts_[static_cast<std::size_t>(&rule - all_rules().data())]; }

  // A row that a rule has refused is not asked again: the first reason stands.
  void ask(const Rule& rule, const RuleSetting& setting) {
    if (rule.check == nullptr) return;
    const std::span broken{broken_.data(), sheet_.size()};
    std::fill(broken.begin(), broken.end(), std::uint8_t{0});
    rule.check(sheet_, setting.parameters, broken);
    for (std::size_t row = 0; row < broken.size(); ++row) {
      if (broken[row] == 0 || refused_by_[row] != nullptr) continue;
      ++counter(rule);
      if (setting.severity == Severity::reject) refused_by_[row] = &rule;
      if (setting.severity == Severity::flag) flags_[row] |= rule.info.flag_bit;
    }
  }

  void place(std::size_t row) {
    if (const auto* rule = refused_by_[row]) {
      if (rule->holds_back)
        out_.still_open.push_back(sheet_.position[row]);
      else
        reject(row, rule->info, rule->explain(sheet_, row));
    } else if (sheet_.repeat[row] == Repeat::same) {
      leave_unchanged();
    } else {
      publish(row);
    }
  }

  void reject(std::size_t row, const RuleInfo& info, std::string reason) {
    const auto position = sheet_.position[row];
    out_.rejected.push_back({sheet_.open_time[row], std::string{info.id}, info.version, std::move(reason),
                             detail::raw_text(sheet_.rows(), position), sheet_.rows().ingest_id[position],
                             context_.recorded_at});
  }

  void leave_unchanged() {
    ++out_.unchanged;
    ++counter(same_again_);
  }

  void publish(std::size_t row) {
    const auto finality = detail::finality_of(sheet_, row);
    detail::Standing standing{finality, flags_[row], 0, context_.recorded_at, RuleSet::kVersion};
    if (const auto at = stored_row(sheet_.open_time[row])) {
      const auto& stored = *context_.stored;
      switch (detail::meet(sheet_, row, finality, stored, *at)) {
        case Encounter::unchanged: return leave_unchanged();
        case Encounter::too_young: return refuse_too_young(row);
        case Encounter::confirms:  // the value is known since then
          standing.revision = stored.revision[*at];
          standing.recorded_at = stored.recorded_at[*at];
          break;
        case Encounter::replaces: standing.revision = stored.revision[*at]; break;
        case Encounter::revises:
          standing.revision = stored.revision[*at] + 1;
          standing.finality = Finality::revised;
          standing.quality_flags |= other_values_.info.flag_bit;
          ++counter(other_values_);
          break;
        case Encounter::first: break;
      }
    }
    detail::append_bar(out_.accepted, sheet_, row, standing);
  }

  void refuse_too_young(std::size_t row) {
    ++counter(other_values_);
    reject(row, other_values_.info,
           fmt::format("other values of a confirmed bar in an answer of {}, before the bar has settled",
                       to_iso(sheet_.event_time[row])));
  }

  std::optional<std::size_t> stored_row(TimePoint open_time) const {
    if (context_.stored == nullptr) return std::nullopt;
    const auto& times = context_.stored->open_time;
    const auto at = std::lower_bound(times.begin(), times.end(), open_time);
    if (at == times.end() || *at != open_time) return std::nullopt;
    return static_cast<std::size_t>(at - times.begin());
  }

  // Bars of the window that had ended at the latest answer and did not come.
  std::int64_t missing(const ObservationColumns& rows) const {
    if (rows.size() == 0 || context_.window.empty()) return 0;
    const auto timeframe = context_.series.timeframe;
    const auto now = *std::max_element(rows.event_time.begin(), rows.event_time.end());
    const auto ended = timeframe.whole_bars(context_.window.intersect(TimeRange::of(context_.window.begin(), now)));
    const auto came = static_cast<std::int64_t>(out_.accepted.size()) + out_.unchanged;
    return std::max<std::int64_t>(0, timeframe.count(ended) - came);
  }

  std::span<const std::pair<const RuleInfo*, RuleSetting>> active_;
  const Context& context_;
  Sheet sheet_;
  std::array<const Rule*, kBlockRows> refused_by_{};
  std::array<std::uint32_t, kBlockRows> flags_{};
  std::array<std::uint8_t, kBlockRows> broken_{};
  const Rule& all_there_ = *detail::find_rule("C1");
  const Rule& same_again_ = *detail::find_rule("D1");
  const Rule& other_values_ = *detail::find_rule("D2");
  std::vector<std::int64_t> counts_;
  Judgement out_;
};

}  // namespace

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::reject: return "reject";
    case Severity::flag: return "flag";
    case Severity::warn: return "warn";
  }
  std::abort();
}

Result<Severity> parse_severity(std::string_view text) {
  for (const auto severity : {Severity::reject, Severity::flag, Severity::warn})
    if (text == to_string(severity)) return severity;
  return fail(ErrorCode::invalid_argument, fmt::format("\"{}\" is no severity: reject, flag or warn", text), "severity",
              nearest(text, {"reject", "flag", "warn"}));
}

namespace detail {

std::span<const Rule> all_rules() {
  static const auto all_of_them = [] {
    std::vector<Rule> all;
    for (const auto family : {instrument_rules(), time_rules(), completeness_rules(), shape_rules(), duplicate_rules()})
      all.insert(all.end(), family.begin(), family.end());
    return all;
  }();
  return all_of_them;
}

const Rule* find_rule(std::string_view id) {
  const auto rules = all_rules();
  const auto found = std::find_if(rules.begin(), rules.end(), [&](const Rule& rule) { return rule.info.id == id; });
  return found == rules.end() ? nullptr : &*found;
}

}  // namespace detail

std::span<const RuleInfo> RuleSet::catalogue() {
  static const auto list = [] {
    std::vector<RuleInfo> infos;
    for (const auto& rule : all_rules()) infos.push_back(rule.info);
    return infos;
  }();
  return list;
}

Result<RuleSet> RuleSet::make(const std::map<std::string, RuleSetting>& settings) {
  for (const auto& [id, setting] : settings) {
    const auto* rule = detail::find_rule(id);
    if (rule == nullptr)
      return fail(ErrorCode::invalid_argument, fmt::format("there is no rule \"{}\"", id), "validation.rules." + id,
                  nearest(id, rule_ids()));
    if (auto free = check_freedom(*rule, setting); !free) return std::unexpected{std::move(free).error()};
    if (auto known = check_parameters(rule->info, setting); !known) return std::unexpected{std::move(known).error()};
  }
  std::vector<std::pair<const RuleInfo*, RuleSetting>> active;
  for (const auto& info : catalogue()) {
    const auto found = settings.find(std::string{info.id});
    auto setting = complete(info, found == settings.end() ? RuleSetting{} : found->second);
    if (*setting.enabled) active.emplace_back(&info, std::move(setting));
  }
  return RuleSet{std::move(active)};
}

RuleSet::RuleSet(std::vector<std::pair<const RuleInfo*, RuleSetting>> active) : active_{std::move(active)} {}

Judgement RuleSet::judge(const ObservationColumns& rows, const Context& context) const {
  const auto order = order_of(rows);
  const auto repeats = detail::find_repeats(rows, order);
  Bench bench{active_, rows, context};
  for (std::size_t first = 0; first < order.size(); first += kBlockRows) {
    const auto count = std::min(kBlockRows, order.size() - first);
    bench.judge(std::span{order}.subspan(first, count),
                repeats.empty() ? std::span<const Repeat>{} : std::span{repeats}.subspan(first, count));
  }
  return std::move(bench).finish(rows);
}

}  // namespace tdm::validate
