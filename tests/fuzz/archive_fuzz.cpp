// Files of Binance's archives: what a page promises of its rows, or an error; and both ways to the same rows agree.
#include <algorithm>
#include <functional>
#include <string>

#include "tdm/sources/binance/detail/archive.hpp"
#include "tdm/sources/zip_member.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace tdm;
using fuzz::must;
using sources::Page;
using sources::PageRequest;

const auto kMonth = TimeRange::of(from_ms(1'672'531'200'000), from_ms(1'675'209'600'000));
const PageRequest kRequest{TimeRange::of(kMonth.begin(), from_ms(1'672'591'200'000)), kMonth};

void check(const Result<Page>& page, const Series& series) {
  if (!page) {
    must(page.error().code == ErrorCode::corrupt_data, "a file that cannot be read is corrupt");
    return;
  }
  const auto& rows = page->rows;
  must(std::ranges::adjacent_find(rows.open_time, std::greater_equal{}) == rows.open_time.end(), "open times increase");
  for (const auto time : rows.open_time) {
    must(kRequest.range.contains(time), "rows lie in the request");
    must(series.timeframe.on_grid(time), "rows lie on the grid");
  }
  must(rows.close.size() == rows.size() && rows.extra.size() == rows.size(), "columns have one length");
  must(rows.channel.size() == rows.size() && rows.ingest_id.size() == rows.size(), "columns have one length");
  must(std::ranges::all_of(rows.channel, [](Channel channel) { return channel == Channel::archive; }), "the channel");
}

void parse(std::string_view text, const Series& series) {
  const sources::binance::PageContext context{from_ms(1'700'000'000'000), from_ms(1'700'000'000'001), "100"};
  const auto page = sources::binance::parse_archive(text, series, kRequest, context);
  check(page, series);
  check(sources::binance::parse_archive_zip(text, series, kRequest, context), series);
  // A row off the grid sends the whole file on the careful way.
  if (!page || page->rows.size() == 0) return;
  const std::string odd = std::string{text} + "\n1672531200001,1,1,1,1,1,1672531259999,1,1,1,1,0\n";
  const auto careful = sources::binance::parse_archive(odd, series, kRequest, context);
  must(careful.has_value() && careful->rows == page->rows, "both ways give the same rows");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto spot = Series::parse("binance.spot.BTCUSDT@1m").value();
  static const auto coinm = Series::parse("binance.coinm.BTCUSD_PERP@1m").value();
  const auto text = fuzz::text_of(data, size);
  parse(text, spot);
  parse(text, coinm);
  const auto member = sources::read_zip_member(text, {.content = 1u << 20, .ratio = 1'000});
  must(!member || member->content.size() <= 1u << 20, "the limit of the content");
  (void)sources::binance::parse_checksum(text, "BTCUSDT-1m-2023-01.zip");
  return 0;
}
