#include "tdm/net/detail/reply_reader.hpp"

#include <gtest/gtest.h>

#include <random>

#include "src/tdm/net/tests/peer.hpp"

namespace tdm::net::detail {
namespace {

constexpr std::size_t kLimit = 1'000'000;

Result<HttpReply> read(std::string_view bytes, std::size_t piece,
                       ReplyReader::Expectation expectation = {.body_limit = kLimit}) {
  ReplyReader reader{std::move(expectation)};
  while (!bytes.empty() && !reader.done()) {
    const auto size = std::min(piece, bytes.size());
    if (auto fed = reader.feed(bytes.substr(0, size)); !fed) return std::unexpected{fed.error()};
    bytes.remove_prefix(size);
  }
  if (!reader.done())
    if (auto ended = reader.end(); !ended) return std::unexpected{ended.error()};
  return reader.take();
}

// Whatever the cuts between the pieces, the reply is the same.
void expect_body(std::string_view bytes, std::string_view body, int status = 200) {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{7}, bytes.size()}) {
    const auto reply = read(bytes, piece);
    ASSERT_TRUE(reply) << reply.error().message << " in pieces of " << piece;
    EXPECT_EQ(reply->status, status);
    EXPECT_EQ(reply->body, body) << "in pieces of " << piece;
  }
}

void expect_refused(std::string_view bytes, std::string_view reason,
                    ReplyReader::Expectation expectation = {.body_limit = kLimit}) {
  for (const std::size_t piece : {std::size_t{1}, bytes.size() + 1}) {
    const auto reply = read(bytes, piece, expectation);
    ASSERT_FALSE(reply) << bytes.substr(0, 100);
    EXPECT_EQ(reply.error().code, ErrorCode::corrupt_data);
    EXPECT_NE(reply.error().message.find(reason), std::string::npos) << reply.error().message;
  }
}

std::string with(std::string_view headers, std::string_view body) {
  return "HTTP/1.1 200 OK\r\n" + std::string{headers} + "\r\n" + std::string{body};
}

std::string sized(std::string_view headers, std::string_view body) {
  return with(std::string{headers} + "Content-Length: " + std::to_string(body.size()) + "\r\n", body);
}

TEST(ReplyReader, BodiesOfEveryFraming) {
  expect_body(sized("", "hello"), "hello");
  expect_body(sized("", ""), "");
  expect_body(with("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: t\r\n\r\n"),
              "hello world");
  expect_body(with("", "until the end"), "until the end");
  expect_body("HTTP/1.1 204 No Content\r\n\r\n", "", 204);
  expect_body("HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", "", 304);
  expect_body(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 403 "
      "Forbidden\r\nContent-Length: 2\r\n\r\nno",
      "no", 403);
}

TEST(ReplyReader, CodingsAreUndone) {
  const std::string text(100'000, 'a');
  expect_body(sized("Content-Encoding: gzip\r\n", testing::gzip(text)), text);
  expect_body(sized("content-encoding: GZIP\r\n", testing::gzip("one ") + testing::gzip("two")), "one two");
  expect_body(sized("Content-Encoding: deflate\r\n", testing::compress(text, 15)), text);
  expect_body(sized("Content-Encoding: deflate\r\n", testing::compress(text, -15)), text);
  expect_body(sized("Content-Encoding: identity\r\n", "plain"), "plain");
  const auto reply = read(sized("Content-Encoding: gzip\r\n", testing::gzip("x")), 1'000);
  EXPECT_FALSE(find_header(reply->headers, "Content-Encoding"));
}

TEST(ReplyReader, WhatIsNoReplyIsCorrupt) {
  expect_refused("garbage garbage\r\n\r\n", "it is not HTTP");
  expect_refused("HTTP/1.1 2x0 OK\r\n\r\n", "it is not HTTP");
  expect_refused("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "it is not HTTP");
  expect_refused(with("Content-Length: ten\r\n", "0123456789"), "it is not HTTP");
  expect_refused(with("Content-Length: -1\r\n", ""), "it is not HTTP");
  expect_refused(with("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"), "it is not HTTP");
  expect_refused(with("Transfer-Encoding: chunked\r\n", "zz\r\nhello\r\n0\r\n\r\n"), "it is not HTTP");
  expect_refused(with("Transfer-Encoding: chunked\r\n", "5\r\nhello!!\r\n0\r\n\r\n"), "it is not HTTP");
  expect_refused(sized("Content-Encoding: br\r\n", "x"), "content coding 'br'");
  expect_refused(sized("Content-Encoding: gzip\r\n", "this is no gzip"), "compressed body is damaged");
  expect_refused("HTTP/1.1 101 Switching Protocols\r\n\r\n", "101");
}

TEST(ReplyReader, WhatIsCutShortSaysWhere) {
  expect_refused("HTTP/1.1 200 OK\r\nContent-Le", "cut short in its headers");
  expect_refused(with("Content-Length: 10\r\n", "01234"), "cut short after 5 of 10 bytes");
  expect_refused(with("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n"), "cut short after 5 bytes");
  const auto packed = testing::gzip(std::string(1'000, 'x'));
  expect_refused(sized("Content-Encoding: gzip\r\n", packed.substr(0, packed.size() / 2)),
                 "compressed body is cut short");
}

TEST(ReplyReader, LimitsHoldForHeadersBodiesAndBombs) {
  expect_refused("HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x'), "headers are larger than 65536 bytes");
  std::string many = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 20'000; ++i) many += "A: b\r\n";
  expect_refused(many, "headers are larger");
  const std::string large(101, 'x');
  expect_refused(sized("", large), "the body is larger than 100 bytes", {.body_limit = 100});
  expect_refused(with("Transfer-Encoding: chunked\r\n", "65\r\n" + large + "\r\n0\r\n\r\n"), "larger than 100 bytes",
                 {.body_limit = 100});
  expect_refused(with("", large), "larger than 100 bytes", {.body_limit = 100});
  const auto bomb = testing::gzip(std::string(50'000'000, '\0'));
  ASSERT_LT(bomb.size(), 100'000u);
  const auto reply = read(sized("Content-Encoding: gzip\r\n", bomb), bomb.size() + 1'000);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().message, "the body is larger than 1000000 bytes");
}

TEST(ReplyReader, HeadHasNoBodyWhateverItsHeadersSay) {
  const auto reply = read(with("Content-Length: 10\r\nContent-Encoding: gzip\r\n", ""), 5, {.without_body = true});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(find_header(reply->headers, "content-length"), "10");
}

TEST(ReplyReader, APiecewiseReaderSeesOnlyGoodBodies) {
  std::string seen;
  const auto sink = [&](std::string_view piece) {
    seen += piece;
    return true;
  };
  const auto good =
      read(sized("Content-Encoding: gzip\r\n", testing::gzip("streamed")), 3, {.body_limit = 2, .on_piece = sink});
  ASSERT_TRUE(good);
  EXPECT_EQ(seen, "streamed");
  EXPECT_TRUE(good->body.empty());
  const auto bad = read("HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\nwhy?", 3, {.body_limit = 100, .on_piece = sink});
  ASSERT_TRUE(bad);
  EXPECT_EQ(bad->body, "why?");
  EXPECT_EQ(seen, "streamed");
  const auto stopped =
      read(sized("", "abc"), 1'000, {.body_limit = 100, .on_piece = [](std::string_view) { return false; }});
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::cancelled);
}

TEST(ReplyReader, DamagedRepliesNeverDoMoreThanFail) {
  std::mt19937 random{1};
  const std::string good[] = {sized("Content-Encoding: gzip\r\n", testing::gzip("payload payload payload")),
                              with("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n")};
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = good[random() % 2];
    for (unsigned n = 0; n <= random() % 3; ++n) bytes[random() % bytes.size()] = static_cast<char>(random());
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    const auto reply = read(bytes, 1 + random() % 64);
    EXPECT_TRUE(reply || reply.error().code == ErrorCode::corrupt_data);
  }
}

}  // namespace
}  // namespace tdm::net::detail
