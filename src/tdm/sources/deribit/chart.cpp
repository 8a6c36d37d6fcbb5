#include "tdm/sources/deribit/detail/chart.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <stdexcept>

#include "tdm/core/decimal.hpp"       // Decimal
#include "tdm/sources/json_scan.hpp"  // text_of, json_of, require_end
#include "tdm/sources/json_text.hpp"  // parse_json, parse_ms, describe_bad_body

namespace tdm::sources::deribit {
namespace {

namespace ondemand = simdjson::ondemand;

// Thrown inside this file only: an answer that is JSON but of another shape.
class WrongShape : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::optional<TimePoint> parse_us(std::string_view text) {
  constexpr std::int64_t kYear10000 = 253'402'300'800'000'000;
  const auto decimal = Decimal::parse(text);
  const auto us = decimal ? decimal->to_scaled(0).value_or(-1) : -1;
  return us >= 0 && us < kYear10000 ? std::optional{from_us(us)} : std::nullopt;
}

std::optional<std::chrono::milliseconds> wait_of(const Json& data) {
  constexpr std::int64_t kDay = 86'400'000;
  const auto text = text_of(data, "wait");
  const auto seconds = text ? Decimal::parse(*text) : Result<Decimal>{std::unexpect, Error{}};
  const auto ms = seconds ? multiply(*seconds, Decimal::from_scaled(1'000, 0)) : seconds;
  if (!ms || *ms < Decimal{} || Decimal::from_scaled(kDay, 0) < *ms) return std::nullopt;
  return std::chrono::milliseconds{static_cast<std::int64_t>(ms->to_double())};
}

RpcError read_error(ondemand::value value) {
  const auto json = parse_json(json_of(value));
  const auto code = json ? integer_of(member(*json, "code")) : std::nullopt;
  if (!code) throw WrongShape{"error.code is missing or not an integer"};
  RpcError error;
  error.code = *code;
  error.message = text_of(*json, "message").value_or("");
  const auto& data = member(*json, "data");
  error.reason = text_of(data, "reason").value_or(text_of(data).value_or(""));
  error.parameter = text_of(data, "param").value_or("");
  error.wait = wait_of(data);
  return error;
}

bool is_null(ondemand::value value) { return value.type().value() == ondemand::json_type::null && value.is_null(); }

// One field of the envelope; false when `key` is none. `result` is the caller's.
bool read_envelope_field(Envelope& envelope, std::string_view key, ondemand::value value) {
  if (key == "error") {
    if (!is_null(value)) envelope.error = read_error(value);
    return true;
  }
  if (key == "usIn") {
    if (const auto text = text_of(value)) envelope.time = parse_us(*text);
    return true;
  }
  return key == "jsonrpc" || key == "id" || key == "usOut" || key == "usDiff" || key == "testnet";
}

std::size_t column_of(std::string_view key) {
  return static_cast<std::size_t>(std::ranges::find(kChartColumns, key) - kChartColumns.begin());
}

}  // namespace

struct ChartDocument::Text {
  explicit Text(std::string_view text) : bytes{text} {}
  simdjson::padded_string bytes;
  ondemand::parser parser;
};

// Fills a document from its JSON; used once.
class ChartReader {
 public:
  explicit ChartReader(ChartDocument& document) : document_{document} {}

  void read() {
    auto json = document_.text_->parser.iterate(document_.text_->bytes).value();
    auto object = json.get_object().value();
    for (auto field : object) {
      const auto key = field.unescaped_key().value();
      read_field(key, field.value().value());
    }
    require_end(json);
    if (is_envelope_) document_.envelope = envelope_;
    if (envelope_.error) {
      document_.columns = {};
    } else {
      check_shape();
    }
  }

 private:
  void read_field(std::string_view key, ondemand::value value) {
    if (key == "result") {
      is_envelope_ = envelope_.has_result = true;
      read_result(value);
    } else if (read_envelope_field(envelope_, key, value)) {
      is_envelope_ = true;
    } else {
      read_result_field(key, value);
    }
  }

  void read_result(ondemand::value value) {
    if (value.type().value() != ondemand::json_type::object) throw WrongShape{"result is not an object"};
    auto object = value.get_object().value();
    for (auto field : object) {
      const auto key = field.unescaped_key().value();
      read_result_field(key, field.value().value());
    }
  }

  void read_result_field(std::string_view key, ondemand::value value) {
    const auto column = column_of(key);
    if (key == "status") {
      status_ = text_of(value).value_or("null");
    } else if (column < kChartColumns.size()) {
      read_column(column, value);
    } else {
      ++document_.unknown_fields;
    }
  }

  void read_column(std::size_t column, ondemand::value value) {
    if (seen_[column]) throw WrongShape{fmt::format("{} comes twice", kChartColumns[column])};
    seen_[column] = true;
    if (is_null(value)) return;
    if (value.type().value() != ondemand::json_type::array)
      throw WrongShape{fmt::format("{} is not an array", kChartColumns[column])};
    auto array = value.get_array().value();  // named: a loop does not keep what it would come from
    for (auto item : array) document_.columns[column].push_back(text_of(item.value()));
  }

  void check_shape() const {
    const auto rows = document_.rows();
    for (std::size_t column = 0; column < kChartColumns.size(); ++column)
      if (document_.columns[column].size() != rows)
        throw WrongShape{fmt::format("ticks has {} values and {} has {}", rows, kChartColumns[column],
                                     document_.columns[column].size())};
    if (status_ == "no_data") {
      if (rows > 0) throw WrongShape{fmt::format("status is no_data and there are {} rows", rows)};
    } else if (!status_.empty() && status_ != "ok") {
      throw WrongShape{fmt::format("status '{}' is not known", status_)};
    } else if (!seen_[0]) {
      throw WrongShape{"ticks is missing"};
    }
  }

  ChartDocument& document_;
  Envelope envelope_;
  bool is_envelope_ = false;
  std::string status_;
  std::array<bool, kChartColumns.size()> seen_{};
};

ChartDocument::ChartDocument(std::unique_ptr<Text> text) : text_{std::move(text)} {}
ChartDocument::ChartDocument(ChartDocument&&) noexcept = default;
ChartDocument::~ChartDocument() = default;

Result<ChartDocument> ChartDocument::parse(std::string_view text) {
  ChartDocument document{std::make_unique<Text>(text)};
  try {
    ChartReader{document}.read();
  } catch (const simdjson::simdjson_error& error) {
    return fail(ErrorCode::corrupt_data, describe_bad_body(text, error.what()));
  } catch (const WrongShape& shape) {
    return fail(ErrorCode::corrupt_data, shape.what());
  }
  return document;
}

std::optional<TimePoint> ChartDocument::open_time(std::size_t row) const {
  const auto tick = value(ChartColumn::ticks, row);
  return tick ? parse_ms(*tick) : std::nullopt;
}

std::string ChartDocument::row_text(std::size_t row) const {
  std::string text;
  for (std::size_t column = 0; column < kChartColumns.size(); ++column) {
    const auto value = columns[column][row];
    const auto shown = !value                   ? std::string{"null"}
                       : Decimal::parse(*value) ? std::string{*value}
                                                : to_line(Json(std::string{*value}));
    text += fmt::format("{}\"{}\":{}", text.empty() ? "{" : ",", kChartColumns[column], shown);
  }
  return text + "}";
}

Result<Envelope> parse_envelope(std::string_view body) {
  Envelope envelope;
  try {
    const simdjson::padded_string bytes{body};
    ondemand::parser parser;
    auto json = parser.iterate(bytes).value();
    auto object = json.get_object().value();
    for (auto field : object) {
      const auto key = field.unescaped_key().value();
      auto value = field.value().value();
      if (key == "result") {
        envelope.has_result = true;
      } else {
        read_envelope_field(envelope, key, value);
      }
    }
    require_end(json);
  } catch (const simdjson::simdjson_error& error) {
    return fail(ErrorCode::corrupt_data, describe_bad_body(body, error.what()));
  } catch (const WrongShape& shape) {
    return fail(ErrorCode::corrupt_data, shape.what());
  }
  if (!envelope.has_result && !envelope.error)
    return fail(ErrorCode::corrupt_data, "the answer has neither result nor error");
  return envelope;
}

}  // namespace tdm::sources::deribit
