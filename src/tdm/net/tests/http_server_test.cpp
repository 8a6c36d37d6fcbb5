#include "tdm/net/http_server.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <filesystem>
#include <thread>

#include "tdm/net/http_client.hpp"

namespace tdm::net {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using asio::ip::tcp;

// A client that says exactly what it is told to.
class Raw {
 public:
  explicit Raw(std::uint16_t port) : socket_{loop_} {
    socket_.connect(tcp::endpoint{asio::ip::address_v4::loopback(), port});
  }
  void say(std::string_view text) {
    boost::system::error_code ignored;
    asio::write(socket_, asio::buffer(text.data(), text.size()), ignored);
  }
  // Everything until the server closes.
  std::string hear() {
    std::string heard;
    boost::system::error_code error;
    asio::read(socket_, asio::dynamic_buffer(heard), error);
    end_ = error;
    return heard;
  }
  std::string hear_some(std::size_t bytes) {
    std::string heard(bytes, '\0');
    boost::system::error_code error;
    heard.resize(asio::read(socket_, asio::buffer(heard), error));
    return heard;
  }
  boost::system::error_code end() const { return end_; }
  void leave() { socket_.close(); }

 private:
  asio::io_context loop_;
  tcp::socket socket_;
  boost::system::error_code end_;
};

std::unique_ptr<HttpServer> serve(HttpServer::Handler handler, ServerOptions options = {}) {
  return HttpServer::start(std::move(options), std::move(handler)).value();
}

ServerReply text(std::string body) {
  ServerReply reply;
  reply.body = std::move(body);
  return reply;
}

Result<HttpReply> get(const HttpServer& server, std::string target) {
  BlockingHttpClient client{Url::parse("http://127.0.0.1:" + std::to_string(server.port()), "url").value()};
  HttpRequest request;
  request.base = Url::parse("http://127.0.0.1:" + std::to_string(server.port()), "url").value();
  request.target = std::move(target);
  return client.send(request);
}

TEST(HttpServer, HandsOverWhatWasSentDecoded) {
  ServerRequest seen;
  const auto server = serve([&](const ServerRequest& request) {
    seen = request;
    return text("ok");
  });
  Raw raw{server->port()};
  raw.say(
      "POST /a%20b?x=1&y=%2B+z&x=2&flag HTTP/1.1\r\nHost: h\r\nX-One: two\r\nContent-Length: 4\r\nConnection: "
      "close\r\n\r\nbody");
  const auto heard = raw.hear();
  EXPECT_TRUE(heard.starts_with("HTTP/1.1 200 OK\r\n")) << heard;
  EXPECT_TRUE(heard.ends_with("Content-Length: 2\r\nConnection: close\r\n\r\nok")) << heard;
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.path, "/a b");
  EXPECT_EQ(seen.query,
            (std::vector<std::pair<std::string, std::string>>{{"x", "1"}, {"y", "+ z"}, {"x", "2"}, {"flag", ""}}));
  EXPECT_EQ(find_header(seen.headers, "x-one"), "two");
  EXPECT_EQ(seen.body, "body");
  EXPECT_TRUE(seen.peer.starts_with("127.0.0.1:"));
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  const auto server = serve([](const ServerRequest& request) { return text(request.path); });
  Raw raw{server->port()};
  raw.say(
      "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\nGET /3 HTTP/1.1\r\nHost: h\r\nConnection: "
      "close\r\n\r\n");
  const auto heard = raw.hear();
  EXPECT_LT(heard.find("\r\n\r\n/1"), heard.find("\r\n\r\n/2"));
  EXPECT_LT(heard.find("\r\n\r\n/2"), heard.find("\r\n\r\n/3"));
}

TEST(HttpServer, HeadHasTheLengthAndNoBody) {
  const auto server = serve([](const ServerRequest&) { return text("12345"); });
  Raw raw{server->port()};
  raw.say("HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const auto heard = raw.hear();
  EXPECT_NE(heard.find("Content-Length: 5\r\n"), std::string::npos);
  EXPECT_TRUE(heard.ends_with("\r\n\r\n"));
}

TEST(HttpServer, ManyConnectionsAreKeptAndAnswered) {
  std::atomic<int> calls = 0;
  const auto server = serve([&](const ServerRequest& request) {
    ++calls;
    return text(request.path);
  });
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&, thread] {
      BlockingHttpClient client{Url::parse("http://127.0.0.1:" + std::to_string(server->port()), "url").value()};
      for (int call = 0; call < 50; ++call) {
        HttpRequest request;
        request.base = Url::parse("http://127.0.0.1:" + std::to_string(server->port()), "url").value();
        request.target = "/" + std::to_string(thread * 1000 + call);
        const auto reply = client.send(request);
        ASSERT_TRUE(reply) << reply.error().message;
        EXPECT_EQ(reply->body, request.target);
      }
    });
  threads.clear();
  EXPECT_EQ(calls, 200);
}

struct Malformed {
  const char* bytes;
  const char* status;
};

class MalformedRequest : public ::testing::TestWithParam<Malformed> {};

TEST_P(MalformedRequest, IsRefusedAndTheConnectionClosed) {
  bool called = false;
  ServerOptions options;
  options.header_bytes = 1'000;
  options.body_bytes = 100;
  const auto server = serve(
      [&](const ServerRequest&) {
        called = true;
        return text("");
      },
      options);
  Raw raw{server->port()};
  raw.say(GetParam().bytes);
  EXPECT_TRUE(raw.hear().starts_with(std::string{"HTTP/1.1 "} + GetParam().status)) << GetParam().bytes;
  EXPECT_FALSE(called);
}

const std::string kLongHeader = "GET / HTTP/1.1\r\nX: " + std::string(5'000, 'a') + "\r\n\r\n";
const std::string kLongBody = "POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n" + std::string(101, 'a');
INSTANTIATE_TEST_SUITE_P(
    HttpServer, MalformedRequest,
    ::testing::Values(Malformed{"garbage\r\n\r\n", "400"}, Malformed{"GET / HTTP/9.9\r\n\r\n", "400"},
                      Malformed{"GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
                      Malformed{"GET /?a=%1 HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
                      Malformed{"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "400"},
                      Malformed{"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400"},
                      Malformed{kLongHeader.c_str(), "431"}, Malformed{kLongBody.c_str(), "413"}));

TEST(HttpServer, ARequestThatDoesNotComeInTimeIsGivenUp) {
  ServerOptions options;
  options.header_timeout = 100ms;
  const auto server = serve([](const ServerRequest&) { return text(""); }, options);
  Raw slow{server->port()};
  slow.say("GET / HT");
  EXPECT_EQ(slow.hear(), "");
  Raw silent{server->port()};
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(silent.hear(), "");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 5s);
}

TEST(HttpServer, ExpectContinueIsAnswered) {
  const auto server = serve([](const ServerRequest& request) { return text(request.body); });
  Raw raw{server->port()};
  raw.say("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(raw.hear_some(25), "HTTP/1.1 100 Continue\r\n\r\n");
  raw.say("hi");
  EXPECT_TRUE(raw.hear().ends_with("\r\n\r\nhi"));
}

TEST(HttpServer, StreamsPiecesInChunks) {
  const auto server = serve([](const ServerRequest&) {
    ServerReply reply;
    reply.next_piece = [left = 3]() mutable -> std::optional<std::string> {
      if (left-- == 0) return std::nullopt;
      return "piece;";
    };
    return reply;
  });
  const auto reply = get(*server, "/");
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->body, "piece;piece;piece;");
}

TEST(HttpServer, DropsTheStreamOfAClientThatLeft) {
  auto witness = std::make_shared<int>(0);
  const std::weak_ptr<int> alive = witness;
  const auto server = serve([&](const ServerRequest&) {
    ServerReply reply;
    reply.next_piece = [held = std::exchange(witness, nullptr)]() -> std::optional<std::string> {
      std::this_thread::sleep_for(5ms);
      return std::string(1'000, 'x');
    };
    return reply;
  });
  Raw raw{server->port()};
  raw.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  raw.hear_some(2'000);
  raw.leave();
  for (int wait = 0; wait < 400 && !alive.expired(); ++wait) std::this_thread::sleep_for(5ms);
  EXPECT_TRUE(alive.expired());
}

TEST(HttpServer, RefusesWhatItHasNoRoomFor) {
  ServerOptions options;
  options.connections = 1;
  const auto server = serve([](const ServerRequest&) { return text(""); }, options);
  Raw first{server->port()};
  first.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  first.hear_some(12);
  Raw second{server->port()};
  EXPECT_TRUE(second.hear().starts_with("HTTP/1.1 503"));
}

TEST(HttpServer, AFullQueueIsTold) {
  std::atomic<bool> hold = true;
  ServerOptions options;
  options.workers = 1;
  options.queued = 1;
  const auto server = serve(
      [&](const ServerRequest&) {
        while (hold) std::this_thread::sleep_for(1ms);
        return text("");
      },
      options);
  const std::string request = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
  Raw working{server->port()};
  working.say(request);
  std::this_thread::sleep_for(100ms);
  Raw waiting{server->port()};
  waiting.say(request);
  std::this_thread::sleep_for(100ms);
  Raw refused{server->port()};
  refused.say(request);
  EXPECT_TRUE(refused.hear().starts_with("HTTP/1.1 503"));
  hold = false;
  EXPECT_TRUE(waiting.hear().starts_with("HTTP/1.1 200"));
}

TEST(HttpServer, AHandlerThatThrowsCostsOneRequest) {
  const auto server = serve([](const ServerRequest& request) {
    if (request.path == "/bad") throw std::runtime_error{"broken"};
    return text("fine");
  });
  EXPECT_EQ(get(*server, "/bad")->status, 500);
  EXPECT_EQ(get(*server, "/good")->body, "fine");
}

TEST(HttpServer, FaultsForSimulators) {
  const auto server = serve([](const ServerRequest& request) {
    ServerReply reply;
    if (request.path == "/raw") reply.raw_bytes = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc";
    if (request.path == "/reset") reply.reset_after = true;
    if (request.path == "/late") reply.delay = 50ms;
    return reply;
  });
  Raw raw{server->port()};
  raw.say("GET /raw HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(raw.hear().ends_with("abc"));
  Raw reset{server->port()};
  reset.say("GET /reset HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(reset.hear(), "");
  EXPECT_EQ(reset.end(), asio::error::connection_reset);
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(get(*server, "/late")->status, 200);
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 50ms);
}

TEST(HttpServer, HeadersCannotBeSplit) {
  const auto server = serve([](const ServerRequest&) {
    ServerReply reply;
    reply.headers = {{"X-Good", "yes"}, {"X-Bad", "a\r\nSet-Cookie: b"}};
    return reply;
  });
  const auto reply = get(*server, "/");
  ASSERT_TRUE(reply);
  EXPECT_EQ(find_header(reply->headers, "x-good"), "yes");
  EXPECT_FALSE(find_header(reply->headers, "set-cookie"));
}

TEST(HttpServer, DrainLetsRequestsEndAndClosesIdleConnections) {
  std::atomic<bool> entered = false;
  const auto server = serve([&](const ServerRequest&) {
    entered = true;
    std::this_thread::sleep_for(100ms);
    return text("whole");
  });
  Raw idle{server->port()};
  Raw busy{server->port()};
  busy.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  while (!entered) std::this_thread::sleep_for(1ms);
  server->drain(5s);
  EXPECT_EQ(idle.hear(), "");
  const auto heard = busy.hear();
  EXPECT_NE(heard.find("Connection: close"), std::string::npos);
  EXPECT_TRUE(heard.ends_with("whole"));
  EXPECT_THROW(Raw{server->port()}, boost::system::system_error);
}

TEST(HttpServer, AUnixSocketIsItsOwnersOnlyAndMayHaveALongPath) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("tdm-" + std::string(90, 'x') + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const auto path = (folder / "store.sock").string();
  {
    ServerOptions options;
    options.unix_path = path;
    const auto server = serve([](const ServerRequest& request) { return text(request.peer); }, options);
    struct stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
    HttpRequest request;
    request.base = Url::parse("unix:" + path, "url").value();
    request.target = "/";
    BlockingHttpClient client{request.base};
    const auto reply = client.send(request);
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->body, "local");
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  std::filesystem::remove_all(folder);
}

TEST(HttpServer, APortThatIsTakenIsAnError) {
  const auto first = serve([](const ServerRequest&) { return text(""); });
  ServerOptions options;
  options.port = first->port();
  const auto second = HttpServer::start(options, [](const ServerRequest&) { return text(""); });
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::unavailable);
  EXPECT_NE(second.error().message.find(std::to_string(first->port())), std::string::npos);
}

}  // namespace
}  // namespace tdm::net
