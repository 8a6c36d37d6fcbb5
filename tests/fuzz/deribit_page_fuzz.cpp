// Deribit's answers to our requests: rows that keep every promise of a page, or an error.
#include <algorithm>
#include <functional>
#include <string>

#include "tdm/sources/deribit/detail/parse.hpp"
#include "tdm/sources/deribit/detail/reply.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace tdm;
using fuzz::must;

const Series& series() {
  static const auto value = Series::parse("deribit.future.BTC-PERPETUAL@1m").value();
  return value;
}

void parse(std::string_view body) {
  const auto range = TimeRange::of(from_ms(1'672'531'200'000), from_ms(1'672'591'200'000));
  const auto parsed = sources::deribit::parse_page(body, series(), {range}, from_ms(1'700'000'000'000));
  if (!parsed) return;
  const auto& times = parsed->page.rows.open_time;
  must(std::ranges::adjacent_find(times, std::greater_equal{}) == times.end(), "open times increase");
  for (const auto time : times) {
    must(range.contains(time), "rows lie in the request");
    must(series().timeframe.on_grid(time), "rows lie on the grid");
  }
  must(parsed->page.rows.close.size() == times.size(), "columns have one length");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  parse(text);
  (void)sources::deribit::parse_server_time(text);
  (void)sources::deribit::parse_instruments(text, "future");
  net::HttpReply reply;
  reply.status = 400;
  reply.body = text;
  const auto verdict = sources::deribit::judge_reply(reply, from_ms(1'700'000'000'000), 3);
  must(!verdict.wait || *verdict.wait <= sources::deribit::kLongestPause, "no pause is longer than the longest");
  return 0;
}
