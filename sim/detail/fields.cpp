#include "sim/detail/fields.hpp"

#include <fmt/format.h>

#include <charconv>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

namespace tdm::sim {
namespace {

template <class T>
std::optional<T> parse_whole(const std::string& text) {
  T value{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Error yaml_error(const YAML::Node& node, std::string_view file, std::string_view what) {
  const YAML::Mark mark = node.Mark();
  return Error{ErrorCode::configuration, fmt::format("{}:{}:{}: {}", file, mark.line + 1, mark.column + 1, what)};
}

Result<YAML::Node> read_yaml(const std::string& file) {
  std::ifstream in{file, std::ios::binary};
  if (!in) return fail(ErrorCode::configuration, fmt::format("{}: cannot be read", file));
  std::stringstream text;
  text << in.rdbuf();
  try {
    return YAML::Load(text.str());
  } catch (const YAML::Exception& problem) {
    return fail(ErrorCode::configuration,
                fmt::format("{}:{}:{}: {}", file, problem.mark.line + 1, problem.mark.column + 1, problem.msg));
  }
}

Fields::Fields(const YAML::Node& node, std::string file, std::initializer_list<std::string_view> known)
    : node_{node}, file_{std::move(file)} {
  if (!node_.IsMap()) {
    error_ = yaml_error(node_, file_, "expected a mapping of keys to values");
    return;
  }
  const std::vector<std::string> names{known.begin(), known.end()};
  std::vector<std::string> seen;
  for (const auto& entry : node_) {
    const auto key = entry.first.as<std::string>("");
    if (std::ranges::find(seen, key) != seen.end()) {
      keep(yaml_error(entry.first, file_, fmt::format("the key '{}' stands twice", key)));
    }
    seen.push_back(key);
    if (std::ranges::find(names, key) != names.end()) continue;
    const auto suggestions = nearest(key, names, 1);
    keep(yaml_error(entry.first, file_,
                    suggestions.empty() ? fmt::format("unknown key '{}', known are: {}", key, fmt::join(names, ", "))
                                        : fmt::format("unknown key '{}', did you mean '{}'?", key, suggestions[0])));
  }
}

bool Fields::has(std::string_view key) const { return node_.IsMap() && node(key).IsDefined(); }

YAML::Node Fields::node(std::string_view key) const { return std::as_const(node_)[std::string{key}]; }

std::string Fields::text(std::string_view key) {
  if (error_) return {};
  if (!has(key)) {
    keep(yaml_error(node_, file_, fmt::format("the key '{}' is missing", key)));
    return {};
  }
  return text(key, {});
}

std::string Fields::text(std::string_view key, std::string otherwise) {
  if (error_ || !has(key)) return otherwise;
  if (!node(key).IsScalar()) {
    refuse(key, "expected text");
    return otherwise;
  }
  return node(key).Scalar();
}

double Fields::number(std::string_view key, double otherwise, double least, double most) {
  if (error_ || !has(key)) return otherwise;
  const auto value = parse_whole<double>(text(key, {}));
  if (value && *value >= least && *value <= most) return *value;
  refuse(key, fmt::format("expected a number from {} to {}", least, most));
  return otherwise;
}

std::int64_t Fields::integer(std::string_view key, std::int64_t otherwise, std::int64_t least, std::int64_t most) {
  if (error_ || !has(key)) return otherwise;
  const auto value = parse_whole<std::int64_t>(text(key, {}));
  if (value && *value >= least && *value <= most) return *value;
  refuse(key, fmt::format("expected a whole number from {} to {}", least, most));
  return otherwise;
}

bool Fields::flag(std::string_view key, bool otherwise) {
  if (error_ || !has(key)) return otherwise;
  const std::string value = text(key, {});
  if (value == "true") return true;
  if (value == "false") return false;
  refuse(key, "expected true or false");
  return otherwise;
}

std::optional<TimePoint> Fields::time(std::string_view key) {
  if (error_ || !has(key)) return std::nullopt;
  const auto bound = parse_time_bound(text(key, {}), key);
  if (bound) return bound->first;
  refuse(key, bound.error().message);
  return std::nullopt;
}

void Fields::refuse(std::string_view key, std::string_view what) {
  keep(yaml_error(node(key), file_, fmt::format("{}: {}", key, what)));
}

void Fields::keep(const std::optional<Error>& error) {
  if (!error_ && error) error_ = error;
}

}  // namespace tdm::sim
