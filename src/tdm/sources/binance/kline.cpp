#include "tdm/sources/binance/detail/kline.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <charconv>

#include "tdm/sources/json_scan.hpp"  // text_of, json_of, require_end
#include "tdm/sources/json_text.hpp"  // parse_ms, describe_bad_body

namespace tdm::sources::binance {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::size_t kUsualRowBytes = 150;

struct Cell {
  std::optional<std::string_view> text;
  std::string_view json;
};

Cell read_cell(ondemand::value value) {
  if (value.type().value() != ondemand::json_type::string) {
    const auto text = text_of(value);
    return {text, text.value_or("null")};
  }
  const auto json = trimmed(value.raw_json_token());
  return {text_of(value), json};
}

void read_column(KlineRow& row, std::size_t number, ondemand::value value) {
  const auto cell = read_cell(value);
  if (number == 0) {
    if (cell.text) row.open_time = parse_ms(*cell.text);
    return;
  }
  const auto index = number - 1;
  if (index >= column::count) {
    row.further += fmt::format("{}\"column_{}\":{}", row.further.empty() ? "" : ",", number + 1, cell.json);
    return;
  }
  row.values[index] = cell.text;
  if (index == column::close_time) row.close_time_json = cell.json;
  if (index == column::unused) row.unused_json = cell.json;
}

void read_row(KlineRow& row, ondemand::document& json, ondemand::value value) {
  if (value.type().value() != ondemand::json_type::array) {
    row.raw = json_of(value);
    return;
  }
  const char* const begin = value.raw_json_token().data();
  auto fields = value.get_array().value();
  std::size_t number = 0;
  for (auto field : fields) read_column(row, number++, field.value());
  row.raw = span_of(begin, json);
}

void read_error_field(ErrorBody& error, std::string_view key, ondemand::value value) {
  const bool is_number = value.type().value() == ondemand::json_type::number;
  const auto text = text_of(value);
  if (key == "code" && text) {
    error.code_text = *text;
    std::int64_t code = 0;
    const auto [end, failed] = std::from_chars(text->data(), text->data() + text->size(), code);
    if (is_number && failed == std::errc{} && end == text->data() + text->size()) error.code = code;
  }
  if ((key == "msg" || key == "errorData") && text && error.message.empty()) error.message = *text;
}

}  // namespace

Result<std::optional<ErrorBody>> read_error(std::string_view body) {
  std::optional<ErrorBody> error;
  try {
    const simdjson::padded_string bytes{body};
    ondemand::parser parser;
    auto json = parser.iterate(bytes).value();
    if (json.type().value() == ondemand::json_type::array) {
      auto rows = json.get_array().value();
      for (auto row : rows) (void)row.value();
    } else {
      ErrorBody found;
      bool has_code = false;
      auto object = json.get_object().value();
      for (auto field : object) {
        const auto key = field.unescaped_key().value();
        has_code |= key == "code";
        if (key == "code" || key == "msg" || key == "errorData") read_error_field(found, key, field.value().value());
      }
      if (has_code) error = std::move(found);
    }
    require_end(json);
  } catch (const simdjson::simdjson_error& failure) {
    return fail(ErrorCode::corrupt_data, describe_bad_body(body, failure.what()));
  }
  return error;
}

struct KlineDocument::Text {
  explicit Text(std::string_view text) : bytes{text} {}
  simdjson::padded_string bytes;
  ondemand::parser parser;
};

KlineDocument::KlineDocument(std::unique_ptr<Text> text) : text_{std::move(text)} {}
KlineDocument::KlineDocument(KlineDocument&&) noexcept = default;
KlineDocument::~KlineDocument() = default;

Result<KlineDocument> KlineDocument::parse(std::string_view text) {
  KlineDocument document{std::make_unique<Text>(text)};
  try {
    auto json = document.text_->parser.iterate(document.text_->bytes).value();
    if (json.type().value() != ondemand::json_type::array)
      return fail(ErrorCode::corrupt_data,
                  "the answer is not an array of bars: " + describe_bad_body(text, "no array"));
    auto rows = json.get_array().value();
    document.rows.reserve(text.size() / kUsualRowBytes);
    for (auto row : rows) read_row(document.rows.emplace_back(), json, row.value());
    require_end(json);
  } catch (const simdjson::simdjson_error& error) {
    return fail(ErrorCode::corrupt_data, describe_bad_body(text, error.what()));
  }
  return document;
}

}  // namespace tdm::sources::binance
