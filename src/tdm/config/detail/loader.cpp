#include "tdm/config/detail/loader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <concepts>
#include <initializer_list>
#include <regex>
#include <tuple>

#include "tdm/config/detail/keys.hpp"
#include "tdm/core/time.hpp"  // parse_time_bound

namespace tdm::config {
namespace detail {
namespace {

std::string lower(std::string_view text) {
  std::string result{text};
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

template <class T>
std::optional<T> number_in(std::string_view text) {
  T value{};
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<bool> flag_in(std::string_view text) {
  const auto word = lower(text);
  if (word == "true") return true;
  if (word == "false") return false;
  return std::nullopt;
}

std::string shortened(std::string_view text) {
  constexpr std::size_t kShown = 60;
  return text.size() <= kShown ? std::string{text} : fmt::format("{}...", text.substr(0, kShown));
}

std::string found(const Node& node) {
  switch (node.kind) {
    case Node::Kind::nothing: return "nothing";
    case Node::Kind::mapping: return "a mapping";
    case Node::Kind::list: return "a list";
    case Node::Kind::scalar: break;
  }
  if (node.quoted) return fmt::format("the text \"{}\"", shortened(node.text));
  if (flag_in(node.text)) return node.text;
  if (number_in<double>(node.text)) return fmt::format("the number {}", shortened(node.text));
  return fmt::format("'{}'", shortened(node.text));
}

bool matches(const char* pattern, const std::string& text) {
  return std::regex_match(text, std::regex{pattern, std::regex::ECMAScript | std::regex::optimize});
}

std::string words_text(const Word& rule) { return fmt::format("one of {}", fmt::join(rule.words, ", ")); }

struct Findings {
  std::vector<KeyComplaint> complaints;
  std::map<std::string, Place> places;
};

// Visits one mapping of the file.
class Loader {
 public:
  Loader(const Node& mapping, std::string path, Findings& findings)
      : mapping_{mapping}, path_{std::move(path)}, findings_{findings} {}

  template <class T, class Rule>
  void key(std::string_view name, T& member, const Rule& rule, std::string_view) {
    if (const Node* node = take(name)) read(*node, path_of(name), member, rule);
  }

  template <class T, class Rule>
  void required(std::string_view name, T& member, const Rule& rule, std::string_view meaning) {
    key(name, member, rule, meaning);
    if (entry_of(name) == nullptr) complain(mapping_.place, path_of(name), "this key is required");
  }

  template <class T, class Rule>
  void map(std::string_view name, std::map<std::string, T>& members, const Names& names, const Rule& rule,
           std::string_view) {
    const Node* node = take(name);
    if (node == nullptr || !is(*node, Node::Kind::mapping, path_of(name), "a mapping")) return;
    if (node->entries.size() > names.max_entries)
      return complain(node->place, path_of(name), fmt::format("more than {} entries", names.max_entries));
    for (const auto& [entry_key, value] : node->entries) {
      const auto path = fmt::format("{}.{}", path_of(name), entry_key.text);
      findings_.places[path] = entry_key.place;
      if (entry_key.text.size() > 64 || !matches(names.pattern, entry_key.text))
        complain(entry_key.place, path, fmt::format("expected {}", names.expected));
      else
        read(value, path, members[entry_key.text], rule);
    }
  }

  template <class T>
  void list(std::string_view name, std::vector<T>& members, std::size_t max_items, std::string_view) {
    const Node* node = take(name);
    if (node == nullptr || !is(*node, Node::Kind::list, path_of(name), "a list")) return;
    if (node->items.size() > max_items)
      return complain(node->place, path_of(name), fmt::format("more than {} entries", max_items));
    for (const auto& item : node->items) {
      const auto path = fmt::format("{}[{}]", path_of(name), members.size());
      findings_.places[path] = item.place;
      read(item, path, members.emplace_back(), Section{});
    }
  }

  void needs(std::string_view name, std::string_view value, std::initializer_list<std::string_view> others) {
    const Entry* entry = entry_of(name);
    if (entry == nullptr || entry->second.text != value) return;
    for (const auto other : others)
      if (entry_of(other) == nullptr)
        complain(mapping_.place, path_of(other),
                 fmt::format("this key is required when {} is {}", path_of(name), value));
  }

  void reserved(std::string_view name, std::string_view why) {
    refused_.emplace_back(name);
    if (const auto* entry = entry_of(name)) complain(entry->first.place, path_of(name), std::string{why});
  }

  void refuse_unknown_keys() {
    for (const auto& [entry_key, value] : mapping_.entries)
      if (std::ranges::count(known_, entry_key.text) == 0 && std::ranges::count(refused_, entry_key.text) == 0)
        refuse_unknown(entry_key);
  }

 private:
  using Entry = std::pair<Key, Node>;

  const Entry* entry_of(std::string_view name) const {
    const auto entry =
        std::ranges::find(mapping_.entries, name, [](const Entry& e) -> const auto& { return e.first.text; });
    return entry == mapping_.entries.end() ? nullptr : &*entry;
  }

  // The value of a known key, when the file has it.
  const Node* take(std::string_view name) {
    known_.emplace_back(name);
    const Entry* entry = entry_of(name);
    if (entry == nullptr) return nullptr;
    findings_.places[path_of(name)] = entry->first.place;
    return &entry->second;
  }

  std::string path_of(std::string_view name) const {
    return path_.empty() ? std::string{name} : fmt::format("{}.{}", path_, name);
  }

  void complain(Place place, std::string key, std::string message, std::vector<std::string> suggestions = {}) {
    findings_.complaints.push_back({place, std::move(key), std::move(message), std::move(suggestions)});
  }

  void refuse_unknown(const Key& unknown) {
    auto suggestions = nearest(unknown.text, known_, 1);
    auto message = suggestions.empty() ? fmt::format("unknown key; there are {}", fmt::join(known_, ", "))
                                       : fmt::format("unknown key; did you mean '{}'?", suggestions.front());
    complain(unknown.place, path_of(shortened(unknown.text)), std::move(message), std::move(suggestions));
  }

  bool is(const Node& node, Node::Kind kind, const std::string& path, std::string_view expected) {
    if (node.kind == kind) return true;
    complain(node.place, path, fmt::format("expected {}, found {}", expected, found(node)));
    return false;
  }

  // One value into one member; `convert` gives nothing when the text is not what is expected.
  template <class T, class Convert>
  void read_scalar(const Node& node, const std::string& path, T& member, std::string_view expected, Convert convert) {
    if (node.kind == Node::Kind::scalar) {
      if (auto value = convert(node)) {
        member = *std::move(value);
        return;
      }
    }
    complain(node.place, path, fmt::format("expected {}, found {}", expected, found(node)));
  }

  template <class T>
    requires Describes<Loader, T>
  void read(const Node& node, const std::string& path, T& member, const Section&) {
    if (!is(node, Node::Kind::mapping, path, "a mapping")) return;
    Loader part{node, path, findings_};
    describe(part, member);
    part.refuse_unknown_keys();
  }

  template <class T, class Rule>
  void read(const Node& node, const std::string& path, std::optional<T>& member, const Rule& rule) {
    T value{};
    const auto before = findings_.complaints.size();
    read(node, path, value, rule);
    if (findings_.complaints.size() == before) member = std::move(value);
  }

  void read(const Node& node, const std::string& path, std::string& member, const Text& rule) {
    read_scalar(node, path, member, rule.expected, [&](const Node& scalar) -> std::optional<std::string> {
      // A bare number or true is no text: whoever means it puts it in quotes.
      if (!scalar.quoted && (flag_in(scalar.text) || number_in<double>(scalar.text))) return std::nullopt;
      if (scalar.text.empty() || scalar.text.size() > rule.max_length) return std::nullopt;
      if (rule.pattern != nullptr && !matches(rule.pattern, scalar.text)) return std::nullopt;
      return scalar.text;
    });
  }

  void read(const Node& node, const std::string& path, std::string& member, const Word& rule) {
    read_scalar(node, path, member, words_text(rule), [&](const Node& scalar) -> std::optional<std::string> {
      const auto word = rule.any_case ? lower(scalar.text) : scalar.text;
      return std::ranges::count(rule.words, word) == 0 ? std::nullopt : std::optional{word};
    });
    if (findings_.complaints.empty() || findings_.complaints.back().key != path) return;
    const std::vector<std::string> words(rule.words.begin(), rule.words.end());
    auto& complaint = findings_.complaints.back();
    complaint.suggestions = nearest(node.text, words, 1);
    if (!complaint.suggestions.empty())
      complaint.message += fmt::format("; did you mean '{}'?", complaint.suggestions[0]);
  }

  void read(const Node& node, const std::string& path, std::string& member, const Moment&) {
    read_scalar(node, path, member, "a date, an RFC 3339 instant or integer milliseconds",
                [&](const Node& scalar) -> std::optional<std::string> {
                  return parse_time_bound(scalar.text, path) ? std::optional{scalar.text} : std::nullopt;
                });
  }

  void read(const Node& node, const std::string& path, bool& member, const Flag&) {
    read_scalar(node, path, member, "true or false", [](const Node& scalar) -> std::optional<bool> {
      return scalar.quoted ? std::nullopt : flag_in(scalar.text);
    });
  }

  std::optional<std::int64_t> whole(const Node& scalar, const Whole& rule) const {
    const auto value = scalar.quoted ? std::nullopt : number_in<std::int64_t>(scalar.text);
    return value && rule.min <= *value && *value <= rule.max ? value : std::nullopt;
  }

  template <class T>
    requires std::integral<T>
  void read(const Node& node, const std::string& path, T& member, const Whole& rule) {
    read_scalar(node, path, member, whole_text(rule), [&](const Node& scalar) -> std::optional<T> {
      const auto value = whole(scalar, rule);
      return value ? std::optional{static_cast<T>(*value)} : std::nullopt;
    });
  }

  template <class Unit>
  void read(const Node& node, const std::string& path, std::chrono::duration<std::int64_t, Unit>& member,
            const Whole& rule) {
    std::int64_t count = member.count();
    read(node, path, count, rule);
    member = std::chrono::duration<std::int64_t, Unit>{count};
  }

  static std::string whole_text(const Whole& rule) {
    return fmt::format("a whole number from {} to {}", rule.min, rule.max);
  }

  void read(const Node& node, const std::string& path, double& member, const Number& rule) {
    const auto expected = rule.min_included ? fmt::format("a number from {} to {}", rule.min, rule.max)
                                            : fmt::format("a number above {}, at most {}", rule.min, rule.max);
    read_scalar(node, path, member, expected, [&](const Node& scalar) -> std::optional<double> {
      const auto value = scalar.quoted ? std::nullopt : number_in<double>(scalar.text);
      if (!value || !std::isfinite(*value) || *value > rule.max) return std::nullopt;
      if (rule.min_included ? *value < rule.min : *value <= rule.min) return std::nullopt;
      return value;
    });
  }

  const Node& mapping_;
  std::string path_;
  Findings& findings_;
  std::vector<std::string> known_;
  std::vector<std::string> refused_;
};

}  // namespace

std::expected<Config, KeyComplaint> read_document(const Node& root) {
  if (root.kind != Node::Kind::mapping)
    return std::unexpected{KeyComplaint{root.place, "", fmt::format("expected a mapping, found {}", found(root))}};
  Config config;
  Findings findings;
  Loader loader{root, "", findings};
  describe(loader, config);
  loader.refuse_unknown_keys();
  if (!findings.complaints.empty())
    return std::unexpected{*std::ranges::min_element(
        findings.complaints, {}, [](const KeyComplaint& c) { return std::tuple{c.place.line, c.place.column}; })};
  config.places = std::move(findings.places);
  config.api.log_level = normal_log_level(config.api.log_level).value_or(config.api.log_level);
  return config;
}

}  // namespace detail

std::optional<std::string> normal_log_level(std::string_view text) {
  auto word = detail::lower(text);
  if (std::ranges::count(detail::kLogLevels, word) == 0) return std::nullopt;
  if (word == "warning") return "warn";
  if (word == "critical") return "error";
  return word;
}

}  // namespace tdm::config
