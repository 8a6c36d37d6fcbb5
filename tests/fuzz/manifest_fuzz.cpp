// Files that readers trust: what parses is written back the same, and anything else is corrupt_data with the file's
// name.
#include "tdm/store/duckdb/detail/manifest_file.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace tdm;
using namespace tdm::store::duckdb::detail;
using fuzz::must;

template <class Parse, class Write>
void check(std::string_view text, Parse parse, Write write) {
  const auto parsed = parse(text);
  if (!parsed) {
    must(parsed.error().code == ErrorCode::corrupt_data, "what does not parse is damaged");
    must(parsed.error().message.find("f.json") != std::string::npos, "the message names the file");
    return;
  }
  const auto written = write(*parsed);
  const auto again = parse(written);
  must(again.has_value(), "what is written parses");
  must(write(*again) == written, "what is written is stable");
}

// A tail of columns that differ in length would be read past the end of one.
void check_lengths(const BarColumns& tail) {
  const auto rows = tail.size();
  for (const auto* column : {&tail.open, &tail.high, &tail.low, &tail.close, &tail.volume})
    must(column->size() == rows, "columns of the tail have one length");
  must(tail.quote_volume.size() == rows && tail.trade_count.size() == rows && tail.taker_buy_volume.size() == rows &&
           tail.taker_buy_quote_volume.size() == rows && tail.finality.size() == rows &&
           tail.quality_flags.size() == rows && tail.source.size() == rows && tail.revision.size() == rows &&
           tail.available_at.size() == rows && tail.recorded_at.size() == rows && tail.rule_version.size() == rows,
       "columns of the tail have one length");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  if (const auto state = parse_state(text, "f.json")) check_lengths(state->manifest.tail);
  check(
      text, [](std::string_view json) { return parse_state(json, "f.json"); },
      [](const SeriesState& state) { return to_json(state); });
  check(
      text, [](std::string_view json) { return parse_listing(json, "f.json"); },
      [](const store::Store::Listing& listing) { return to_json(listing); });
  check(
      text, [](std::string_view json) { return parse_resolutions(json, "f.json"); },
      [](const std::vector<store::Resolution>& all) { return to_json(all); });
  check(
      text, [](std::string_view json) { return parse_origins(json, "f.json"); },
      [](const std::map<std::string, std::string>& origins) { return origins_to_json(origins); });
  return 0;
}
