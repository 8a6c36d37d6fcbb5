#include "tdm/sources/json_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "tdm/core/decimal.hpp"  // Decimal

namespace tdm::sources {
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
    const auto [at, is_new] = parent.get_ref<Json::object_t&>().try_emplace(key_, std::move(value));
    // The same twice says nothing new; of two different values nobody knows which is meant.
    return is_new || (at->second.is_primitive() && at->second == value) ? &at->second : nullptr;
  }
  bool add(Json value) { return place(std::move(value)) != nullptr || stop_at_key(); }
  bool open(Json container) {
    if (parents_.size() >= kMaxDepth) return stop(fmt::format("nested deeper than {}", kMaxDepth));
    auto* placed = place(std::move(container));
    if (placed == nullptr) return stop_at_key();
    parents_.push_back(placed);
    return true;
  }
  bool stop_at_key() { return stop(fmt::format("the key {} stands twice", to_line(Json(key_)))); }
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
  if (text.size() > kMaxJsonBytes)
    return fail(ErrorCode::corrupt_data,
                fmt::format("the answer is {} bytes long; more than {} are not read", text.size(), kMaxJsonBytes));
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

std::optional<TimePoint> parse_ms(std::string_view text) {
  constexpr std::int64_t kYear10000 = 253'402'300'800'000;
  std::int64_t ms = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ms);
  if (error != std::errc{} || end != text.data() + text.size()) {
    const auto decimal = Decimal::parse(text);
    ms = decimal ? decimal->to_scaled(0).value_or(-1) : -1;
  }
  return ms >= 0 && ms < kYear10000 ? std::optional{from_ms(ms)} : std::nullopt;
}

std::string lower(std::string_view text) {
  std::string result{text};
  std::ranges::transform(result, result.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return result;
}

std::string describe_bad_body(std::string_view body, std::string_view reason) {
  constexpr std::size_t kShown = 80;
  const auto start = body.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos) return "the answer is empty";
  std::string shown{body.substr(start, kShown)};
  std::ranges::replace_if(shown, [](char c) { return c < ' ' || c > '~'; }, '.');
  if (shown.starts_with('<')) return fmt::format("the answer is HTML, not JSON: {}", shown);
  return fmt::format("the answer is not JSON or was cut short ({}): {}", reason, shown);
}

}  // namespace tdm::sources
