#include "tdm/sources/decode_lines.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "tdm/core/decimal.hpp"  // Decimal

namespace tdm::sources {

Line Events::begin(std::string_view kind) const { return {{"kind", kind}, {"line", line_}, {"exchange", exchange_}}; }

Line Events::begin(std::string_view kind, std::string_view market, std::string_view symbol) const {
  const auto stated = [](std::string_view name) { return name.empty() ? Line(nullptr) : Line(name); };
  auto line = begin(kind);
  line["market"] = stated(market);
  line["symbol"] = stated(symbol);
  return line;
}

void Events::emit(const Line& line) const { sink_(to_line(line)); }

void Events::error(ErrorCode code, std::string_view message) const {
  emit({{"kind", "error"}, {"line", line_}, {"code", to_string(code)}, {"message", message}});
}

std::string_view target_path(std::string_view target) { return target.substr(0, target.find('?')); }

std::string_view target_parameter(std::string_view target, std::string_view name) {
  const auto query = target.find('?');
  if (query == std::string_view::npos) return {};
  auto rest = target.substr(query + 1);
  while (!rest.empty()) {
    const auto pair = rest.substr(0, rest.find('&'));
    if (pair.starts_with(name) && pair.substr(name.size()).starts_with('=')) return pair.substr(name.size() + 1);
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
  }
  return {};
}

Line text_or_null(const Json& value) {
  auto text = text_of(value);
  return text ? Line(*std::move(text)) : Line(nullptr);
}

Line micros_or_null(const Json& value) {
  const auto text = text_of(value);
  const auto time = text ? parse_ms(*text) : std::nullopt;
  return time ? Line(to_us(*time)) : Line(nullptr);
}

void emit_instrument(const Events& events, const Instrument& instrument) {
  const std::array<std::pair<std::string_view, const std::string&>, 3> numbers{
      {{"tick_size", instrument.tick_size},
       {"lot_size", instrument.lot_size},
       {"contract_size", instrument.contract_size}}};
  for (const auto& [name, value] : numbers)
    if (!Decimal::parse(value))
      return events.error(ErrorCode::corrupt_data,
                          fmt::format("the instrument {} has {} missing or not a number", instrument.id.text(), name));
  const auto ms_or_null = [](std::optional<TimePoint> time) { return time ? Line(to_ms(*time)) : Line(nullptr); };
  auto line = events.begin("instrument", instrument.id.market.text(), instrument.id.symbol.text());
  line["base"] = instrument.base;
  line["quote"] = instrument.quote;
  line["settle"] = instrument.settle;
  line["contract_type"] = instrument.contract_type;
  line["status"] = instrument.status;
  line["active"] = instrument.active;
  line["tick_size"] = instrument.tick_size;
  line["lot_size"] = instrument.lot_size;
  line["contract_size"] = instrument.contract_size;
  line["launch_time"] = ms_or_null(instrument.launch_time);
  line["delivery_time"] = ms_or_null(instrument.delivery_time);
  line["details"] = Line::parse(instrument.details);
  events.emit(line);
}

}  // namespace tdm::sources
