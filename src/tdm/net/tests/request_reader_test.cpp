#include "tdm/net/detail/request_reader.hpp"

#include <gtest/gtest.h>

#include <random>

namespace tdm::net::detail {
namespace {

using State = RequestReader::State;
constexpr RequestReader::Limits kLimits{.header_bytes = 1'000, .body_bytes = 100};

State feed(RequestReader& reader, std::string_view bytes, std::size_t piece) {
  while (!bytes.empty()) {
    const auto size = std::min(piece, bytes.size());
    reader.feed(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  return reader.state();
}

void expect_refused(std::string_view bytes, int status, std::string_view words = {}) {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{5}, bytes.size()}) {
    RequestReader reader{kLimits};
    ASSERT_EQ(feed(reader, bytes, piece), State::refused) << bytes.substr(0, 200);
    EXPECT_EQ(reader.refusal().status, status) << bytes.substr(0, 200) << reader.refusal().detail;
    EXPECT_NE(reader.refusal().detail.find(words), std::string::npos) << reader.refusal().detail;
  }
}

TEST(RequestReader, TakesRequestsApart) {
  for (const std::size_t piece : {1, 3, 1'000}) {
    RequestReader reader{kLimits};
    ASSERT_EQ(
        feed(reader,
             "GET /api/v1/a%2Fb?symbol=BTC%2FUSDT&x=1+2&empty&=v&&x=3#frag HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n\r\n",
             piece),
        State::done);
    const auto request = reader.take();
    EXPECT_EQ(request.method, "GET");
    EXPECT_EQ(request.path, "/api/v1/a/b");
    const decltype(request.query) expected{{"symbol", "BTC/USDT"}, {"x", "1 2"}, {"empty", ""}, {"", "v"}, {"x", "3"}};
    EXPECT_EQ(request.query, expected);
    EXPECT_EQ(find_header(request.headers, "accept"), "*/*");
    EXPECT_TRUE(reader.keep_alive());
    EXPECT_FALSE(reader.http_1_0());
    EXPECT_EQ(reader.state(), State::idle);
  }
}

TEST(RequestReader, RequestsThatCameTogetherAreReadOneByOne) {
  const std::string all =
      "\r\nPOST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
      "POST /2 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n1\r\nf\r\n0\r\n\r\n"
      "GET http://h/3?q=1 HTTP/1.0\r\n\r\nGET /4";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, all.size()}) {
    RequestReader reader{kLimits};
    std::vector<std::string> seen;
    std::string_view rest = all;
    while (!rest.empty()) {
      const auto size = std::min(piece, rest.size());
      reader.feed(rest.substr(0, size));
      rest.remove_prefix(size);
      while (reader.state() == State::done) {
        const auto request = reader.take();
        seen.push_back(request.path + ":" + request.body + (reader.keep_alive() ? "+" : "-"));
      }
    }
    EXPECT_EQ(seen, (std::vector<std::string>{"/1:abc+", "/2:def+", "/3:-"})) << piece;
    EXPECT_EQ(reader.state(), State::head);
  }
}

TEST(RequestReader, WhatTwoReadersCouldUnderstandDifferentlyIsRefused) {
  const std::string host = "Host: h\r\n";
  expect_refused("POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
  expect_refused("POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400);
  expect_refused("POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\nContent-Length: 4\r\n\r\n", 400);
  expect_refused("POST / HTTP/1.1\r\n" + host + "Content-Length: -3\r\n\r\n", 400);
  expect_refused("POST / HTTP/1.1\r\n" + host + "Content-Length: +3\r\n\r\n", 400);
  expect_refused("POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip, chunked\r\n\r\n", 400, "chunked");
  expect_refused("POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: identity\r\n\r\n", 400, "chunked");
  expect_refused("GET / HTTP/1.1\r\n\r\n", 400, "exactly one Host");
  expect_refused("GET / HTTP/1.1\r\n" + host + host + "\r\n", 400, "exactly one Host");
  RequestReader bare{kLimits};
  EXPECT_NE(bare.feed("GET / HTTP/1.1\nHost: h\n\n"), State::done) << "a line ends with CR LF and nothing else";
  expect_refused("GET / HTTP/1.1\r\n" + host + "X : y\r\n\r\n", 400);
}

TEST(RequestReader, MalformedRequestsAreRefused) {
  for (const std::string line : {"GET", "GET /", "GET / HTTP/2.0", "GET / HTTP/1.2", "GET / HTTP/1.1 x",
                                 "G\x01T / HTTP/1.1", "PRI * HTTP/2.0", "\x16\x03\x01\x02"})
    expect_refused(line + "\r\nHost: h\r\n\r\n", 400);
  expect_refused("GET relative HTTP/1.1\r\nHost: h\r\n\r\n", 400, "must begin with /");
  expect_refused("GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", 400, "broken escape");
  expect_refused("GET /?a=%4 HTTP/1.1\r\nHost: h\r\n\r\n", 400, "broken escape");
  expect_refused("GET /a%00b HTTP/1.1\r\nHost: h\r\n\r\n", 400, "broken escape");
  expect_refused("GET / HTTP/1.1\r\nHost: h\r\nExpect: miracles\r\n\r\n", 417);
}

TEST(RequestReader, LimitsHold) {
  expect_refused("GET /" + std::string(2'000, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n", 431, "larger than 1000 bytes");
  std::string many = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (int i = 0; i < 500; ++i) many += "A: b\r\n";
  expect_refused(many, 431);
  expect_refused("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\n\r\n", 413, "larger than 100 bytes");
  expect_refused("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n", 400);
  expect_refused("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" + std::string(101, 'x') +
                     "\r\n0\r\n\r\n",
                 413);
}

TEST(RequestReader, ContinueIsExpectedUntilTheBodyComes) {
  RequestReader reader{kLimits};
  EXPECT_EQ(reader.feed("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"),
            State::body);
  EXPECT_TRUE(reader.expects_continue());
  EXPECT_EQ(reader.feed("ok"), State::done);
  EXPECT_FALSE(reader.expects_continue());
  EXPECT_EQ(reader.take().body, "ok");
}

TEST(RequestReader, NoBytesMakeItDoMoreThanRefuse) {
  std::mt19937 random{2};
  const std::string good =
      "POST /a?b=c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = good;
    for (unsigned n = 0; n <= random() % 4; ++n) bytes[random() % bytes.size()] = static_cast<char>(random());
    RequestReader reader{kLimits};
    feed(reader, bytes, 1 + random() % 80);
    for (int n = 0; n < 10 && reader.state() == State::done; ++n)
      EXPECT_LE(reader.take().body.size(), kLimits.body_bytes);
  }
}

}  // namespace
}  // namespace tdm::net::detail
