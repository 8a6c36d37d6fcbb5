#pragma once

#include <yaml-cpp/yaml.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "tdm/core/error.hpp"  // Result
#include "tdm/core/time.hpp"   // TimePoint

namespace tdm::sim {

// Where a node stands: "FILE:LINE:COLUMN: what", as an error of code configuration.
Error yaml_error(const YAML::Node& node, std::string_view file, std::string_view what);

// Reads a whole YAML (or JSON) file. Unreadable files and bad YAML are configuration errors that name the place.
Result<YAML::Node> read_yaml(const std::string& file);

// The keys of one YAML mapping, read strictly: a key that is not among `known`, a missing required one or a value of
// another type is an error. The first error is kept, and every later read gives the default, so that a reader checks
// once at its end.
class Fields {
 public:
  Fields(const YAML::Node& node, std::string file, std::initializer_list<std::string_view> known);

  bool has(std::string_view key) const;
  YAML::Node node(std::string_view key) const;
  std::string text(std::string_view key);  // required
  std::string text(std::string_view key, std::string otherwise);
  double number(std::string_view key, double otherwise, double least, double most);
  std::int64_t integer(std::string_view key, std::int64_t otherwise, std::int64_t least, std::int64_t most);
  bool flag(std::string_view key, bool otherwise);
  std::optional<TimePoint> time(std::string_view key);

  void refuse(std::string_view key, std::string_view what);  // an error at the value of that key
  void keep(const std::optional<Error>& error);
  const std::optional<Error>& error() const { return error_; }
  const std::string& file() const { return file_; }

 private:
  YAML::Node node_;
  std::string file_;
  std::optional<Error> error_;
};

}  // namespace tdm::sim
