#include "tdm/sources/bybit/detail/alias.hpp"

#include <gtest/gtest.h>

namespace tdm::sources::bybit {
namespace {

using Candidates = std::vector<std::pair<std::string, std::string>>;

TEST(Alias, OfCcxt) {
  EXPECT_EQ(parse_alias("BTC/USDT"), (Candidates{{"spot", "BTCUSDT"}}));
  EXPECT_EQ(parse_alias("btc/usdt:usdt"), (Candidates{{"linear", "BTCUSDT"}}));
  EXPECT_EQ(parse_alias("BTC/USD:BTC"), (Candidates{{"inverse", "BTCUSD"}}));
  EXPECT_EQ(parse_alias("BTC/USDC:USDC"), (Candidates{{"linear", "BTCPERP"}, {"linear", "BTCUSDC"}}));
  EXPECT_EQ(parse_alias("BTC/USDT:USDT-260306"), (Candidates{{"linear", "BTCUSDT-06MAR26"}}));
  EXPECT_EQ(parse_alias("BTC/USDC:USDC-251226"), (Candidates{{"linear", "BTC-26DEC25"}}));
  EXPECT_EQ(parse_alias("BTC/USD:BTC-230929"), (Candidates{{"inverse", "BTCUSDU23"}}));
  EXPECT_EQ(parse_alias("1000PEPE/USDT:USDT"), (Candidates{{"linear", "1000PEPEUSDT"}}));
}

TEST(Alias, WhatIsNoneHasNoCandidates) {
  for (const auto* text : {"", "BTCUSDT", "/", "BTC/", "/USDT", "BTC/USDT-260306", "BTC/USDT:USDT-26",
                           "BTC/USDT:USDT-261399", "BTC/USD:BTC-230829", "BTC/US DT", "BTC/USDT:USDT-260306-50000-C"})
    EXPECT_TRUE(parse_alias(text).empty()) << text;
}

}  // namespace
}  // namespace tdm::sources::bybit
