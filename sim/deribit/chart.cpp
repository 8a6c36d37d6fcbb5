#include "sim/deribit/chart.hpp"

#include <algorithm>
#include <utility>

#include "sim/deribit/envelope.hpp"
#include "sim/deribit/instruments.hpp"
#include "sim/deribit/number_text.hpp"
#include "sim/detail/random.hpp"

namespace tdm::sim::deribit {
namespace {

// The newest bars of the window that exist now, at most as many as an answer holds.
std::vector<DatedBar> rows_of(const History& history, const ChartWindow& window, TimePoint now) {
  const Resolution& resolution = window.resolution;
  const TimePoint end = resolution.open_of(window.last) + resolution.length();  // after the last bar
  // One bar more than an answer holds, so that an incomplete oldest one is never among the newest.
  const std::size_t most = (kMostRows + 1) * static_cast<std::size_t>(resolution.parts);
  const auto parts = history.newest(PriceKind::last, resolution.part, window.first, end - Micros{1}, most, now);
  std::vector<DatedBar> rows;
  for (const DatedBar& part : parts) {
    const TimePoint tick = resolution.open_of(part.open_time);
    if (rows.empty() || rows.back().open_time != tick) rows.push_back({tick, TapeBar{}});
    append(rows.back().bar, part.bar);
  }
  if (rows.size() > kMostRows) rows.erase(rows.begin(), rows.end() - static_cast<std::ptrdiff_t>(kMostRows));
  return rows;
}

// §4.2: volume is base coin everywhere; cost is dollars on inverse futures, coin on inverse options, quote currency
// elsewhere.
void append_amounts(std::string& volume, std::string& cost, const TapeBar& bar, const Listing& listing,
                    Spellings& spellings) {
  const int scale = listing.turnover_scale();
  if (listing.inverse()) {
    append_number(volume, bar.turnover, scale, spellings.next());
    append_number(cost, Int128{bar.volume} * listing.contract_size, listing.lot.scale, spellings.next());
  } else {
    append_number(volume, bar.volume, listing.lot.scale, spellings.next());
    append_number(cost, bar.turnover, scale, spellings.next());
  }
}

}  // namespace

Parsed<ChartWindow> chart_window(const Call& call) {
  const auto instrument = required(call, "instrument_name");
  if (!instrument) return std::unexpected{instrument.error()};
  const auto start = time_parameter(call, "start_timestamp");
  if (!start) return std::unexpected{start.error()};
  const auto end = time_parameter(call, "end_timestamp");
  if (!end) return std::unexpected{end.error()};
  const auto word = required(call, "resolution");
  if (!word) return std::unexpected{word.error()};
  const auto resolution = resolution_of(*word);
  if (!resolution) return std::unexpected{invalid_parameter("resolution", "wrong format")};
  return ChartWindow{*instrument, *word, *resolution, resolution->open_of(*start), *end};
}

Answer chart_answer(const Call& call, const std::vector<std::int64_t>& ticks,
                    const std::array<std::string, kChartColumns.size()>& columns) {
  std::string times;
  for (const std::int64_t tick : ticks) {
    if (!times.empty()) times += ',';
    times += std::to_string(tick);
  }
  // That the arrays are empty, and not absent, when there is nothing is assumed (§5.2 [U]).
  Members members{{"status", ticks.empty() ? R"("no_data")" : R"("ok")"}, {"ticks", '[' + times + ']'}};
  for (std::size_t i = 0; i < columns.size(); ++i) members.emplace_back(kChartColumns[i], '[' + columns[i] + ']');
  Answer answer = success(call, object_text(std::move(members), call.draw + 3));
  answer.rows = static_cast<std::int64_t>(ticks.size());
  if (!ticks.empty()) {
    answer.first = from_ms(ticks.front());
    answer.last = from_ms(ticks.back());
  }
  return answer;
}

Answer chart(const World& world, const Call& call, const DeribitSettings& settings) {
  const auto window = chart_window(call);
  if (!window) return refused(call, window.error(), settings.error_status);
  const History* const history = find_instrument(world, call, settings);
  if (history == nullptr) return refused(call, unknown_instrument(), settings.error_status);
  std::vector<DatedBar> rows;
  if (window->first <= window->last) rows = rows_of(*history, *window, call.now);  // else nothing: assumed
  const Listing& listing = history->listing();
  std::vector<std::int64_t> ticks;
  std::array<std::string, kChartColumns.size()> columns;
  for (const DatedBar& row : rows) {
    const std::int64_t tick = to_ms(row.open_time);
    ticks.push_back(tick);
    Spellings spellings{settings.mixed_numbers, random_bits(call.draw, static_cast<std::uint64_t>(tick))};
    if (ticks.size() > 1) {
      for (std::string& column : columns) column += ',';
    }
    const std::int64_t prices[] = {row.bar.open, row.bar.high, row.bar.low, row.bar.close};
    for (std::size_t i = 0; i < 4; ++i) append_number(columns[i], prices[i], listing.tick.scale, spellings.next());
    append_amounts(columns[4], columns[5], row.bar, listing, spellings);
  }
  return chart_answer(call, ticks, columns);
}

}  // namespace tdm::sim::deribit
