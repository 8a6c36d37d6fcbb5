#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "tdm/sources/deribit/detail/parse.hpp"
#include "tdm/sources/deribit/tests/support.hpp"
#include "tdm/sources/json_text.hpp"  // parse_json

namespace tdm::sources::deribit {
namespace {

using testing::answer;

Result<Instrument> parse_row(std::string_view text) {
  const auto row = parse_json(text);
  if (!row) return std::unexpected{row.error()};
  return parse_instrument(*row);
}

TEST(DeribitInstrument, ReadsTheRecordedPerpetual) {
  const auto path = testing::recordings() / "nautilus_trader/http_get_instrument.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "needs ../shared";
  const auto document = parse_json(testing::read_file(path));
  ASSERT_TRUE(document);
  const auto instrument = parse_instrument(member(*document, "result"));
  ASSERT_TRUE(instrument) << instrument.error().message;
  EXPECT_EQ(instrument->id.text(), "deribit.future.BTC-PERPETUAL");
  EXPECT_EQ(instrument->base, "BTC");
  EXPECT_EQ(instrument->quote, "USD");
  EXPECT_EQ(instrument->settle, "BTC");
  EXPECT_EQ(instrument->contract_type, "reversed perpetual");
  EXPECT_EQ(instrument->contract_size, "10.0");
  EXPECT_EQ(instrument->tick_size, "0.5");
  EXPECT_EQ(instrument->status, "active");
  EXPECT_TRUE(instrument->active);
  EXPECT_EQ(instrument->launch_time, from_ms(1'534'167'754'000));
  EXPECT_FALSE(instrument->delivery_time);  // the year 3000 means never
  EXPECT_NE(instrument->details.find("max_leverage"), std::string::npos);
}

// Three generations of answers, 1,017 instruments.
TEST(DeribitInstrument, ReadsEveryRecordedInstrument) {
  const auto path = testing::recordings() / "cryptofeed/DERIBIT.0";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "needs ../shared";
  std::ifstream file{path};
  std::map<std::string, std::size_t> found;
  for (std::string line; std::getline(file, line);) {
    const auto start = line.find("{\"jsonrpc\"");
    if (start == std::string::npos) continue;
    for (const auto* market : {"spot", "future", "option"}) {
      const auto list = parse_instruments(line.substr(start), market);
      ASSERT_TRUE(list) << list.error().message;
      EXPECT_EQ(list->unusable, 0U);
      found[market] += list->instruments.size();
    }
  }
  EXPECT_EQ(found["option"] + found["future"], 1'017U);
  EXPECT_EQ(found["spot"], 0U);
}

TEST(DeribitInstrument, ReadsTheRecordedCombos) {
  const auto path = testing::recordings() / "nautilus_trader/http_get_instruments_future_combo.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "needs ../shared";
  const auto list = parse_instruments(testing::read_file(path), "future");
  ASSERT_TRUE(list) << list.error().message;
  ASSERT_EQ(list->instruments.size(), 6U);
  EXPECT_EQ(list->instruments[0].contract_type, "reversed future_combo");
  EXPECT_EQ(list->instruments[0].status, "open");
  EXPECT_EQ(list->instruments[0].delivery_time, from_ms(1'779'177'600'000));
}

// Trap: a strike's decimal point is a lower-case d.
TEST(DeribitInstrument, KeepsTheSpellingOfNames) {
  const auto instrument =
      parse_row(R"({"instrument_name":"XRP_USDC-30JUN23-0d625-C","kind":"option","instrument_type":"linear"})");
  ASSERT_TRUE(instrument) << instrument.error().message;
  EXPECT_EQ(instrument->id.symbol.text(), "XRP_USDC-30JUN23-0d625-C");
  EXPECT_EQ(instrument->contract_type, "linear option");
}

// Trap: the names of states changed in 2026.
TEST(DeribitInstrument, StatesOfBothGenerations) {
  const auto active = [](std::string_view fields) {
    const auto instrument = parse_row(fmt::format(R"({{"instrument_name":"BTC_USDC","kind":"spot"{}}})", fields));
    return instrument && instrument->active;
  };
  EXPECT_TRUE(active(R"(,"is_active":true)"));
  EXPECT_TRUE(active(R"(,"is_active":true,"state":"settlement")"));
  EXPECT_TRUE(active(R"(,"state":"open")"));
  EXPECT_TRUE(active(R"(,"is_active":true,"state":"a state of tomorrow")"));
  for (const auto* over : {"delivered", "inactive", "archivized", "closed", "terminated"})
    EXPECT_FALSE(active(fmt::format(R"(,"is_active":true,"state":"{}")", over))) << over;
  EXPECT_FALSE(active(R"(,"is_active":false,"state":"open")"));
  EXPECT_FALSE(active(""));
}

TEST(DeribitInstrument, UnusableRowsAreCountedAndOthersKept) {
  const auto list = parse_instruments(
      answer(
          R"([{"kind":"future"},{"instrument_name":"A/B","kind":"future"},{"instrument_name":"X","kind":"future_swap"},)"
          R"(7,null,{"instrument_name":"ETH-PERPETUAL","kind":"future"},{"instrument_name":"ETH_BTC","kind":"spot"}])"),
      "future");
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_EQ(list->unusable, 5U);
  ASSERT_EQ(list->instruments.size(), 1U);
}

TEST(DeribitInstrument, RefusesWhatIsNoList) {
  for (const auto& body : {std::string{"{}"}, std::string{"x"}, std::string{""}, answer("{}"), answer("null"),
                           answer("[7]"), answer("[{\"kind\":\"future\"}]"), answer("[]").substr(0, 30)}) {
    const auto list = parse_instruments(body, "future");
    ASSERT_FALSE(list) << body;
    EXPECT_EQ(list.error().code, ErrorCode::corrupt_data);
  }
  EXPECT_TRUE(parse_instruments(answer("[]"), "future"));
}

}  // namespace
}  // namespace tdm::sources::deribit
