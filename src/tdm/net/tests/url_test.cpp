#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "tdm/net/http_client.hpp"

namespace tdm::net {
namespace {

TEST(Url, IsTakenApart) {
  using Parts = std::tuple<std::string, std::string, int, std::string, std::string>;
  const std::pair<std::string_view, Parts> cases[] = {
      {"https://api.bybit.com", {"https", "api.bybit.com", 443, "", "https://api.bybit.com"}},
      {"http://127.0.0.1:9000/bybit/", {"http", "127.0.0.1", 9000, "/bybit", "http://127.0.0.1:9000"}},
      {"HTTP://Example.COM:80/", {"http", "example.com", 80, "", "http://example.com"}},
      {"http://[::1]:8080/a/b", {"http", "::1", 8080, "/a/b", "http://[::1]:8080"}},
      {"https://[fe80::1]", {"https", "fe80::1", 443, "", "https://[fe80::1]"}},
      {"unix:/run/tdm.sock", {"unix", "/run/tdm.sock", 0, "", "unix:/run/tdm.sock"}},
      {"unix:///run/tdm.sock", {"unix", "/run/tdm.sock", 0, "", "unix:/run/tdm.sock"}},
  };
  for (const auto& [text, expected] : cases) {
    const auto url = Url::parse(text, "base_url");
    ASSERT_TRUE(url) << text << ": " << url.error().message;
    EXPECT_EQ((Parts{url->scheme, url->host, url->port, url->path, url->origin()}), expected) << text;
  }
}

TEST(Url, WhatIsNoneIsRefusedByName) {
  for (const std::string_view text : {"",
                                      "api.bybit.com",
                                      "ftp://host",
                                      "http:/host",
                                      "http://",
                                      "http://:80",
                                      "http://host:",
                                      "http://host:0",
                                      "http://host:65536",
                                      "http://host:8o",
                                      "http://ho st",
                                      "http://host/\n",
                                      "http://user:secret@host",
                                      "http://host/?a=1",
                                      "http://host#x",
                                      "http://[::1",
                                      "http://[::1]8080",
                                      "unix:",
                                      "unix:relative",
                                      "unix:/",
                                      "http://ho$t"}) {
    const auto url = Url::parse(text, "base_url");
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(url.error().parameter, "base_url");
    EXPECT_TRUE(url.error().message.starts_with("base_url: '")) << url.error().message;
  }
}

TEST(Url, PercentEncodingKeepsOnlyWhatNeedsNone) {
  EXPECT_EQ(percent_encode("AZaz09-._~"), "AZaz09-._~");
  EXPECT_EQ(percent_encode("BTC/USDT:USDT a+b"), "BTC%2FUSDT%3AUSDT%20a%2Bb");
  EXPECT_EQ(percent_encode(std::string_view{"\0\xff", 2}), "%00%FF");
}

TEST(Headers, AreFoundWhateverTheirCaseAndTheFirstWins) {
  const Headers headers{{"Content-Type", "text/html"}, {"content-type", "text/plain"}};
  EXPECT_EQ(find_header(headers, "CONTENT-TYPE"), "text/html");
  EXPECT_FALSE(find_header(headers, "Content"));
}

}  // namespace
}  // namespace tdm::net
