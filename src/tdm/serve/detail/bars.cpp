#include "tdm/serve/detail/bars.hpp"

#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/writer.h>

#include <charconv>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>
#include <variant>

#include "tdm/query/arrow.hpp"  // to_record_batch

namespace tdm::serve {
namespace {

using Json = nlohmann::ordered_json;

std::string json_text(std::string_view text) {
  return Json(std::string{text}).dump(-1, ' ', false, Json::error_handler_t::replace);
}

// One buffer that grows by halves; a row never asks more than once for room.
class Text {
 public:
  explicit Text(std::size_t expected) { buffer_.resize(expected); }

  void put(char letter) {
    room(1);
    buffer_[used_++] = letter;
  }
  void put(std::string_view text) {
    room(text.size());
    std::memcpy(buffer_.data() + used_, text.data(), text.size());
    used_ += text.size();
  }
  template <class T>
  void put_number(T value) {
    constexpr std::size_t kLongest = 32;  // the longest shortest double has 24 characters
    room(kLongest);
    const auto written = std::to_chars(buffer_.data() + used_, buffer_.data() + used_ + kLongest, value);
    used_ = static_cast<std::size_t>(written.ptr - buffer_.data());
  }
  std::string take() {
    buffer_.resize(used_);
    return std::move(buffer_);
  }

 private:
  void room(std::size_t bytes) {
    if (used_ + bytes > buffer_.size()) buffer_.resize((used_ + bytes) * 3 / 2);
  }
  std::string buffer_;
  std::size_t used_ = 0;
};

// How a cell is written where nothing stands, and where text stands.
struct JsonCells {
  static void absent(Text& out) { out.put("null"); }
  static void text(Text& out, std::string_view value) { out.put(json_text(value)); }
};
struct CsvCells {
  static void absent(Text&) {}
  static void text(Text& out, std::string_view value) {
    if (value.find_first_of(",\"\r\n") == std::string_view::npos) return out.put(value);
    out.put('"');
    for (const char letter : value) {
      if (letter == '"') out.put('"');
      out.put(letter);
    }
    out.put('"');
  }
};

template <class Cells>
void put_cell(Text& out, const Column& column, std::size_t row) {
  if (!column.valid.empty() && column.valid[row] == 0) return Cells::absent(out);
  std::visit(
      [&]<class T>(const T& data) {
        if constexpr (std::is_same_v<T, const TextColumn*>) {
          const auto value = (*data)[row];
          value ? Cells::text(out, *value) : Cells::absent(out);
        } else if constexpr (std::is_same_v<T, std::span<const TimePoint>>) {
          out.put_number(to_ms(data[row]));
        } else if constexpr (std::is_same_v<T, std::span<const double>>) {
          std::isfinite(data[row]) ? out.put_number(data[row]) : Cells::absent(out);
        } else {
          out.put_number(data[row]);
        }
      },
      column.data);
}

std::size_t expected_bytes(const Frame& frame) {
  constexpr std::size_t kHead = 8'192, kCell = 14;
  return kHead + frame.rows * frame.columns.size() * kCell;
}

void put_json_head(Text& out, const query::Answer& answer) {
  const auto& series = answer.series;
  const Json head{{"exchange", series.instrument.exchange.text()},
                  {"market", series.instrument.market.text()},
                  {"symbol", series.instrument.symbol.text()},
                  {"price_kind", to_string(series.price_kind)},
                  {"timeframe", series.timeframe.name()}};
  out.put("{\"series\":");
  out.put(head.dump());
  out.put(",\"range\":{\"start\":");
  out.put_number(to_ms(answer.range.begin()));
  out.put(",\"end\":");
  out.put_number(to_ms(answer.range.end()));
  out.put("},\"provenance\":");
  out.put(query::to_json(answer.provenance));
  out.put(",\"columns\":[");
  for (std::size_t at = 0; at < answer.frame.columns.size(); ++at) {
    if (at != 0) out.put(',');
    out.put(json_text(answer.frame.columns[at].name));
  }
  out.put("],\"data\":");
}

std::string finish_json(Text& out, const query::Answer& answer) {
  out.put(",\"next_cursor\":");
  out.put(answer.next_cursor ? json_text(*answer.next_cursor) : std::string{"null"});
  out.put('}');
  return out.take();
}

std::string json_rows(const query::Answer& answer) {
  const auto& frame = answer.frame;
  Text out{expected_bytes(frame)};
  put_json_head(out, answer);
  out.put('[');
  for (std::size_t row = 0; row < frame.rows; ++row) {
    out.put(row == 0 ? "[" : ",[");
    for (std::size_t at = 0; at < frame.columns.size(); ++at) {
      if (at != 0) out.put(',');
      put_cell<JsonCells>(out, frame.columns[at], row);
    }
    out.put(']');
  }
  out.put(']');
  return finish_json(out, answer);
}

std::string json_columns(const query::Answer& answer) {
  const auto& frame = answer.frame;
  Text out{expected_bytes(frame)};
  put_json_head(out, answer);
  out.put('{');
  for (std::size_t at = 0; at < frame.columns.size(); ++at) {
    if (at != 0) out.put(',');
    out.put(json_text(frame.columns[at].name));
    out.put(":[");
    for (std::size_t row = 0; row < frame.rows; ++row) {
      if (row != 0) out.put(',');
      put_cell<JsonCells>(out, frame.columns[at], row);
    }
    out.put(']');
  }
  out.put('}');
  return finish_json(out, answer);
}

std::string csv(const query::Answer& answer) {
  const auto& frame = answer.frame;
  Text out{expected_bytes(frame)};
  for (std::size_t at = 0; at < frame.columns.size(); ++at) {
    if (at != 0) out.put(',');
    CsvCells::text(out, frame.columns[at].name);
  }
  out.put('\n');
  for (std::size_t row = 0; row < frame.rows; ++row) {
    for (std::size_t at = 0; at < frame.columns.size(); ++at) {
      if (at != 0) out.put(',');
      put_cell<CsvCells>(out, frame.columns[at], row);
    }
    out.put('\n');
  }
  return out.take();
}

arrow::Result<std::string> arrow_stream(const std::shared_ptr<const query::Answer>& answer) {
  const auto batch = query::to_record_batch(answer);
  ARROW_ASSIGN_OR_RAISE(auto sink, arrow::io::BufferOutputStream::Create());
  ARROW_ASSIGN_OR_RAISE(auto writer, arrow::ipc::MakeStreamWriter(sink, batch->schema()));
  ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(*batch));
  ARROW_RETURN_NOT_OK(writer->Close());
  ARROW_ASSIGN_OR_RAISE(auto buffer, sink->Finish());
  return buffer->ToString();
}

Result<std::string> body_of(const std::shared_ptr<const query::Answer>& answer, BarFormat format) {
  switch (format) {
    case BarFormat::json: return json_rows(*answer);
    case BarFormat::columns: return json_columns(*answer);
    case BarFormat::csv: return csv(*answer);
    case BarFormat::arrow: {
      auto stream = arrow_stream(answer);
      if (!stream.ok()) return fail(ErrorCode::internal, "Arrow: " + stream.status().ToString());
      return std::move(stream).ValueOrDie();
    }
  }
  std::abort();  // not a format at all: memory is corrupt
}

// The types of an Accept header, without parameters; quality values are not weighed, order is taken as preference.
std::optional<BarFormat> accepted(std::string_view accept) {
  while (!accept.empty()) {
    const auto comma = accept.find(',');
    auto type = accept.substr(0, comma);
    accept = comma == std::string_view::npos ? std::string_view{} : accept.substr(comma + 1);
    type = type.substr(0, type.find(';'));
    while (!type.empty() && type.front() == ' ') type.remove_prefix(1);
    while (!type.empty() && type.back() == ' ') type.remove_suffix(1);
    if (type == "*/*" || type == "application/*" || type == "application/json") return BarFormat::json;
    if (type == "text/csv" || type == "text/*") return BarFormat::csv;
    if (type == "application/vnd.apache.arrow.stream") return BarFormat::arrow;
  }
  return std::nullopt;
}

}  // namespace

std::string_view content_type(BarFormat format) {
  switch (format) {
    case BarFormat::json:
    case BarFormat::columns: return "application/json";
    case BarFormat::csv: return "text/csv; charset=utf-8";
    case BarFormat::arrow: return "application/vnd.apache.arrow.stream";
  }
  std::abort();  // not a format at all: memory is corrupt
}

std::optional<BarFormat> choose_format(const std::optional<std::string>& format,
                                       std::optional<std::string_view> accept) {
  if (format) {
    if (*format == "columns") return BarFormat::columns;
    if (*format == "csv") return BarFormat::csv;
    if (*format == "arrow") return BarFormat::arrow;
    return BarFormat::json;
  }
  return accept ? accepted(*accept) : BarFormat::json;
}

Result<net::ServerReply> render(std::shared_ptr<const query::Answer> answer, BarFormat format) {
  auto body = body_of(answer, format);
  if (!body) return std::unexpected{std::move(body).error()};
  net::ServerReply reply;
  reply.body = *std::move(body);
  reply.headers.emplace_back("Content-Type", std::string{content_type(format)});
  if (format == BarFormat::csv || format == BarFormat::arrow) {
    if (answer->next_cursor) reply.headers.emplace_back("X-TDM-Next-Cursor", *answer->next_cursor);
    if (format == BarFormat::csv) reply.headers.emplace_back("X-TDM-Provenance", query::to_json(answer->provenance));
  }
  return reply;
}

}  // namespace tdm::serve
