#include "tdm/store/duckdb/detail/manifest_file.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace tdm::store::duckdb::detail {
namespace {

SeriesState state_with_tail() {
  const auto series = Series::parse("bybit.linear.BTCUSDT@1h").value();
  SeriesState state{Manifest{.series = series, .instrument = Instrument{.id = series.instrument}}};
  auto& tail = state.manifest.tail;
  for (const auto ms : {1'704'063'600'000, 1'704'067'200'000}) {
    tail.open_time.push_back(from_ms(ms));
    for (auto* prices : {&tail.open, &tail.high, &tail.low, &tail.close, &tail.volume}) prices->push_back(1.5);
    tail.quote_volume.append(2.0);
    tail.trade_count.append_null();
    tail.taker_buy_volume.append_null();
    tail.taker_buy_quote_volume.append_null();
    tail.finality.push_back(Finality::provisional);
    tail.quality_flags.push_back(0);
    tail.source.push_back(Channel::rest);
    tail.revision.push_back(0);
    tail.available_at.push_back(from_ms(ms));
    tail.recorded_at.push_back(from_ms(ms));
    tail.rule_version.push_back(1);
  }
  return state;
}

TEST(ManifestFile, ATailOfUnevenOrUnorderedColumnsIsDamage) {
  const auto text = to_json(state_with_tail());
  ASSERT_TRUE(parse_state(text, "f.json"));
  for (const auto* column : {"open", "quote_volume", "finality", "rule_version", "open_time"}) {
    auto json = nlohmann::json::parse(text);
    json["tail"][column].erase(0);
    const auto parsed = parse_state(json.dump(), "f.json");
    ASSERT_FALSE(parsed) << column;
    EXPECT_EQ(parsed.error().code, ErrorCode::corrupt_data);
  }
  auto json = nlohmann::json::parse(text);
  std::swap(json["tail"]["open_time"][0], json["tail"]["open_time"][1]);
  EXPECT_FALSE(parse_state(json.dump(), "f.json"));
}

TEST(ManifestFile, ACountThatIsNoWholeNumberOrDoesNotFitIsDamage) {
  const auto text = to_json(state_with_tail());
  for (const auto* wrong : {"1e75", "1.5", "true", "null", "18446744073709551615", "\"1\""}) {
    auto json = nlohmann::json::parse(text);
    json["rows"] = nlohmann::json::parse(wrong);
    const auto parsed = parse_state(json.dump(), "f.json");
    ASSERT_FALSE(parsed) << wrong;
    EXPECT_EQ(parsed.error().code, ErrorCode::corrupt_data);
  }
  EXPECT_FALSE(parse_counts(R"({"rest":1e75})"));
  EXPECT_EQ(parse_counts(R"({"rest":2})").value(), (std::map<std::string, std::int64_t>{{"rest", 2}}));
}

}  // namespace
}  // namespace tdm::store::duckdb::detail
