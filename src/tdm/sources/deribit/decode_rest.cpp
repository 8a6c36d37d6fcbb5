#include <fmt/format.h>

#include <algorithm>

#include "tdm/net/http_client.hpp"               // HttpReply
#include "tdm/sources/deribit/detail/chart.hpp"  // ChartDocument
#include "tdm/sources/deribit/detail/decode.hpp"
#include "tdm/sources/deribit/detail/parse.hpp"     // parse_instrument
#include "tdm/sources/deribit/detail/protocol.hpp"  // timeframe_of
#include "tdm/sources/deribit/detail/reply.hpp"     // judge_reply

namespace tdm::sources::deribit {
namespace {

// From the shortest distance between neighbours: a hole only makes distances longer.
std::optional<Timeframe> timeframe_by_spacing(const ChartDocument& document) {
  std::optional<Micros> shortest;
  for (std::size_t row = 1; row < document.rows(); ++row) {
    const auto before = document.open_time(row - 1);
    const auto time = document.open_time(row);
    if (!before || !time || *time <= *before) continue;
    if (!shortest || *time - *before < *shortest) shortest = *time - *before;
  }
  for (const auto timeframe : Timeframe::all())
    if (shortest && resolution_of(timeframe) && timeframe.nominal_length() == *shortest) return timeframe;
  return std::nullopt;
}

std::optional<TimePoint> last_open_time(const ChartDocument& document) {
  std::optional<TimePoint> last;
  for (std::size_t row = 0; row < document.rows(); ++row)
    if (const auto time = document.open_time(row)) last = std::max(last, time);
  return last;
}

Json sent(std::optional<std::string_view> text) { return text ? Json(std::string{*text}) : Json(nullptr); }

void decode_rows(const Events& events, const ChartDocument& document, std::string_view symbol, Timeframe timeframe,
                 bool assumed) {
  const auto last = last_open_time(document);
  const auto now = document.envelope ? document.envelope->time : std::nullopt;
  for (std::size_t row = 0; row < document.rows(); ++row) {
    const auto open_time = document.open_time(row);
    if (!open_time || !timeframe.on_grid(*open_time)) {
      events.error(ErrorCode::corrupt_data,
                   fmt::format("a row has no open time on the {} grid: {}", timeframe.name(), document.row_text(row)));
      continue;
    }
    const auto value = [&](ChartColumn column) { return sent(document.value(column, row)); };
    // The exchange's clock proves it; without one, that a later bar exists.
    const bool closed = *open_time < *last || (now && timeframe.close_of(*open_time) <= *now);
    const SentBar bar{symbol,
                      timeframe,
                      *open_time,
                      value(ChartColumn::open),
                      value(ChartColumn::high),
                      value(ChartColumn::low),
                      value(ChartColumn::close),
                      value(ChartColumn::volume),
                      value(ChartColumn::cost),
                      closed,
                      "rest",
                      assumed};
    emit_bar(events, bar);
  }
}

// The error that the connector would make of the answer, when it is one.
std::optional<Error> failure_of(const Json& document, std::string_view text) {
  if (!document.contains("error")) return std::nullopt;
  net::HttpReply reply;
  reply.status = 200;
  reply.body = text;
  const auto verdict = judge_reply(reply, TimePoint{}, 0);
  return verdict.next == Verdict::Next::accept ? std::nullopt : std::optional{verdict.error};
}

void decode_instrument(const Events& events, const Json& row) {
  const auto instrument = parse_instrument(row);
  instrument ? emit_instrument(events, *instrument) : events.error(instrument.error());
}

void decode_time(const Events& events, const Json& result) {
  auto line = events.begin("control");
  line["event"] = "server_time";
  line["time_us"] = micros_or_null(result);
  events.emit(line);
}

void decode_empty(const Events& events) {
  auto line =
      events.begin("control", events.request().market, target_parameter(events.request().target, "instrument_name"));
  line["event"] = "empty_list";
  events.emit(line);
}

void decode_object(const Events& events, const Json& result) {
  if (result.contains("kind")) return decode_instrument(events, result);
  if (const auto& trades = member(result, "trades"); trades.is_array()) {
    if (trades.empty()) return decode_empty(events);
    for (const auto& trade : trades) emit_trade(events, trade);
    return;
  }
  if (result.contains("bids") && result.contains("asks")) return emit_book(events, result, "snapshot");
  if (result.contains("instrument_name") && result.contains("mark_price"))
    return emit_ticker(events, result, "snapshot");
  events.error(ErrorCode::invalid_argument, "the answer is of no known method: give the request");
}

}  // namespace

void decode_chart(const Events& events, std::string_view text) {
  const auto document = ChartDocument::parse(text);
  if (!document) return events.error(document.error());
  const auto& target = events.request().target;
  if (document->rows() == 0) return decode_empty(events);
  const auto symbol = target_parameter(target, "instrument_name");
  if (symbol.empty())
    return events.error(ErrorCode::invalid_argument, "the instrument is not stated: give the request");
  const auto resolution = target_parameter(target, "resolution");
  const auto timeframe = resolution.empty() ? timeframe_by_spacing(*document) : timeframe_of(resolution);
  if (!timeframe)
    return events.error(ErrorCode::invalid_argument,
                        resolution.empty()
                            ? "the resolution is not stated and the bars do not show it: give the request"
                            : fmt::format("bars of resolution '{}' are not on our grid", resolution));
  decode_rows(events, *document, symbol, *timeframe, resolution.empty());
}

void decode_rest(const Events& events, std::string_view text) {
  const auto document = parse_json(text);
  if (!document) return events.error(document.error());
  if (!document->is_object()) return events.error(ErrorCode::corrupt_data, "a REST answer is a JSON object");
  if (const auto failure = failure_of(*document, text)) return events.error(*failure);

  // Without an envelope the document is the result itself.
  const auto& result = document->contains("result") ? (*document)["result"] : *document;
  if (target_path(events.request().target).ends_with("/get_time") || result.is_number_integer())
    return decode_time(events, result);
  if (result.is_array()) {
    if (result.empty()) return decode_empty(events);
    for (const auto& row : result)
      row.is_object() ? decode_object(events, row)
                      : events.error(ErrorCode::invalid_argument, "the rows are of no known method: give the request");
    return;
  }
  if (!result.is_object()) return events.error(ErrorCode::corrupt_data, "result is missing");
  if (result.contains("ticks") || result.contains("status")) return decode_chart(events, text);
  decode_object(events, result);
}

}  // namespace tdm::sources::deribit
