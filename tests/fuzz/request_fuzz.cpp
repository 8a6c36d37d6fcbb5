// A query string as a client sends it, all the way through the engine: an answer that keeps its promises, or an error
// that a caller can act on.
#include <boost/asio/io_context.hpp>
#include <map>
#include <memory>
#include <string>

#include "tdm/net/detail/text.hpp"  // percent_decode
#include "tdm/query/engine.hpp"
#include "tdm/sources/registry.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "tests/support/memory_store.hpp"

namespace {

using namespace tdm;
using fuzz::must;

// Nobody can be asked, as without a network.
class Offline final : public ingest::Filler {
 public:
  explicit Offline(std::shared_ptr<store::Store> store) : store_{std::move(store)} {}
  Result<ingest::FillReport> fill(const ingest::FillRequest&) override { return unreachable(); }
  Result<void> refresh_instruments(std::string, std::string, std::chrono::seconds, std::stop_token) override {
    return unreachable();
  }
  Result<store::Resolution> remember(const store::Resolution& resolution, std::stop_token) override {
    return store_->lock({}, {}).value()->put_resolution(resolution);
  }
  Result<std::int64_t> accept_gaps(const Series&, TimeRange, std::string, std::stop_token) override {
    return unreachable();
  }
  Result<ingest::FillReport> import_bars(const ingest::ImportRequest&) override { return unreachable(); }
  Result<store::Footprint> remove(const Series&, store::Raw, std::stop_token) override { return unreachable(); }

 private:
  static std::unexpected<Error> unreachable() { return fail(ErrorCode::unavailable, "there is no network here"); }
  std::shared_ptr<store::Store> store_;
};

// Two days of hours of one instrument, with a hole of one hour.
void put_bars(store::Store& store) {
  const auto series = Series::parse("bybit.linear.BTCUSDT@1h").value();
  const auto begin = from_ms(1'704'067'200'000);  // 2024-01-01
  store::Batch batch{.series = series, .instrument = Instrument{.id = series.instrument}};
  batch.looked = {TimeRange::of(begin, begin + std::chrono::hours{48})};
  batch.watermark = batch.looked.front().end();
  for (int hour = 0; hour < 48; ++hour) {
    const auto time = begin + std::chrono::hours{hour};
    if (hour == 7) {
      Gap gap{.series = series, .range = TimeRange::of(time, time + std::chrono::hours{1}), .bars = 1};
      gap.looks = 1;
      batch.gaps.push_back(gap);
      continue;
    }
    auto& rows = batch.validated;
    rows.open_time.push_back(time);
    for (auto* prices : {&rows.open, &rows.high, &rows.low, &rows.close, &rows.volume}) prices->push_back(1 + hour);
    rows.quote_volume.append(1.0);
    rows.trade_count.append_null();
    rows.taker_buy_volume.append_null();
    rows.taker_buy_quote_volume.append_null();
    rows.finality.push_back(hour == 47 ? Finality::provisional : Finality::confirmed);
    rows.quality_flags.push_back(0);
    rows.source.push_back(Channel::rest);
    rows.revision.push_back(0);
    rows.available_at.push_back(time + std::chrono::hours{1});
    rows.recorded_at.push_back(time + std::chrono::hours{1});
    rows.rule_version.push_back(1);
  }
  const auto writer = store.lock({}, {}).value();
  must(writer->commit(batch).has_value(), "the bars are stored");
  must(writer->put_instruments("bybit", "linear", {batch.instrument}, begin).has_value(), "the list is stored");
}

std::shared_ptr<query::MarketData> make() {
  static boost::asio::io_context io;
  static const ManualClock clock{from_ms(1'704'240'000'000)};  // 2024-01-03
  const auto store = std::make_shared<support::MemoryStore>();
  put_bars(*store);
  const auto connector = sources::find_exchange("bybit")->make({}, io.get_executor(), clock).value();
  return query::make_engine(store, std::make_shared<Offline>(store), {{"bybit", connector}}, clock,
                            {.page_rows = 100, .filled_rows = 50'000});
}

std::map<std::string, std::string> words_of(std::string_view target) {
  std::map<std::string, std::string> words;
  while (!target.empty()) {
    const auto pair = target.substr(0, target.find('&'));
    target.remove_prefix(std::min(target.size(), pair.size() + 1));
    const auto equals = pair.find('=');
    const auto name = net::detail::percent_decode(pair.substr(0, equals), true);
    const auto value = net::detail::percent_decode(
        equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1), true);
    if (name && value) words.insert_or_assign(*name, *value);
  }
  return words;
}

query::ReadRequest request_of(const std::map<std::string, std::string>& words) {
  const auto text = [&](const char* name) -> std::optional<std::string> {
    const auto found = words.find(name);
    return found == words.end() ? std::nullopt : std::optional{found->second};
  };
  query::ReadRequest request;
  request.exchange = text("exchange").value_or("bybit");
  request.symbol = text("symbol").value_or("BTCUSDT");
  request.timeframe = text("timeframe").value_or("1h");
  request.market = text("market");
  request.price_kind = text("price_kind");
  request.start = text("start");
  request.end = text("end");
  request.as_of = text("as_of");
  request.cursor = text("cursor");
  if (const auto column = text("columns")) request.columns = {*column};
  request.fetch = query::parse_fetch(text("fetch").value_or("never")).value_or(query::Fetch::never);
  request.on_gap = query::parse_on_gap(text("on_gap").value_or("")).value_or(query::OnGap::warn);
  request.layer = query::parse_layer(text("layer").value_or("")).value_or(query::Layer::validated);
  request.straddle = query::parse_straddle(text("straddle").value_or("")).value_or(query::Straddle::withhold);
  request.fill = query::parse_fill(text("fill").value_or("")).value_or(query::Fill::none);
  request.day_start = text("day_start");
  request.include_open = words.contains("include_open");
  if (const auto limit = text("limit")) request.limit = std::atoll(limit->c_str());
  if (const auto quality = text("min_quality")) request.min_quality = std::atof(quality->c_str());
  return request;
}

void check(const query::ReadRequest& request, const query::Answer& answer) {
  must(answer.frame.rows <= 100 || !request.limit, "a page has no more rows than it may");
  must(answer.provenance.rows == static_cast<std::int64_t>(answer.frame.rows), "provenance counts the rows");
  must(query::to_json(answer.provenance).size() <= 4096, "provenance is at most 4 kB");
  const auto times = std::get<std::span<const TimePoint>>(answer.frame.columns.front().data);
  for (const auto time : times) must(answer.provenance.range.contains(time), "rows lie in the range");
  must(std::ranges::is_sorted(times), "rows are in order");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto engine = make();
  const auto request = request_of(words_of(fuzz::text_of(data, size)));
  const auto answer = engine->read(request, {}, {});
  if (answer) {
    check(request, *answer);
  } else {
    must(answer.error().code != ErrorCode::internal && answer.error().code != ErrorCode::corrupt_data,
         "a wrong request is the caller's mistake");
    must(!answer.error().message.empty(), "an error says what is wrong");
  }
  return 0;
}
