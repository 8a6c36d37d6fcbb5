// `tdm config show`: the whole configuration with every default written out.
#include <fmt/format.h>

#include <charconv>
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

// Visits the table and writes what has a value; what is left out on reading is left out here.
class Writer {
 public:
  template <class T, class Rule>
  void key(std::string_view name, T& member, const Rule& rule, std::string_view) {
    put(name, value_of(member, rule));
  }
  template <class T, class Rule>
  void required(std::string_view name, T& member, const Rule& rule, std::string_view) {
    put(name, value_of(member, rule));
  }
  template <class T, class Rule>
  void map(std::string_view name, std::map<std::string, T>& members, const detail::Names&, const Rule& rule,
           std::string_view) {
    Json object = Json::object();
    for (auto& [key, member] : members) object[key] = value_of(member, rule);
    if (!object.empty()) put(name, std::move(object));
  }
  template <class T>
  void list(std::string_view name, std::vector<T>& members, std::size_t, std::string_view) {
    Json array = Json::array();
    for (auto& member : members) array.push_back(value_of(member, detail::Section{}));
    if (!array.empty()) put(name, std::move(array));
  }
  void needs(std::string_view, std::string_view, std::initializer_list<std::string_view>) {}
  void reserved(std::string_view, std::string_view) {}

  Json take() && { return std::move(object_); }

 private:
  void put(std::string_view name, Json value) {
    if (!value.is_null()) object_[std::string{name}] = std::move(value);
  }

  template <class T, class Rule>
  static Json value_of(T& member, const Rule& rule) {
    if constexpr (Describes<Writer, T>) {
      Writer part;
      describe(part, member);
      return std::move(part).take();
    } else if constexpr (requires { member.has_value(); }) {
      return member ? value_of(*member, rule) : Json{};
    } else if constexpr (requires { member.count(); }) {
      return member.count();
    } else if constexpr (std::is_same_v<T, std::string>) {
      return member.empty() ? Json{} : Json(member);
    } else {
      return member;
    }
  }

  Json object_ = Json::object();
};

Json document_of(const Config& config) {
  Config copy = config;
  Writer writer;
  describe(writer, copy);
  return std::move(writer).take();
}

// Text stays plain where nobody can take it for anything else; else it is quoted as JSON quotes, which YAML reads
// alike.
std::string yaml_text(const std::string& text) {
  const bool plain = !text.empty() && std::isalpha(static_cast<unsigned char>(text.front())) != 0 &&
                     text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-") ==
                         std::string::npos &&
                     text != "true" && text != "false" && text != "null" && text != "yes" && text != "no" &&
                     text != "inf" && text != "nan";
  return plain ? text : Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string yaml_scalar(const Json& value) {
  return value.is_string() ? yaml_text(value.get<std::string>()) : value.dump();
}

void append_yaml(std::string& out, const Json& object, std::size_t indent) {
  const auto named = object.items();
  for (const auto& [key, value] : named) {
    out += fmt::format("{:{}}{}:", "", indent, yaml_text(key));
    if (value.is_object() && value.empty()) {
      out += " {}\n";
    } else if (value.is_object()) {
      out += '\n';
      append_yaml(out, value, indent + 2);
    } else if (value.is_array()) {
      out += '\n';
      for (const auto& item : value) {
        std::string part;
        append_yaml(part, item, indent + 4);
        part.replace(indent + 2, 2, "- ");
        out += part;
      }
    } else {
      out += fmt::format(" {}\n", yaml_scalar(value));
    }
  }
}

}  // namespace

std::string to_json(const Config& config) {
  return document_of(config).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string to_yaml(const Config& config) {
  std::string out;
  append_yaml(out, document_of(config), 0);
  return out;
}

}  // namespace tdm::config
