// The extension module: the engine's door as Python sees it. No logic of its own; every call releases the GIL.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "python/bindings/answer.hpp"
#include "python/bindings/call.hpp"
#include "tdm/app/engine.hpp"  // Door

namespace tdm::python {
namespace {

using query::ReadRequest;
using Text = std::optional<std::string>;

std::optional<std::int64_t> ms(const std::optional<TimePoint>& time) {
  return time ? std::optional{to_ms(*time)} : std::nullopt;
}

std::shared_ptr<app::Door> open_door(const Text& url, const Text& config, const Text& api_key, double timeout) {
  app::OpenOptions options;
  options.url = url;
  options.config_path = config;
  options.api_key = api_key;
  options.timeout = std::chrono::milliseconds{static_cast<std::int64_t>(timeout * 1000)};
  return call<std::shared_ptr<app::Door>>([&](const CallContext&) { return app::Door::open(options); });
}

// Stops calls that run: request_stop() may be called from any thread.
using Stop = std::shared_ptr<std::stop_source>;

CallControl control_of(const Stop& stop, nb::object progress = nb::none()) {
  return {std::move(progress), stop ? stop->get_token() : std::stop_token{}};
}

// A word of a closed list, or the engine's own error naming the parameter.
template <class T>
T word(Result<T> parsed) {
  if (!parsed) raise_error(parsed.error());
  return *parsed;
}

ReadRequest request_of(const nb::dict& fields) {
  ReadRequest request;
  const auto text = [&](const char* key) -> Text {
    return fields.contains(key) && !fields[key].is_none() ? Text{nb::cast<std::string>(fields[key])} : std::nullopt;
  };
  request.exchange = text("exchange").value_or("");
  request.symbol = text("symbol").value_or("");
  request.timeframe = text("timeframe").value_or("");
  request.market = text("market");
  request.price_kind = text("price_kind");
  request.start = text("start");
  request.end = text("end");
  request.as_of = text("as_of");
  request.day_start = text("day_start");
  if (fields.contains("columns")) request.columns = nb::cast<std::vector<std::string>>(fields["columns"]);
  if (const auto value = text("fetch")) request.fetch = word(query::parse_fetch(*value));
  if (const auto value = text("on_gap")) request.on_gap = word(query::parse_on_gap(*value));
  if (const auto value = text("straddle")) request.straddle = word(query::parse_straddle(*value));
  if (const auto value = text("fill")) request.fill = word(query::parse_fill(*value));
  if (fields.contains("min_quality") && !fields["min_quality"].is_none())
    request.min_quality = nb::cast<double>(fields["min_quality"]);
  if (fields.contains("include_open")) request.include_open = nb::cast<bool>(fields["include_open"]);
  if (fields.contains("confirmed_only")) request.confirmed_only = nb::cast<bool>(fields["confirmed_only"]);
  return request;
}

nb::dict to_dict(const Instrument& instrument) {
  nb::dict fields;
  fields["name"] = instrument.id.text();
  fields["exchange"] = instrument.id.exchange.text();
  fields["market"] = instrument.id.market.text();
  fields["symbol"] = instrument.id.symbol.text();
  fields["base"] = instrument.base;
  fields["quote"] = instrument.quote;
  fields["settle"] = instrument.settle;
  fields["contract_type"] = instrument.contract_type;
  fields["status"] = instrument.status;
  fields["active"] = instrument.active;
  fields["tick_size"] = instrument.tick_size;
  fields["lot_size"] = instrument.lot_size;
  fields["contract_size"] = instrument.contract_size;
  fields["launch_time"] = nb::cast(ms(instrument.launch_time));
  fields["delivery_time"] = nb::cast(ms(instrument.delivery_time));
  fields["valid_from"] = nb::cast(ms(instrument.valid_from));
  fields["valid_to"] = nb::cast(ms(instrument.valid_to));
  return fields;
}

nb::dict to_dict(const query::Coverage& coverage) {
  nb::dict fields;
  fields["series"] = coverage.series.text();
  fields["first"] = nb::cast(ms(coverage.first));
  fields["last"] = nb::cast(ms(coverage.last));
  fields["watermark"] = nb::cast(ms(coverage.watermark));
  fields["expected"] = coverage.expected;
  fields["present"] = coverage.present;
  fields["confirmed"] = coverage.confirmed;
  fields["gap_count"] = coverage.gap_count;
  return fields;
}

nb::dict to_dict(const query::Estimate& estimate) {
  nb::dict fields;
  fields["series"] = estimate.series.text();
  fields["start"] = to_ms(estimate.range.begin());
  fields["end"] = to_ms(estimate.range.end());
  fields["bars"] = estimate.bars;
  fields["missing_bars"] = estimate.missing_bars;
  fields["requests"] = estimate.requests;
  fields["bytes"] = estimate.bytes;
  fields["seconds"] = estimate.seconds;
  fields["archive_files"] = estimate.archive_files;
  fields["archive_bars"] = estimate.archive_bars;
  return fields;
}

template <class T>
nb::list to_dicts(const std::vector<T>& items) {
  nb::list list;
  for (const auto& item : items) list.append(to_dict(item));
  return list;
}

// The series that (exchange, symbol, market, timeframe) mean, resolved as a read resolves them.
Series series_of(query::MarketData& data, const std::string& exchange, const std::string& symbol, const Text& market,
                 const std::string& timeframe, const Stop& stop) {
  const auto parsed = word(Timeframe::parse(timeframe));
  const auto priced = word(query::parse_priced_symbol(symbol));
  const auto instrument = call<Instrument>(
      [&](const CallContext& context) { return data.instrument(exchange, priced.symbol, market, context.stop); },
      control_of(stop));
  return Series{instrument.id, priced.price_kind, parsed};
}

void bind_door(nb::module_& module) {
  nb::class_<app::Door>(module, "Door")
      .def(
          "read",
          [](app::Door& door, const nb::dict& fields, nb::object progress, const Stop& stop) {
            const auto request = request_of(fields);
            auto answer = call<query::Answer>(
                [&](const CallContext& context) {
                  return door.data().read(request, context.on_progress, context.stop);
                },
                control_of(stop, std::move(progress)));
            return std::make_shared<query::Answer>(std::move(answer));
          },
          nb::arg("request"), nb::arg("progress") = nb::none(), nb::arg("stop") = nb::none())
      .def(
          "instrument",
          [](app::Door& door, const std::string& exchange, const std::string& symbol, const Text& market,
             const Stop& stop) {
            return to_dict(call<Instrument>(
                [&](const CallContext& context) {
                  return door.data().instrument(exchange, symbol, market, context.stop);
                },
                control_of(stop)));
          },
          nb::arg("exchange"), nb::arg("symbol"), nb::arg("market") = nb::none(), nb::arg("stop") = nb::none())
      .def(
          "instruments",
          [](app::Door& door, const std::string& exchange, const Text& market, const Text& pattern, const Text& as_of,
             bool active_only, const Stop& stop) {
            query::InstrumentsRequest request;
            request.exchange = exchange;
            request.market = market;
            request.pattern = pattern;
            request.as_of = as_of;
            request.active_only = active_only;
            return to_dicts(call<std::vector<Instrument>>(
                [&](const CallContext& context) { return door.data().instruments(request, context.stop); },
                control_of(stop)));
          },
          nb::arg("exchange"), nb::arg("market") = nb::none(), nb::arg("pattern") = nb::none(),
          nb::arg("as_of") = nb::none(), nb::arg("active_only") = false, nb::arg("stop") = nb::none())
      .def(
          "series",
          [](app::Door& door, const std::string& exchange, const std::string& symbol, const Text& market,
             const std::string& timeframe,
             const Stop& stop) { return series_of(door.data(), exchange, symbol, market, timeframe, stop).text(); },
          nb::arg("exchange"), nb::arg("symbol"), nb::arg("market"), nb::arg("timeframe"), nb::arg("stop") = nb::none())
      .def(
          "coverage",
          [](app::Door& door, const std::string& series, const Text& start, const Text& end) {
            return to_dicts(call<std::vector<query::Coverage>>(
                [&](const CallContext&) { return door.data().coverage({series}, start, end); }));
          },
          nb::arg("series"), nb::arg("start") = nb::none(), nb::arg("end") = nb::none())
      .def(
          "gaps",
          [](app::Door& door, const std::string& series, const Text& start, const Text& end) {
            const auto gaps =
                call<std::vector<Gap>>([&](const CallContext&) { return door.data().gaps({series}, start, end); });
            std::vector<std::string> texts;
            for (const auto& gap : gaps) texts.push_back(query::to_json(gap));
            return texts;
          },
          nb::arg("series"), nb::arg("start") = nb::none(), nb::arg("end") = nb::none())
      .def(
          "estimate",
          [](app::Door& door, const std::string& series, const Text& start, const Text& end, const Stop& stop) {
            const auto parsed = word(Series::parse(series));
            return to_dict(call<query::Estimate>(
                [&](const CallContext& context) { return door.data().estimate(parsed, start, end, context.stop); },
                control_of(stop)));
          },
          nb::arg("series"), nb::arg("start") = nb::none(), nb::arg("end") = nb::none(), nb::arg("stop") = nb::none())
      .def("info",
           [](app::Door& door) {
             const auto info = call<query::ServerInfo>([&](const CallContext&) { return door.data().info(); });
             nb::dict fields;
             fields["version"] = info.version;
             fields["environment"] = info.environment;
             fields["door"] = info.door;
             fields["exchanges"] = nb::cast(info.exchanges);
             fields["backends"] = nb::cast(info.backends);
             return fields;
           })
      // After a fork the child has the door but none of its threads, so it must neither be used nor destroyed there.
      .def("abandon", [](const std::shared_ptr<app::Door>& door) { new std::shared_ptr<app::Door>{door}; });
  nb::class_<std::stop_source>(module, "StopSource")
      .def(nb::init<>())
      .def("request_stop", [](std::stop_source& source) { source.request_stop(); });
}

}  // namespace
}  // namespace tdm::python

NB_MODULE(_engine, module) {
  nanobind::set_leak_warnings(false);  // doors that a fork left behind stay on purpose
  tdm::python::bind_answer(module);
  tdm::python::bind_door(module);
  module.def("open", &tdm::python::open_door, nanobind::arg("url") = nanobind::none(),
             nanobind::arg("config") = nanobind::none(), nanobind::arg("api_key") = nanobind::none(),
             nanobind::arg("timeout") = 30.0);
  module.def("version", [] { return std::string{tdm::app::version()}; });
}
