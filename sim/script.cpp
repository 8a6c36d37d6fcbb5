#include "sim/script.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "sim/detail/fields.hpp"
#include "sim/detail/random.hpp"

namespace tdm::sim {
namespace {

using std::chrono::milliseconds;

milliseconds seconds_to_ms(double seconds) { return milliseconds{static_cast<std::int64_t>(seconds * 1000)}; }

// One word of a closed list.
template <class T>
T choose_word(Fields& fields, std::string_view key, T otherwise,
              std::initializer_list<std::pair<std::string_view, T>> words) {
  if (!fields.has(key)) return otherwise;
  const std::string word = fields.text(key, "");
  std::vector<std::string_view> known;
  for (const auto& [name, value] : words) {
    if (name == word) return value;
    known.push_back(name);
  }
  fields.refuse(key, fmt::format("expected one of {}", fmt::join(known, ", ")));
  return otherwise;
}

CodeFault read_code(Fields& fields) {
  using Reset = CodeFault::Reset;
  return {.code = static_cast<int>(fields.integer("ret_code", 0, -999'999, 999'999)),
          .message = fields.text("message", ""),
          .reset = choose_word(fields, "reset", Reset::absent,
                               {{"absent", Reset::absent}, {"soon", Reset::soon}, {"past", Reset::past}})};
}

StatusFault read_status(Fields& fields) {
  using Body = StatusFault::Body;
  StatusFault fault{
      .status = static_cast<int>(fields.integer("status", 0, 300, 599)),
      .body = choose_word(fields, "body", Body::empty,
                          {{"empty", Body::empty}, {"text", Body::text}, {"html", Body::html}, {"json", Body::json}})};
  if (fields.has("retry_after")) fault.retry_after = fields.text("retry_after", "");
  return fault;
}

RowFault read_row(Fields& fields) {
  using Kind = RowFault::Kind;
  RowFault fault{.kind = choose_word(fields, "row", Kind::drop,
                                     {{"duplicate", Kind::duplicate},
                                      {"drop", Kind::drop},
                                      {"swap", Kind::swap},
                                      {"set", Kind::set},
                                      {"shorten", Kind::shorten}}),
                 .index = fields.integer("index", 0, -1'000, 1'000),
                 .at = fields.time("at"),
                 .column = fields.text("column", ""),
                 .value = fields.text("value", ""),
                 .raw = fields.flag("raw", false)};
  if (fault.kind == Kind::set && !fields.has("value")) fields.text("value");
  if (fault.kind == Kind::set && !fields.has("column")) fields.text("column");
  return fault;
}

FieldFault read_rename(const YAML::Node& node, Fields& outer) {
  Fields fields{node, outer.file(), {"from", "to"}};
  FieldFault fault{.from = fields.text("from"), .to = fields.text("to")};
  outer.keep(fields.error());
  return fault;
}

// A verb without a value is written `verb: true`.
void expect_true(Fields& fields, std::string_view key) {
  if (!fields.flag(key, true)) fields.refuse(key, "leave it out instead");
}

struct Verb {
  std::string_view key;
  std::vector<std::string_view> companions;
  Fault (*read)(Fields&);
};

const std::vector<Verb>& verbs() {
  static const std::vector<Verb> all{
      {"ret_code", {"message", "reset"}, [](Fields& f) { return Fault{read_code(f)}; }},
      {"status", {"retry_after", "body"}, [](Fields& f) { return Fault{read_status(f)}; }},
      {"cut", {}, [](Fields& f) { return Fault{CutFault{f.number("cut", 0.5, 0, 1)}}; }},
      {"endless",
       {},
       [](Fields& f) {
         expect_true(f, "endless");
         return Fault{EndlessFault{}};
       }},
      {"stall_s", {}, [](Fields& f) { return Fault{StallFault{seconds_to_ms(f.number("stall_s", 0, 0, 3'600))}}; }},
      {"reset_connection",
       {},
       [](Fields& f) {
         expect_true(f, "reset_connection");
         return Fault{ResetFault{}};
       }},
      {"delay_s", {}, [](Fields& f) { return Fault{DelayFault{seconds_to_ms(f.number("delay_s", 0, 0, 3'600))}}; }},
      {"row", {"index", "at", "column", "value", "raw"}, [](Fields& f) { return Fault{read_row(f)}; }},
      {"rename", {}, [](Fields& f) { return Fault{read_rename(f.node("rename"), f)}; }},
      {"remove", {}, [](Fields& f) { return Fault{FieldFault{.from = f.text("remove")}}; }},
      {"same_page",
       {},
       [](Fields& f) {
         expect_true(f, "same_page");
         return Fault{SamePageFault{}};
       }},
      {"short_page", {}, [](Fields& f) { return Fault{ShortPageFault{f.integer("short_page", 0, 0, 1'000)}}; }},
      {"skew_s", {}, [](Fields& f) { return Fault{SkewFault{seconds_to_ms(f.number("skew_s", 0, -1e9, 1e9))}}; }},
  };
  return all;
}

// The one thing that `do` says: exactly one verb, and only the keys that belong to it.
Result<std::pair<Fault, std::string>> read_action(const YAML::Node& node, const std::string& file) {
  if (!node.IsMap()) return std::unexpected{yaml_error(node, file, "do: expected a mapping with what is to be done")};
  Fields all{
      node, file, {"ret_code", "message",          "reset",   "status",    "retry_after", "body",  "cut",    "endless",
                   "stall_s",  "reset_connection", "delay_s", "row",       "index",       "at",    "column", "value",
                   "raw",      "rename",           "remove",  "same_page", "short_page",  "skew_s"}};
  if (all.error()) return std::unexpected{*all.error()};
  const Verb* chosen = nullptr;
  for (const Verb& verb : verbs()) {
    if (!all.has(verb.key)) continue;
    if (chosen != nullptr) {
      return std::unexpected{yaml_error(node, file, fmt::format("do: either {} or {}", chosen->key, verb.key))};
    }
    chosen = &verb;
  }
  if (chosen == nullptr) return std::unexpected{yaml_error(node, file, "do: nothing to do is named")};
  for (const auto& entry : node) {
    const auto key = entry.first.as<std::string>("");
    if (key == chosen->key || std::ranges::find(chosen->companions, key) != chosen->companions.end()) continue;
    return std::unexpected{
        yaml_error(entry.first, file, fmt::format("'{}' does not belong to '{}'", key, chosen->key))};
  }
  Fault fault = chosen->read(all);
  if (all.error()) return std::unexpected{*all.error()};
  return std::pair{std::move(fault), std::string{chosen->key}};
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size() || value < 1) return std::nullopt;
  return value;
}

// "3", "2..5" or "2..".
void read_nth(Fields& fields, FaultRule& rule) {
  if (!fields.has("nth")) return;
  const std::string text = fields.text("nth", "");
  const std::size_t dots = text.find("..");
  const auto first = whole_number(std::string_view{text}.substr(0, dots));
  std::optional<std::int64_t> last = first;
  if (dots != std::string::npos) {
    last = dots + 2 == text.size() ? INT64_MAX : whole_number(std::string_view{text}.substr(dots + 2));
  }
  if (!first || !last || *last < *first) {
    fields.refuse("nth", "expected a number from 1, 'FIRST..LAST' or 'FIRST..'");
    return;
  }
  rule.first = *first;
  rule.last = *last;
}

Result<FaultRule> read_rule(const YAML::Node& node, const std::string& file) {
  Fields fields{node,
                file,
                {"exchange", "path", "symbol", "interval", "category", "query", "nth", "every", "from", "to", "after_s",
                 "until_s", "probability", "count", "do"}};
  FaultRule rule;
  if (fields.has("exchange")) rule.exchange = fields.text("exchange", "");
  if (fields.has("path")) rule.path = fields.text("path", "");
  if (fields.has("query")) {
    if (!fields.node("query").IsMap())
      return std::unexpected{yaml_error(fields.node("query"), file, "query: expected a mapping")};
    for (const auto& entry : fields.node("query")) rule.query[entry.first.Scalar()] = entry.second.Scalar();
  }
  for (const std::string_view key : {"symbol", "interval", "category"}) {
    if (fields.has(key)) rule.query[std::string{key}] = fields.text(key, "");
  }
  read_nth(fields, rule);
  rule.every = fields.integer("every", 1, 1, 1'000'000);
  rule.from = fields.time("from");
  rule.to = fields.time("to");
  rule.after_s = fields.number("after_s", 0, 0, 1e9);
  rule.until_s = fields.number("until_s", 1e18, 0, 1e18);
  rule.probability = fields.number("probability", 1, 0, 1);
  rule.count = fields.integer("count", INT64_MAX, 1, INT64_MAX);
  if (fields.error()) return std::unexpected{*fields.error()};
  if (!fields.has("do")) return std::unexpected{yaml_error(node, file, "the key 'do' is missing")};
  auto action = read_action(fields.node("do"), file);
  if (!action) return std::unexpected{action.error()};
  rule.fault = std::move(action->first);
  rule.label = fmt::format("{} ({}:{})", action->second, file, node.Mark().line + 1);
  return rule;
}

QuotaSettings read_quota(const YAML::Node& node, Fields& outer) {
  Fields fields{node, outer.file(), {"requests", "window_s", "ban_s"}};
  const QuotaSettings usual;
  QuotaSettings quota{
      .requests = static_cast<int>(fields.integer("requests", usual.requests, 1, 1'000'000'000)),
      .window = std::chrono::duration<double>{fields.number("window_s", usual.window.count(), 0.001, 1e6)},
      .ban = std::chrono::duration<double>{fields.number("ban_s", usual.ban.count(), 0, 1e9)}};
  outer.keep(fields.error());
  return quota;
}

ArchiveFault read_archive_fault(const YAML::Node& node, Fields& outer) {
  using Kind = ArchiveFault::Kind;
  Fields fields{node, outer.file(), {"file", "is", "from", "to"}};
  if (!fields.has("is")) fields.text("is");
  ArchiveFault fault{.file = fields.text("file"),
                     .kind = choose_word(fields, "is", Kind::missing,
                                         {{"missing", Kind::missing},
                                          {"wrong_checksum", Kind::wrong_checksum},
                                          {"reissued", Kind::reissued},
                                          {"lacks_rows", Kind::lacks_rows},
                                          {"html", Kind::html},
                                          {"wrong_header", Kind::wrong_header},
                                          {"two_members", Kind::two_members},
                                          {"bomb", Kind::bomb}})};
  const auto from = fields.time("from"), to = fields.time("to");
  if (from && to) fault.rows = TimeRange::of(*from, *to);
  if (fault.kind == Kind::lacks_rows && fault.rows.empty()) fields.refuse("is", "lacks_rows needs from and to");
  outer.keep(fields.error());
  return fault;
}

std::vector<ArchiveFault> read_archive(Fields& outer) {
  std::vector<ArchiveFault> faults;
  if (!outer.has("archive")) return faults;
  const YAML::Node list = outer.node("archive");
  if (!list.IsSequence()) outer.refuse("archive", "expected a list of files");
  for (const auto& node : list) faults.push_back(read_archive_fault(node, outer));
  return faults;
}

BinanceSettings read_binance(const YAML::Node& node, Fields& outer) {
  Fields fields{node,
                outer.file(),
                {"spot_weight", "futures_weight", "ban_after", "ban_s", "futures_retry_after", "spot_limit_above",
                 "futures_limit_above", "archive"}};
  const auto above = [&](std::string_view key, LimitAbove otherwise) {
    return choose_word(fields, key, otherwise, {{"cut", LimitAbove::cut}, {"refuse", LimitAbove::refuse}});
  };
  const BinanceSettings usual;
  BinanceSettings settings{
      .spot_weight = fields.integer("spot_weight", usual.spot_weight, 1, 1'000'000'000),
      .futures_weight = fields.integer("futures_weight", usual.futures_weight, 1, 1'000'000'000),
      .ban_after = static_cast<int>(fields.integer("ban_after", usual.ban_after, 0, 1'000'000'000)),
      .ban = std::chrono::duration<double>{fields.number("ban_s", usual.ban.count(), 0.001, 1e6)},
      .futures_retry_after = fields.flag("futures_retry_after", usual.futures_retry_after),
      .spot_limit_above = above("spot_limit_above", usual.spot_limit_above),
      .futures_limit_above = above("futures_limit_above", usual.futures_limit_above),
      .archive = read_archive(fields)};
  outer.keep(fields.error());
  return settings;
}

DeribitSettings read_deribit(const YAML::Node& node, Fields& outer) {
  Fields fields{node,
                outer.file(),
                {"pool", "cost", "instruments_pool", "instruments_cost", "refill", "error_status", "serves_expired",
                 "mixed_numbers"}};
  constexpr std::int64_t kMost = 1'000'000'000;
  const DeribitSettings usual;
  DeribitSettings settings{
      .pool = fields.integer("pool", usual.pool, 1, kMost),
      .cost = fields.integer("cost", usual.cost, 0, kMost),
      .instruments_pool = fields.integer("instruments_pool", usual.instruments_pool, 1, kMost),
      .instruments_cost = fields.integer("instruments_cost", usual.instruments_cost, 0, kMost),
      .refill = fields.integer("refill", usual.refill, 1, kMost),
      .error_status = static_cast<int>(fields.integer("error_status", usual.error_status, 200, 599)),
      .serves_expired = fields.flag("serves_expired", usual.serves_expired),
      .mixed_numbers = fields.flag("mixed_numbers", usual.mixed_numbers)};
  outer.keep(fields.error());
  return settings;
}

bool path_holds(const FaultRule& rule, std::string_view path) {
  if (!rule.path) return true;
  const std::string_view wanted{*rule.path};
  return wanted.ends_with('*') ? path.starts_with(wanted.substr(0, wanted.size() - 1)) : path == wanted;
}

bool query_holds(const FaultRule& rule, const net::ServerRequest& request) {
  return std::ranges::all_of(rule.query, [&](const auto& wanted) {
    return std::ranges::any_of(
        request.query, [&](const auto& sent) { return sent.first == wanted.first && sent.second == wanted.second; });
  });
}

}  // namespace

Result<ScriptFile> load_script(const std::string& file) {
  const auto root = read_yaml(file);
  if (!root) return std::unexpected{root.error()};
  ScriptFile script;
  if (root->IsNull()) return script;
  Fields fields{*root, file, {"quota", "limit_headers", "binance", "deribit", "faults"}};
  if (fields.error()) return std::unexpected{*fields.error()};
  if (fields.has("quota")) script.quota = read_quota(fields.node("quota"), fields);
  if (fields.has("binance")) script.binance = read_binance(fields.node("binance"), fields);
  if (fields.has("deribit")) script.deribit = read_deribit(fields.node("deribit"), fields);
  script.limit_headers = fields.flag("limit_headers", false);
  if (fields.error()) return std::unexpected{*fields.error()};
  if (!fields.has("faults")) return script;
  const YAML::Node list = fields.node("faults");
  if (!list.IsSequence()) return std::unexpected{yaml_error(list, file, "faults: expected a list of rules")};
  for (const auto& node : list) {
    auto rule = read_rule(node, file);
    if (!rule) return std::unexpected{rule.error()};
    script.rules.push_back(*std::move(rule));
  }
  return script;
}

FaultPlan::FaultPlan(std::vector<FaultRule> rules, std::uint64_t seed)
    : rules_{std::move(rules)}, seed_{seed}, states_(rules_.size()) {}

std::optional<FaultPlan::Choice> FaultPlan::choose(std::string_view exchange, std::string_view path,
                                                   const net::ServerRequest& request, TimePoint now, double elapsed_s) {
  const std::scoped_lock lock{mutex_};
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    const FaultRule& rule = rules_[i];
    State& state = states_[i];
    if ((rule.exchange && *rule.exchange != exchange) || !path_holds(rule, path) || !query_holds(rule, request)) {
      continue;
    }
    const std::int64_t nth = ++state.seen;
    const bool due = rule.first <= nth && nth <= rule.last && (nth - rule.first) % rule.every == 0;
    const bool in_time = (!rule.from || *rule.from <= now) && (!rule.to || now < *rule.to) &&
                         rule.after_s <= elapsed_s && elapsed_s < rule.until_s;
    if (!due || !in_time || state.used >= rule.count) continue;
    const auto draw = random_bits(seed_ + i, static_cast<std::uint64_t>(nth));
    if (rule.probability < 1 && uniform(draw) >= rule.probability) continue;
    ++state.used;
    return Choice{i, &rule.fault, rule.label};
  }
  return std::nullopt;
}

void FaultPlan::give_back(std::size_t rule) {
  const std::scoped_lock lock{mutex_};
  --states_[rule].used;
}

std::string FaultPlan::first_body(std::size_t rule, const std::string& body) {
  const std::scoped_lock lock{mutex_};
  if (!states_[rule].body) states_[rule].body = body;
  return *states_[rule].body;
}

}  // namespace tdm::sim
