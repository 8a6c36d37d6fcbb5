#include "sim/deribit/replay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "sim/deribit/chart.hpp"
#include "sim/deribit/envelope.hpp"
#include "sim/deribit/instruments.hpp"

namespace tdm::sim::deribit {
namespace {

using Json = Recordings::Json;

// Which call a file answers. What the body does not say is said here: instrument and resolution of the chart, as the
// recordings' README has them.
struct File {
  std::string_view name, method, instrument, resolution;
};
constexpr File kFiles[] = {
    {"http_get_tradingview_chart_data.json", "public/get_tradingview_chart_data", "BTC-PERPETUAL", "1"},
    {"http_get_instrument.json", "public/get_instrument", "", ""},
    {"http_get_instruments_future_combo.json", "public/get_instruments", "", ""},
    {"http_get_last_trades.json", "public/get_last_trades_by_instrument_and_time", "", ""},
    {"http_get_last_trades_future_combo.json", "public/get_last_trades_by_instrument", "", ""},
    {"http_get_last_trades_option_combo.json", "public/get_last_trades_by_instrument", "", ""},
    {"http_get_order_book.json", "public/get_order_book", "", ""},
    {"http_get_expirations_any.json", "public/get_expirations", "", ""},
};

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string word_of(const Json& object, const char* key) {
  if (!object.is_object()) return {};
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

// The instrument that a result speaks of.
std::string instrument_of(const Json& result) {
  if (result.is_array()) return result.empty() ? std::string{} : word_of(result[0], "instrument_name");
  if (const auto trades = result.find("trades"); trades != result.end()) return instrument_of(*trades);
  return word_of(result, "instrument_name");
}

// R: crypto_msg_parser/rest_responses.jsonl has no requests beside the answers; books have a change_id.
std::string_view method_of(const Json& result) {
  if (result.is_array()) return "public/get_book_summary_by_instrument";
  return result.contains("change_id") ? "public/get_order_book" : "";
}

// "…/api/v2/public/get_instruments?currency=BTC&expired=false": the group.
std::string group_of_url(std::string_view url) {
  const std::string_view key = "/public/get_instruments?currency=";
  const std::size_t at = url.find(key);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = url.substr(at + key.size());
  return std::string{rest.substr(0, rest.find('&'))};
}

}  // namespace

Recordings::Whole Recordings::whole_of(std::string method, std::string instrument, const Json& body) {
  const auto sent = body.find("usIn");
  const bool stated = sent != body.end() && sent->is_number_integer();
  return {std::move(method), std::move(instrument), body["result"], stated ? sent->get<std::int64_t>() : 0};
}

void Recordings::add_instruments(const std::string& group, const Json& rows) {
  if (!rows.is_array()) return;
  for (const Json& row : rows) {
    const std::string name = word_of(row, "instrument_name");
    if (name.empty()) continue;
    instruments_.insert_or_assign(name, Instrument{group.empty() ? word_of(row, "settlement_currency") : group, row});
  }
}

Result<void> Recordings::add_chart(const std::string& instrument, const std::string& resolution, const Json& columns) {
  const auto bad = [&] {
    return fail(ErrorCode::corrupt_data,
                fmt::format("recorded chart of {} {}: expected arrays of one length", instrument, resolution));
  };
  const auto length = columns.value("ticks", Json::array()).size();
  for (const std::string_view name : kChartColumns) {
    const auto column = columns.find(name);
    if (column == columns.end() || !column->is_array() || column->size() != length) return bad();
  }
  auto& bars = charts_[{instrument, resolution}];
  for (std::size_t i = 0; i < length; ++i) {
    if (!columns["ticks"][i].is_number_integer()) return bad();
    Bar& bar = bars[columns["ticks"][i].get<std::int64_t>()];
    for (std::size_t k = 0; k < bar.size(); ++k) bar[k] = columns[std::string{kChartColumns[k]}][i];
  }
  return {};
}

void Recordings::load_lines(const std::string& file) {
  std::ifstream in{file, std::ios::binary};
  std::string line;
  while (std::getline(in, line)) {
    const std::size_t arrow = line.find(" -> ");
    const std::size_t colon = arrow == std::string::npos ? arrow : line.find(": ", arrow);
    if (colon == std::string::npos) continue;
    const Json body = Json::parse(line.substr(colon + 2), nullptr, false);
    const std::string group = group_of_url(std::string_view{line}.substr(0, arrow));
    if (!group.empty() && body.is_object() && body.contains("result")) add_instruments(group, body["result"]);
  }
}

// "public/get_tradingview_chart_data BTC_USDT resolution 60, asked at …". The other lines have numbers as texts, which
// Deribit does not send, so they are left out.
Result<void> Recordings::load_captions(const std::string& file) {
  std::ifstream in{file, std::ios::binary};
  std::string line;
  while (std::getline(in, line)) {
    const Json entry = Json::parse(line, nullptr, false);
    std::istringstream caption{word_of(entry, "what")};
    std::string method, instrument, word, resolution;
    caption >> method >> instrument >> word >> resolution;
    if (method != "public/get_tradingview_chart_data" || word != "resolution") continue;
    if (resolution.ends_with(',')) resolution.pop_back();
    const Json response = entry.value("httpResponse", Json::object());
    if (!response.contains("result")) continue;
    if (auto added = add_chart(instrument, resolution, response["result"]); !added) return added;
  }
  return {};
}

void Recordings::load_cassette(const Json& file) {
  if (!file.is_array() || file.empty() || !file[0].contains("response")) return;
  const Json body = Json::parse(word_of(file[0]["response"], "body"), nullptr, false);
  if (body.is_object() && body.contains("result")) wholes_.push_back(whole_of("public/get_currencies", {}, body));
}

Result<void> Recordings::load_file(const std::string& file, const std::string& name) {
  if (name == "DERIBIT.0") {
    load_lines(file);
    return {};
  }
  if (name == "static_responses_public.jsonl") {
    return load_captions(file);
  }
  if (name == "get_currencies_ok.json") {
    load_cassette(Json::parse(text_of(file), nullptr, false));
    return {};
  }
  if (name == "rest_responses.jsonl") {
    std::ifstream in{file, std::ios::binary};
    for (std::string line; std::getline(in, line);) {
      const Json body = Json::parse(line, nullptr, false);
      if (!body.is_object() || !body.contains("result")) continue;
      const std::string_view method = method_of(body["result"]);
      if (method.empty()) continue;
      wholes_.push_back(whole_of(std::string{method}, instrument_of(body["result"]), body));
    }
    return {};
  }
  const auto* const known = std::ranges::find(kFiles, name, &File::name);
  if (known == std::end(kFiles)) return {};
  const Json body = Json::parse(text_of(file), nullptr, false);
  if (!body.is_object() || !body.contains("result")) {
    return fail(ErrorCode::corrupt_data, fmt::format("{}: expected a JSON-RPC answer", file));
  }
  const Json& result = body["result"];
  if (!known->resolution.empty()) {
    return add_chart(std::string{known->instrument}, std::string{known->resolution}, result);
  }
  if (known->method.starts_with("public/get_instrument")) {
    add_instruments({}, result.is_array() ? result : Json::array({result}));
  } else {
    wholes_.push_back(whole_of(std::string{known->method}, instrument_of(result), body));
  }
  return {};
}

Result<std::unique_ptr<const Recordings>> Recordings::load(const std::string& folder) {
  std::error_code failure;
  std::set<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{folder, failure}) {
    if (entry.is_regular_file()) files.insert(entry.path());
  }
  if (failure) return fail(ErrorCode::invalid_argument, fmt::format("{}: {}", folder, failure.message()), "replay");
  auto recordings = std::make_unique<Recordings>();
  for (const auto& file : files) {
    if (const auto loaded = recordings->load_file(file.string(), file.filename().string()); !loaded) {
      return std::unexpected{loaded.error()};
    }
  }
  if (recordings->empty()) {
    return fail(ErrorCode::invalid_argument, fmt::format("{}: no recorded REST answer is there", folder), "replay");
  }
  return recordings;
}

Answer Recordings::answer(const Call& call, const DeribitSettings& settings) const {
  if (call.method == "public/get_tradingview_chart_data") return chart(call, settings);
  if (call.method == "public/get_instruments") return get_instruments(call, settings);
  if (call.method == "public/get_instrument") return get_instrument(call, settings);
  if (const Whole* const whole = latest(call.method, parameter(call, "instrument_name").value_or(""))) {
    return success(call, whole->result.dump());
  }
  const bool known = std::ranges::find(wholes_, call.method, &Whole::method) != wholes_.end();
  const Refusal refusal = known ? unknown_instrument() : Refusal{-32'601, "Method not found"};
  return refused(call, refusal, settings.error_status);
}

const Recordings::Whole* Recordings::latest(std::string_view method, std::string_view instrument) const {
  const Whole* found = nullptr;
  for (const Whole& whole : wholes_) {
    const bool fits = whole.method == method && (whole.instrument.empty() || whole.instrument == instrument);
    if (fits && (found == nullptr || whole.sent_us > found->sent_us)) found = &whole;
  }
  return found;
}

Answer Recordings::chart(const Call& call, const DeribitSettings& settings) const {
  const auto window = chart_window(call);
  if (!window) return refused(call, window.error(), settings.error_status);
  const bool known = std::ranges::any_of(
      charts_, [&](const auto& series) { return std::string_view{series.first.first} == window->instrument; });
  if (!known) return refused(call, unknown_instrument(), settings.error_status);
  std::vector<std::int64_t> ticks;
  std::array<std::string, kChartColumns.size()> columns;
  const auto series = charts_.find({std::string{window->instrument}, std::string{window->word}});
  if (series != charts_.end()) {
    const std::int64_t last = to_ms(std::min(window->last, call.now));
    for (auto bar = series->second.lower_bound(to_ms(window->first)); bar != series->second.end(); ++bar) {
      if (bar->first > last) break;
      for (std::size_t i = 0; i < columns.size(); ++i) {
        if (!ticks.empty()) columns[i] += ',';
        columns[i] += bar->second[i].dump();
      }
      ticks.push_back(bar->first);
    }
  }
  return chart_answer(call, ticks, columns);
}

Answer Recordings::get_instruments(const Call& call, const DeribitSettings& settings) const {
  // Groups that are gone, as SOL of 2022, are asked for by name.
  Call of_any = call;
  const std::string group{parameter(call, "currency").value_or("any")};
  std::erase_if(of_any.parameters, [](const auto& sent) { return sent.first == "currency"; });
  const auto filter = instrument_filter(of_any);
  if (!filter) return refused(call, filter.error(), settings.error_status);
  Json rows = Json::array();
  for (const auto& [name, instrument] : instruments_) {
    if (filter->expired || (group != "any" && instrument.group != group)) continue;  // none was recorded as expired
    if (!filter->kind.empty() && word_of(instrument.row, "kind") != filter->kind) continue;
    rows.push_back(instrument.row);
  }
  Answer answer = success(call, rows.dump());
  answer.rows = static_cast<std::int64_t>(rows.size());
  return answer;
}

Answer Recordings::get_instrument(const Call& call, const DeribitSettings& settings) const {
  const auto name = required(call, "instrument_name");
  if (!name) return refused(call, name.error(), settings.error_status);
  const auto found = instruments_.find(*name);
  if (found == instruments_.end()) return refused(call, unknown_instrument(), settings.error_status);
  Answer answer = success(call, found->second.row.dump());
  answer.rows = 1;
  return answer;
}

}  // namespace tdm::sim::deribit
