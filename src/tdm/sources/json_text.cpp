#include "tdm/sources/bybit/detail/json_text.hpp"

#include <fmt/format.h>

#include <charconv>
#include <vector>

#include "tdm/core/decimal.hpp"                // Decimal
#include "tdm/sources/bybit/detail/kline.hpp"  // describe_bad_body

namespace tdm::sources::bybit {
namespace {

// Builds the tree from the parser's events, which still know how a number was spelled.
class TreeBuilder final : public nlohmann::json_sax<Json> {
 public:
  explicit TreeBuilder(Json& root) : root_{root} {}
  const std::string& problem() const { return problem_; }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t, const string_t& text) override { return add(text); }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return stop("binary value"); }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool key(string_t& name) override {
    key_ = std::move(name);
    return true;
  }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    return stop(fmt::format("at byte {}", position));
  }

 private:
  Json* place(Json value) {
    if (parents_.empty()) return &(root_ = std::move(value));
    auto& parent = *parents_.back();
    if (parent.is_array()) return &parent.emplace_back(std::move(value));
    return &(parent[key_] = std::move(value));
  }
  bool add(Json value) {
    place(std::move(value));
    return true;
  }
  bool open(Json container) {
    if (parents_.size() >= kMaxDepth) return stop(fmt::format("nested deeper than {}", kMaxDepth));
    parents_.push_back(place(std::move(container)));
    return true;
  }
  bool close() {
    parents_.pop_back();
    return true;
  }
  bool stop(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

  Json& root_;
  std::vector<Json*> parents_;
  std::string key_;
  std::string problem_;
};

}  // namespace

Result<Json> parse_json(std::string_view text) {
  Json root;
  TreeBuilder builder{root};
  if (!Json::sax_parse(text, &builder))
    return fail(ErrorCode::corrupt_data, describe_bad_body(text, builder.problem()));
  return root;
}

const Json& member(const Json& parent, std::string_view key) {
  static const Json absent;
  if (!parent.is_object()) return absent;
  const auto found = parent.find(key);
  return found == parent.end() ? absent : *found;
}

std::optional<std::string> text_of(const Json& value) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return text.empty() ? std::nullopt : std::optional{text};
  }
  if (value.is_number_integer()) return value.dump();
  return std::nullopt;
}

std::optional<std::int64_t> integer_of(const Json& value) {
  const auto text = text_of(value);
  if (!text) return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error == std::errc{} && end == text->data() + text->size()) return number;
  const auto decimal = Decimal::parse(*text);
  if (!decimal) return std::nullopt;
  const auto exact = decimal->to_scaled(0);
  return exact ? std::optional{*exact} : std::nullopt;
}

}  // namespace tdm::sources::bybit
