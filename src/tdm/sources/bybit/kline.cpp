#include "tdm/sources/bybit/detail/kline.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <charconv>
#include <stdexcept>

#include "tdm/sources/json_scan.hpp"  // text_of, trimmed, require_end
#include "tdm/sources/json_text.hpp"  // parse_ms, describe_bad_body

namespace tdm::sources::bybit {
namespace {

namespace ondemand = simdjson::ondemand;

// Thrown inside this file only: an answer that is JSON but of another shape.
class WrongShape : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

constexpr std::size_t kColumns = 7;
constexpr std::size_t kUsualRowBytes = 80;

std::string read_extra(std::string extra, std::size_t column, ondemand::value value) {
  return fmt::format("{}{}\"column_{}\":{}", extra, extra.empty() ? "{" : ",", column + 1, json_of(value));
}

void read_row(KlineRow& row, ondemand::document& json, ondemand::value value) {
  if (value.type().value() != ondemand::json_type::array) {
    row.raw = text_of(value).value_or("null");
    return;
  }
  const char* const begin = value.raw_json_token().data();
  auto fields = value.get_array().value();
  std::size_t column = 0;
  for (auto field : fields) {
    auto cell = field.value();
    if (column >= kColumns) {
      row.extra = read_extra(std::move(row.extra), column, cell);
    } else if (const auto text = text_of(cell); column > 0) {
      row.values[column - 1] = text;
    } else if (text) {
      row.open_time = parse_ms(*text);
    }
    ++column;
  }
  if (!row.extra.empty()) row.extra += '}';
  row.raw = span_of(begin, json);
}

void read_list(KlineDocument& document, ondemand::document& json, ondemand::value value) {
  if (value.type().value() != ondemand::json_type::array) throw WrongShape{"result.list is not an array"};
  auto list = value.get_array().value();  // named: a loop does not keep what it would come from
  for (auto row : list) read_row(document.rows.emplace_back(), json, row.value());
}

std::string required_text(ondemand::value value, std::string_view name) {
  const auto text = text_of(value);
  if (!text) throw WrongShape{fmt::format("{} is null", name)};
  return std::string{*text};
}

// One field of `result`; true when it is the list.
bool read_result_field(KlineDocument& document, ondemand::document& json, std::string_view key, ondemand::value value) {
  if (key == "list") {
    read_list(document, json, value);
    return true;
  }
  if (key == "symbol") {
    document.symbol = required_text(value, key);
  } else if (key == "category") {
    document.category = required_text(value, key);
  } else {
    ++document.unknown_fields;
  }
  return false;
}

bool read_result(KlineDocument& document, ondemand::document& json, ondemand::value value) {
  if (value.type().value() != ondemand::json_type::object) return false;
  int lists = 0;
  auto object = value.get_object().value();
  for (auto field : object) {
    const auto key = field.unescaped_key().value();
    lists += read_result_field(document, json, key, field.value().value()) ? 1 : 0;
  }
  if (lists > 1) throw WrongShape{"result.list stands twice"};
  return lists == 1;
}

std::int64_t read_code(ondemand::value value) {
  const auto text = text_of(value).value_or("null");
  std::int64_t code = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), code);
  if (error != std::errc{} || end != text.data() + text.size()) throw WrongShape{"retCode is not an integer"};
  return code;
}

// One field of the envelope; false when `key` is none.
bool read_envelope_field(std::optional<Envelope>& envelope, std::string_view key, ondemand::value value) {
  if (key != "retCode" && key != "retMsg" && key != "time" && key != "retExtInfo") return false;
  if (key == "retExtInfo") return true;
  if (!envelope) envelope.emplace();
  if (key == "retCode") {
    envelope->code = read_code(value);
  } else if (key == "retMsg") {
    envelope->message = std::string{text_of(value).value_or("")};
  } else if (const auto text = text_of(value)) {
    envelope->time = parse_ms(*text);
  }
  return true;
}

void read_document(KlineDocument& document, ondemand::document& json) {
  int lists = 0;
  int codes = 0;
  auto object = json.get_object().value();
  for (auto field : object) {
    const auto key = field.unescaped_key().value();
    auto value = field.value().value();
    codes += key == "retCode" ? 1 : 0;
    if (key == "result") {
      lists += read_result(document, json, value) ? 1 : 0;
    } else if (!read_envelope_field(document.envelope, key, value)) {
      lists += read_result_field(document, json, key, value) ? 1 : 0;
    }
  }
  require_end(json);
  if (document.envelope && codes == 0) throw WrongShape{"retCode is missing"};
  if (codes > 1 || lists > 1) throw WrongShape{"retCode or result.list stands twice"};
  if (document.envelope && document.envelope->code != 0) {
    document.rows.clear();
  } else if (lists == 0) {
    throw WrongShape{"result.list is missing"};
  }
}

}  // namespace

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
  document.rows.reserve(text.size() / kUsualRowBytes);
  try {
    auto json = document.text_->parser.iterate(document.text_->bytes).value();
    read_document(document, json);
  } catch (const simdjson::simdjson_error& error) {
    return fail(ErrorCode::corrupt_data, describe_bad_body(text, error.what()));
  } catch (const WrongShape& shape) {
    return fail(ErrorCode::corrupt_data, shape.what());
  }
  return document;
}

Result<Envelope> parse_envelope(std::string_view body) {
  std::optional<Envelope> envelope;
  bool has_code = false;
  try {
    const simdjson::padded_string bytes{body};
    ondemand::parser parser;
    auto json = parser.iterate(bytes).value();
    auto object = json.get_object().value();
    for (auto field : object) {
      const auto key = field.unescaped_key().value();
      has_code |= key == "retCode";
      read_envelope_field(envelope, key, field.value().value());
    }
    require_end(json);
  } catch (const simdjson::simdjson_error& error) {
    return fail(ErrorCode::corrupt_data, describe_bad_body(body, error.what()));
  } catch (const WrongShape& shape) {
    return fail(ErrorCode::corrupt_data, shape.what());
  }
  if (!has_code) return fail(ErrorCode::corrupt_data, "retCode is missing");
  return *std::move(envelope);
}

}  // namespace tdm::sources::bybit
