#include "tdm/sources/deribit/detail/alias.hpp"

#include <gtest/gtest.h>

namespace tdm::sources::deribit {
namespace {

std::string first(std::string_view alias) {
  const auto found = parse_alias(alias);
  return found.empty() ? "" : found.front().first + " " + found.front().second;
}

TEST(DeribitAlias, EveryKind) {
  EXPECT_EQ(first("BTC/USDC"), "spot BTC_USDC");
  EXPECT_EQ(first("BTC/USD:BTC"), "future BTC-PERPETUAL");
  EXPECT_EQ(first("sol/usdc:usdc"), "future SOL_USDC-PERPETUAL");
  EXPECT_EQ(first("BTC/USD:BTC-260208"), "future BTC-8FEB26");  // no leading zero
  EXPECT_EQ(first("BTC/USDC:USDC-241227"), "future BTC_USDC-27DEC24");
  EXPECT_EQ(first("BTC/USD:BTC-241227-100000-C"), "option BTC-27DEC24-100000-C");
  EXPECT_EQ(first("XRP/USDC:USDC-230630-0.625-p"), "option XRP_USDC-30JUN23-0d625-P");
}

TEST(DeribitAlias, WhatIsNoneGivesNothing) {
  for (const auto* text : {"", "-", "--", "BTC", "BTC/", "BTC/USD:BTC-261", "BTC/USD:BTC-261325", "BTC/USDC-241227",
                           "BTC/USD:BTC-241227-x-C", "BTC/USD:BTC-241227-100-X", "BTC/USD:BTC-241227-100-C-C",
                           "BTC/USDC-100-C", "a/b:c-d-e"})
    EXPECT_TRUE(parse_alias(text).empty()) << text;
}

}  // namespace
}  // namespace tdm::sources::deribit
