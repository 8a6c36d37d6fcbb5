#include "tdm/sources/json_scan.hpp"

namespace tdm::sources {

namespace ondemand = simdjson::ondemand;

namespace {

// The JSON grammar of a number: the token iterator only looks at the first character.
bool is_json_number(std::string_view text) {
  const auto skip_digits = [&] {
    std::size_t digits = 0;
    while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
    text.remove_prefix(digits);
    return digits;
  };
  if (text.starts_with('-')) text.remove_prefix(1);
  const bool leading_zero = text.starts_with('0');
  const auto digits = skip_digits();
  if (digits == 0 || (leading_zero && digits > 1)) return false;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (skip_digits() == 0) return false;
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    if (skip_digits() == 0) return false;
  }
  return text.empty();
}

// What a string says. Most have no escapes and are viewed where they stand, which costs no copy.
std::string_view string_of(ondemand::value value) {
  auto token = value.raw_json_token();
  while (!token.empty() && token.back() != '"') token.remove_suffix(1);  // what stands between this token and the next
  const bool whole = token.size() >= 2 && token.find('\\') == std::string_view::npos;
  return whole ? token.substr(1, token.size() - 2) : value.get_string().value();
}

}  // namespace

void require_end(ondemand::document& json) {
  if (json.current_location().error() != simdjson::OUT_OF_BOUNDS)
    throw simdjson::simdjson_error{simdjson::TRAILING_CONTENT};
}

std::string_view trimmed(std::string_view text) {
  const auto last = text.find_last_not_of(" \t\r\n");
  return last == std::string_view::npos ? std::string_view{} : text.substr(0, last + 1);
}

std::string_view span_of(const char* begin, ondemand::document& json) {
  const char* const next = json.current_location().value();
  return trimmed({begin, static_cast<std::size_t>(next - begin)});
}

std::optional<std::string_view> text_of(ondemand::value value) {
  switch (value.type().value()) {
    case ondemand::json_type::string: return string_of(value);
    case ondemand::json_type::number: {
      const auto token = trimmed(value.raw_json_token());
      if (!is_json_number(token)) throw simdjson::simdjson_error{simdjson::NUMBER_ERROR};
      return token;
    }
    case ondemand::json_type::null: {
      if (!value.is_null()) throw simdjson::simdjson_error{simdjson::N_ATOM_ERROR};
      return std::nullopt;
    }
    case ondemand::json_type::boolean: return value.get_bool().value() ? "true" : "false";
    case ondemand::json_type::array: return trimmed(value.get_array().value().raw_json().value());
    case ondemand::json_type::object: return trimmed(value.get_object().value().raw_json().value());
  }
  throw simdjson::simdjson_error{simdjson::TAPE_ERROR};
}

std::string_view json_of(ondemand::value value) {
  // Whatever is no string is its own JSON.
  if (value.type().value() != ondemand::json_type::string) return text_of(value).value_or("null");
  const auto token = trimmed(value.raw_json_token());
  (void)value.get_string().value();  // moves on
  return token;
}

}  // namespace tdm::sources
