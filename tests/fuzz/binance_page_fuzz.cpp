// Binance's answers to our requests: rows that keep every promise of a page, or an error.
#include <algorithm>
#include <functional>
#include <string>

#include "tdm/sources/binance/detail/parse.hpp"
#include "tdm/sources/binance/detail/reply.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace tdm;
using fuzz::must;

void parse(std::string_view body, const Series& series) {
  const auto range = TimeRange::of(from_ms(1'672'531'200'000), from_ms(1'672'591'200'000));
  const auto page = sources::binance::parse_page(body, series, {range},
                                                 {from_ms(1'700'000'000'000), from_ms(1'700'000'000'001), "100"});
  if (!page) return;
  const auto& times = page->rows.open_time;
  must(std::ranges::adjacent_find(times, std::greater_equal{}) == times.end(), "open times increase");
  for (const auto time : times) {
    must(range.contains(time), "rows lie in the request");
    must(series.timeframe.on_grid(time), "rows lie on the grid");
  }
  must(page->rows.close.size() == times.size(), "columns have one length");
  must(page->rows.taker_buy_quote_volume.size() == times.size(), "columns have one length");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto spot = Series::parse("binance.spot.BTCUSDT@1m").value();
  static const auto coinm = Series::parse("binance.coinm.BTCUSD_PERP@1m").value();
  const auto text = fuzz::text_of(data, size);
  parse(text, spot);
  parse(text, coinm);
  (void)sources::binance::parse_server_time(text);
  (void)sources::binance::parse_exchange_info(text, "coinm");
  net::HttpReply reply;
  for (const int status : {200, 400, 418}) {
    reply.status = status;
    reply.body = text;
    const auto verdict = sources::binance::judge_reply(reply, from_ms(1'700'000'000'000), sources::binance::Pool::spot);
    must(!verdict.pause_all || verdict.wait, "a pause has an end");
    must(!verdict.wait || *verdict.wait <= std::chrono::hours{96}, "no pause is longer than four days");
  }
  return 0;
}
