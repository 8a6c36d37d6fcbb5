// The table of keys as a JSON schema: what config/schema.json holds.
#include <chrono>
#include <initializer_list>
#include <nlohmann/json.hpp>

#include "tdm/config/config.hpp"
#include "tdm/config/detail/keys.hpp"

namespace tdm::config {
namespace {

using Json = nlohmann::ordered_json;
using detail::describe;
using detail::Describes;

std::string anchored(const char* pattern) { return "^(?:" + std::string{pattern} + ")$"; }

// "[Ww][Aa][Rr][Nn]" for "warn": a schema has no other way to say "in any case".
std::string any_case(std::string_view word) {
  std::string pattern;
  for (const char c : word) {
    pattern += '[';
    pattern += static_cast<char>(c - 'a' + 'A');
    pattern += c;
    pattern += ']';
  }
  return pattern;
}

Json type_of(const detail::Text& rule) {
  Json type{{"type", "string"}, {"minLength", 1}, {"maxLength", rule.max_length}};
  if (rule.pattern != nullptr) type["pattern"] = anchored(rule.pattern);
  return type;
}

Json type_of(const detail::Word& rule) {
  if (!rule.any_case) return {{"type", "string"}, {"enum", rule.words}};
  std::string alternatives;
  for (const auto word : rule.words) alternatives += (alternatives.empty() ? "" : "|") + any_case(word);
  return {{"type", "string"}, {"pattern", anchored(alternatives.c_str())}};
}

Json type_of(const detail::Whole& rule) { return {{"type", "integer"}, {"minimum", rule.min}, {"maximum", rule.max}}; }

Json type_of(const detail::Number& rule) {
  return {{"type", "number"}, {rule.min_included ? "minimum" : "exclusiveMinimum", rule.min}, {"maximum", rule.max}};
}

Json type_of(const detail::Flag&) { return {{"type", "boolean"}}; }
Json type_of(const detail::Moment&) { return {{"type", {"string", "integer"}}}; }

class Schema {
 public:
  template <class T, class Rule>
  void key(std::string_view name, T& member, const Rule& rule, std::string_view meaning) {
    add(name, type_with_default(member, rule), meaning);
  }
  template <class T, class Rule>
  void required(std::string_view name, T& member, const Rule& rule, std::string_view meaning) {
    required_.push_back(name);
    key(name, member, rule, meaning);
  }
  template <class T, class Rule>
  void map(std::string_view name, std::map<std::string, T>&, const detail::Names& names, const Rule& rule,
           std::string_view meaning) {
    T example{};
    add(name,
        {{"type", "object"},
         {"maxProperties", names.max_entries},
         {"propertyNames", {{"pattern", anchored(names.pattern)}}},
         {"additionalProperties", type_with_default<T, Rule, false>(example, rule)}},
        meaning);
  }
  template <class T>
  void list(std::string_view name, std::vector<T>&, std::size_t max_items, std::string_view meaning) {
    T example{};
    add(name, {{"type", "array"}, {"maxItems", max_items}, {"items", type_with_default(example, detail::Section{})}},
        meaning);
  }
  void needs(std::string_view name, std::string_view value, std::initializer_list<std::string_view> others) {
    conditions_.push_back({{"if", {{"properties", {{name, {{"const", value}}}}}}},
                           {"then", {{"required", std::vector<std::string_view>(others)}}}});
  }
  void reserved(std::string_view, std::string_view) {}

  Json take() && {
    Json schema{{"type", "object"}, {"additionalProperties", false}};
    if (!required_.empty()) schema["required"] = required_;
    schema["properties"] = std::move(properties_);
    if (!conditions_.empty()) schema["allOf"] = std::move(conditions_);
    return schema;
  }

 private:
  void add(std::string_view name, const Json& type, std::string_view meaning) {
    Json entry{{"description", meaning}};
    entry.update(type);
    properties_[std::string{name}] = std::move(entry);
  }

  template <class T, class Rule, bool with_default = true>
  static Json type_with_default(T& member, const Rule& rule) {
    if constexpr (Describes<Schema, T>) {
      Schema part;
      describe(part, member);
      return std::move(part).take();
    } else {
      Json type = type_of(rule);
      if constexpr (with_default) add_default(type, member);
      return type;
    }
  }

  template <class T>
  static void add_default(Json& type, const T& member) {
    if constexpr (requires { member.has_value(); }) {
      return;  // nothing is the default
    } else if constexpr (requires { member.count(); }) {
      type["default"] = member.count();
    } else if constexpr (std::is_same_v<T, std::string>) {
      if (!member.empty()) type["default"] = member;
    } else {
      type["default"] = member;
    }
  }

  Json properties_ = Json::object();
  Json conditions_ = Json::array();
  std::vector<std::string_view> required_;
};

}  // namespace

std::string json_schema() {
  Config defaults;
  Schema visitor;
  describe(visitor, defaults);
  Json schema{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
              {"title", "Configuration of Trading Data Market"},
              {"description",
               "config/*.yaml, read by `tdm --config FILE` and CONFIG_PATH. Paths in it are relative to "
               "the working directory."}};
  schema.update(std::move(visitor).take());
  return schema.dump(2) + "\n";
}

}  // namespace tdm::config
