#include "tdm/net/http_client.hpp"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <filesystem>
#include <future>

#include "src/tdm/net/tests/peer.hpp"

namespace tdm::net {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using testing::Identity;
using testing::Line;
using testing::Peer;

Url url_of(const std::string& text) { return Url::parse(text, "base_url").value(); }

HttpRequest request_to(const std::string& url, std::string target = "/") {
  return {.base = url_of(url), .target = std::move(target), .connect_timeout = 2'000ms, .read_timeout = 2'000ms};
}

Result<HttpReply> send(HttpRequest request, HttpClientOptions options = {}) {
  BlockingHttpClient client{request.base, std::move(options)};
  return client.send(std::move(request));
}

void expect_failure(const Result<HttpReply>& reply, ErrorCode code, std::string_view words) {
  ASSERT_FALSE(reply);
  EXPECT_EQ(to_string(reply.error().code), to_string(code)) << reply.error().message;
  EXPECT_NE(reply.error().message.find(words), std::string::npos) << reply.error().message;
}

// Answers every request of a connection with its own first line.
void echo(Line& line) {
  while (true) {
    const auto request = line.read_request();
    if (request.empty()) return;
    line.reply(request.substr(0, request.find("\r\n")));
  }
}

class HttpClientTest : public ::testing::Test {
 protected:
  HttpClientTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tdm-client-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~HttpClientTest() override { std::filesystem::remove_all(directory_); }
  std::filesystem::path directory_;
};

TEST_F(HttpClientTest, SendsWhatItIsAskedToSend) {
  std::string seen;
  Peer peer{[&](Line& line) {
    seen = line.read_until("\r\n\r\n{\"a\":1}");
    line.reply("done", "X-Thing: 7\r\n");
  }};
  auto request = request_to(peer.url() + "/prefix", "/v5/x?y=1");
  request.method = "POST";
  request.headers = {{"Content-Type", "application/json"}, {"User-Agent", "mine"}};
  request.body = R"({"a":1})";
  const auto reply = send(std::move(request));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->body, "done");
  EXPECT_EQ(find_header(reply->headers, "x-thing"), "7");
  EXPECT_TRUE(
      seen.starts_with("POST /prefix/v5/x?y=1 HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(peer.port()) + "\r\n"))
      << seen;
  EXPECT_NE(seen.find("Accept-Encoding: gzip, deflate\r\n"), std::string::npos);
  EXPECT_NE(seen.find("Content-Length: 7\r\n"), std::string::npos);
  EXPECT_NE(seen.find("User-Agent: mine\r\n"), std::string::npos);
  EXPECT_EQ(seen.find("trading-data-market"), std::string::npos) << seen;
}

TEST_F(HttpClientTest, RequestsThatCannotBeSentAreTheCallersMistake) {
  for (const std::string target : {"", "relative", "/a b", "/a\r\nEvil: 1"})
    expect_failure(send(request_to("http://127.0.0.1:1", target)), ErrorCode::invalid_argument, "target");
  auto request = request_to("http://127.0.0.1:1");
  request.headers = {{"X", "1\r\nEvil: 1"}};
  expect_failure(send(std::move(request)), ErrorCode::invalid_argument, "header X");
}

TEST_F(HttpClientTest, AConnectionIsKeptAlive) {
  Peer peer{echo};
  BlockingHttpClient client{url_of(peer.url())};
  for (int i = 0; i < 20; ++i) {
    const auto reply = client.send({.target = "/" + std::to_string(i)});
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->body, "GET /" + std::to_string(i) + " HTTP/1.1");
  }
  EXPECT_EQ(peer.connections(), 1);
}

TEST_F(HttpClientTest, AStaleConnectionIsReplacedOnceAndUnseen) {
  // Closes after the first answer without a word; the second request may or may not have been on its way.
  Peer peer{[](Line& line) {
    line.read_request();
    line.reply("once");
  }};
  BlockingHttpClient client{url_of(peer.url())};
  for (int i = 0; i < 10; ++i) {
    const auto reply = client.send({.target = "/"});
    ASSERT_TRUE(reply) << reply.error().message;
  }
  EXPECT_EQ(peer.connections(), 10);
  // Takes the second request and closes without an answer: seen by the client only after sending.
  Peer late{[](Line& line) {
    line.read_request();
    line.reply("once");
    line.read_request();
  }};
  BlockingHttpClient other{url_of(late.url())};
  for (int i = 0; i < 3; ++i) {
    const auto reply = other.send({.target = "/"});
    ASSERT_TRUE(reply) << reply.error().message;
  }
}

TEST_F(HttpClientTest, AFreshConnectionThatGivesNoAnswerIsNotTriedAgain) {
  Peer peer{[](Line& line) { line.read_request(); }};
  expect_failure(send(request_to(peer.url(), "/v5/x?secret=1")), ErrorCode::unavailable,
                 "GET " + peer.url() + "/v5/x: closed without an answer");
  EXPECT_EQ(peer.connections(), 1);
}

TEST_F(HttpClientTest, BadAnswersAreNamed) {
  const std::tuple<std::string, ErrorCode, std::string> cases[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive!", ErrorCode::corrupt_data, "cut short after 5 of 10 bytes"},
      {"<html>not http</html>\r\n\r\n", ErrorCode::corrupt_data, "it is not HTTP"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", ErrorCode::corrupt_data, "larger than"},
  };
  for (const auto& [bytes, code, words] : cases) {
    Peer peer{[&](Line& line) {
      line.read_request();
      line.send(bytes);
    }};
    expect_failure(send(request_to(peer.url())), code, words);
  }
}

TEST_F(HttpClientTest, EndlessHeadersEnd) {
  Peer peer{[](Line& line) {
    line.read_request();
    line.send("HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 100'000; ++i) line.send("X-Again: and again\r\n");
  }};
  expect_failure(send(request_to(peer.url())), ErrorCode::corrupt_data, "headers are larger");
}

TEST_F(HttpClientTest, AResetIsUnavailable) {
  Peer peer{[](Line& line) {
    line.read_request();
    line.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive!");
    std::this_thread::sleep_for(50ms);
    line.reset();
  }};
  expect_failure(send(request_to(peer.url())), ErrorCode::unavailable, "the answer broke off");
}

TEST_F(HttpClientTest, DeadlinesHoldForSilenceAndForDripping) {
  Peer silent{[](Line& line) {
    line.read_request();
    line.closed();
  }};
  auto request = request_to(silent.url());
  request.read_timeout = 150ms;
  auto begin = steady_clock::now();
  expect_failure(send(request), ErrorCode::unavailable, "no complete answer within 150 ms");
  EXPECT_LT(steady_clock::now() - begin, 1s);

  Peer dripping{[](Line& line) {
    line.read_request();
    line.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    for (int i = 0; i < 100; ++i) {
      line.send("x");
      std::this_thread::sleep_for(10ms);
    }
  }};
  request.base = url_of(dripping.url());
  begin = steady_clock::now();
  expect_failure(send(request), ErrorCode::unavailable, "no complete answer within 150 ms");
  EXPECT_LT(steady_clock::now() - begin, 1s);
}

TEST_F(HttpClientTest, NobodyThereIsSaidWithTheAddress) {
  std::string url;
  {
    Peer gone{echo};
    url = gone.url();
  }
  expect_failure(send(request_to(url)), ErrorCode::unavailable, "no connection to 127.0.0.1:");
  expect_failure(send(request_to("http://no-such-host.invalid")), ErrorCode::unavailable, "no-such-host.invalid");
  expect_failure(send(request_to("unix:" + (directory_ / "none.sock").string())), ErrorCode::unavailable,
                 "No such file");
}

TEST_F(HttpClientTest, UnixSocketsOfAnyPathLength) {
  const auto deep = directory_ / std::string(60, 'd') / std::string(60, 'e');
  std::filesystem::create_directories(deep);
  const auto short_path = directory_ / "s.sock";
  Peer peer{echo, nullptr, short_path.string()};
  std::filesystem::create_symlink(short_path, deep / "long.sock");
  for (const auto& path : {short_path, deep / "long.sock"}) {
    const auto reply = send(request_to("unix:" + path.string(), "/healthz"));
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->body, "GET /healthz HTTP/1.1");
  }
}

TEST_F(HttpClientTest, TlsTrustsOnlyWhomItWasToldToTrust) {
  const Identity identity;
  Peer peer{echo, &identity};
  expect_failure(send(request_to(peer.url())), ErrorCode::unavailable,
                 "its certificate is not trusted: self-signed certificate");
  const auto ca = (directory_ / "ca.pem").string();
  identity.write_certificate(ca);
  const auto reply = send(request_to(peer.url(), "/secret"), {.ca_file = ca});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->body, "GET /secret HTTP/1.1");
}

TEST_F(HttpClientTest, TlsComparesTheName) {
  const Identity other{"IP:127.0.0.2,DNS:elsewhere.test"};
  Peer peer{echo, &other};
  const auto ca = (directory_ / "ca.pem").string();
  other.write_certificate(ca);
  expect_failure(send(request_to(peer.url()), {.ca_file = ca}), ErrorCode::unavailable, "IP address mismatch");
}

TEST_F(HttpClientTest, TlsIsNotSpokenWithAPeerThatSpeaksPlain) {
  Peer plain{[](Line& line) {
    line.read_until("\n");
    line.send("HTTP/1.1 400 Bad Request\r\n\r\n");
  }};
  expect_failure(send(request_to("https://127.0.0.1:" + std::to_string(plain.port()))), ErrorCode::unavailable,
                 "no secure connection");
  expect_failure(send(request_to("https://127.0.0.1:" + std::to_string(plain.port())), {.ca_file = "/no/such/file"}),
                 ErrorCode::invalid_argument, "ca_file /no/such/file");
}

TEST_F(HttpClientTest, AProxyCarriesHttpInAbsoluteForm) {
  std::string seen;
  Peer proxy{[&](Line& line) {
    seen = line.read_request();
    line.reply("by proxy");
  }};
  const auto reply = send(request_to("http://exchange.test:81/x", "/y"),
                          {.proxy = "http://me:s%40fe@127.0.0.1:" + std::to_string(proxy.port())});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_TRUE(seen.starts_with("GET http://exchange.test:81/x/y HTTP/1.1\r\nHost: exchange.test:81\r\n")) << seen;
  EXPECT_NE(seen.find("Proxy-Authorization: Basic bWU6c0BmZQ==\r\n"), std::string::npos) << seen;
}

TEST_F(HttpClientTest, AProxyTunnelsHttps) {
  const Identity identity{"DNS:exchange.test"};
  Peer exchange{echo, &identity};
  std::string seen;
  Peer proxy{[&](Line& line) {
    seen = line.read_request();
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(exchange.port());
    const int to = ::socket(AF_INET, SOCK_STREAM, 0);
    ASSERT_EQ(::connect(to, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    line.send("HTTP/1.1 200 Connection established\r\n\r\n");
    char buffer[4'096];
    while (true) {
      pollfd both[2] = {{line.fd(), POLLIN, 0}, {to, POLLIN, 0}};
      if (::poll(both, 2, 2'000) <= 0) break;
      const int from = (both[0].revents != 0) ? line.fd() : to;
      const auto size = ::recv(from, buffer, sizeof buffer, 0);
      if (size <= 0) break;
      ::send(from == to ? line.fd() : to, buffer, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    }
    ::close(to);
  }};
  const auto ca = (directory_ / "ca.pem").string();
  identity.write_certificate(ca);
  const auto reply = send(request_to("https://exchange.test", "/deep"),
                          {.ca_file = ca, .proxy = "127.0.0.1:" + std::to_string(proxy.port())});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->body, "GET /deep HTTP/1.1");
  EXPECT_TRUE(seen.starts_with("CONNECT exchange.test:443 HTTP/1.1\r\n")) << seen;
}

TEST_F(HttpClientTest, AProxyThatRefusesOrIsNoneIsNamed) {
  Peer proxy{[](Line& line) {
    line.read_request();
    line.send("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
  }};
  expect_failure(send(request_to("https://exchange.test"), {.proxy = proxy.url()}), ErrorCode::unavailable,
                 "refused the way to exchange.test:443 with status 407");
  expect_failure(send(request_to("https://exchange.test"), {.proxy = "socks5://127.0.0.1"}),
                 ErrorCode::invalid_argument, "proxy");
}

TEST_F(HttpClientTest, StreamsPiecesAndStopsWhenTold) {
  std::atomic<bool> left{false};
  Peer peer{[&](Line& line) {
    line.read_request();
    line.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 5; ++i) {
      line.send("2\r\n" + std::to_string(i) + "\n\r\n");
      std::this_thread::sleep_for(60ms);
    }
    left = line.closed();
  }};
  BlockingHttpClient client{url_of(peer.url())};
  std::string seen;
  const auto reply = client.send_streaming({.target = "/", .read_timeout = 150ms}, [&](std::string_view piece) {
    seen += piece;
    return seen.size() < 10;
  });
  EXPECT_EQ(seen, "0\n1\n2\n3\n4\n") << "five pieces in 240 ms, none of them later than 150 ms after the last";
  expect_failure(reply, ErrorCode::cancelled, "stopped");
  for (int i = 0; i < 100 && !left; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_TRUE(left) << "the connection of a stopped reader is closed";
}

TEST_F(HttpClientTest, ASilentStreamEnds) {
  Peer peer{[&](Line& line) {
    line.read_request();
    line.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    line.closed();
  }};
  BlockingHttpClient client{url_of(peer.url())};
  expect_failure(client.send_streaming({.target = "/", .read_timeout = 100ms}, [](std::string_view) { return true; }),
                 ErrorCode::unavailable, "no more of the answer came within 100 ms");
}

TEST_F(HttpClientTest, AnotherThreadCanStopABlockingRequest) {
  Peer peer{[](Line& line) {
    line.read_request();
    line.closed();
  }};
  BlockingHttpClient client{url_of(peer.url())};
  std::stop_source stop;
  std::jthread stopper{[&] {
    std::this_thread::sleep_for(50ms);
    stop.request_stop();
  }};
  const auto begin = steady_clock::now();
  expect_failure(client.send({.target = "/"}, stop.get_token()), ErrorCode::cancelled, "stopped");
  EXPECT_LT(steady_clock::now() - begin, 1s);
  expect_failure(client.send({.target = "/"}, stop.get_token()), ErrorCode::cancelled, "stopped");
}

TEST_F(HttpClientTest, ManyRequestsFromManyThreadsShareThePool) {
  Peer peer{echo};
  asio::thread_pool pool{4};
  HttpClient client{pool.get_executor(), {.connections_per_origin = 8}};
  std::vector<std::future<Result<HttpReply>>> replies;
  for (int i = 0; i < 400; ++i)
    replies.push_back(
        asio::co_spawn(pool, client.send(request_to(peer.url(), "/" + std::to_string(i))), asio::use_future));
  for (int i = 0; i < 400; ++i) {
    const auto reply = replies[static_cast<std::size_t>(i)].get();
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->body, "GET /" + std::to_string(i) + " HTTP/1.1");
  }
  EXPECT_LE(peer.connections(), 8);
}

TEST_F(HttpClientTest, WaitingForAConnectionHasAnEnd) {
  Peer peer{[](Line& line) {
    line.read_request();
    line.closed();
  }};
  asio::io_context loop;
  HttpClient client{loop.get_executor(), {.connections_per_origin = 1}};
  auto request = request_to(peer.url());
  request.connect_timeout = 100ms;
  request.read_timeout = 400ms;
  auto first = asio::co_spawn(loop, client.send(request), asio::use_future);
  auto second = asio::co_spawn(loop, client.send(request), asio::use_future);
  loop.run();
  expect_failure(first.get(), ErrorCode::unavailable, "no complete answer within 400 ms");
  expect_failure(second.get(), ErrorCode::unavailable, "none of the 1 connections became free within 100 ms");
}

TEST_F(HttpClientTest, CloseEndsWhatIsInFlightAndWhatComesAfter) {
  Peer peer{[](Line& line) {
    line.read_request();
    line.closed();
  }};
  asio::io_context loop;
  HttpClient client{loop.get_executor()};
  auto running = asio::co_spawn(loop, client.send(request_to(peer.url())), asio::use_future);
  asio::steady_timer timer{loop, 50ms};
  timer.async_wait([&](auto) { client.close(); });
  const auto begin = steady_clock::now();
  loop.run();
  EXPECT_LT(steady_clock::now() - begin, 1s);
  expect_failure(running.get(), ErrorCode::unavailable, "the client was closed");
  auto later = asio::co_spawn(loop, client.send(request_to(peer.url())), asio::use_future);
  loop.restart();
  loop.run();
  expect_failure(later.get(), ErrorCode::unavailable, "the client was closed");
}

TEST_F(HttpClientTest, ACoroutineCanBeCancelled) {
  Peer peer{[](Line& line) {
    line.read_request();
    line.closed();
  }};
  asio::io_context loop;
  HttpClient client{loop.get_executor()};
  asio::cancellation_signal cancel;
  std::optional<Result<HttpReply>> reply;
  asio::co_spawn(loop, client.send(request_to(peer.url())),
                 asio::bind_cancellation_slot(
                     cancel.slot(), [&](const std::exception_ptr&, Result<HttpReply> r) { reply = std::move(r); }));
  asio::steady_timer timer{loop, 50ms};
  timer.async_wait([&](auto) { cancel.emit(asio::cancellation_type::terminal); });
  const auto begin = steady_clock::now();
  loop.run();
  EXPECT_LT(steady_clock::now() - begin, 1s);
  ASSERT_TRUE(reply);
  expect_failure(*reply, ErrorCode::cancelled, "stopped");
}

}  // namespace
}  // namespace tdm::net
