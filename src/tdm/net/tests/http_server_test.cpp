#include "tdm/net/http_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <latch>
#include <thread>

#include "tdm/net/http_client.hpp"

namespace tdm::net {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

std::unique_ptr<HttpServer> start(ServerOptions options, HttpServer::Handler handler, HttpServer::Refuse refuse = {}) {
  auto server = HttpServer::start(std::move(options), std::move(handler), std::move(refuse));
  EXPECT_TRUE(server) << server.error().message;
  return server ? std::move(*server) : nullptr;
}

ServerReply text(std::string body, int status = 200) {
  return {.status = status, .headers = {{"Content-Type", "text/plain"}}, .body = std::move(body)};
}
ServerReply echo(const ServerRequest& request) {
  return text(request.method + " " + request.path + " " + request.body);
}

// A client that sends bytes as they are and reads what comes.
class Wire {
 public:
  explicit Wire(std::uint16_t port) : fd_{::socket(AF_INET, SOCK_STREAM, 0)} {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const timeval patience{5, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire() { ::close(fd_); }

  bool send(std::string_view bytes) {
    return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
  }
  std::string read_until(std::string_view end) {
    std::string seen;
    char byte = 0;
    while (!seen.ends_with(end) && ::recv(fd_, &byte, 1, 0) == 1) seen += byte;
    return seen;
  }
  // All until the server closes; "<reset>" when it does so rudely, "<open>" when it does not within 5 s.
  std::string read_all() {
    std::string seen;
    char buffer[4'096];
    while (true) {
      const auto size = ::recv(fd_, buffer, sizeof buffer, 0);
      if (size == 0) return seen;
      if (size < 0) return seen + (errno == ECONNRESET ? "<reset>" : "<open>");
      seen.append(buffer, static_cast<std::size_t>(size));
    }
  }

 private:
  int fd_;
};

std::string get(std::string_view path, std::string_view more = {}) {
  return "GET " + std::string{path} + " HTTP/1.1\r\nHost: h\r\n" + std::string{more} + "\r\n";
}
constexpr std::string_view kLast = "Connection: close\r\n";

std::string status_line(const std::string& reply) { return reply.substr(0, reply.find("\r\n")); }
std::string body_of(const std::string& reply) { return reply.substr(reply.find("\r\n\r\n") + 4); }

void wait_for(const std::function<bool()>& condition) {
  for (int i = 0; i < 500 && !condition(); ++i) std::this_thread::sleep_for(10ms);
  EXPECT_TRUE(condition());
}

TEST(HttpServer, AnswersWithItsOwnFraming) {
  auto server = start({}, [](const ServerRequest& request) {
    EXPECT_TRUE(request.peer.starts_with("127.0.0.1:")) << request.peer;
    auto reply = echo(request);
    reply.headers.emplace_back("Content-Length", "7");          // the loop knows better
    reply.headers.emplace_back("X-Odd", "a\r\nSet-Cookie: b");  // no second header
    return reply;
  });
  Wire wire{server->port()};
  wire.send("POST /x?y=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
  const auto reply = wire.read_all();
  EXPECT_EQ(status_line(reply), "HTTP/1.1 200 OK");
  EXPECT_NE(reply.find("\r\nContent-Length: 10\r\n"), std::string::npos) << reply;
  EXPECT_EQ(reply.find("Content-Length: 7"), std::string::npos) << reply;
  EXPECT_NE(reply.find("\r\nX-Odd: a  Set-Cookie: b\r\n"), std::string::npos) << reply;
  EXPECT_NE(reply.find("\r\nDate: "), std::string::npos);
  EXPECT_NE(reply.find("\r\nConnection: close\r\n"), std::string::npos);
  EXPECT_EQ(body_of(reply), "POST /x hi");
}

TEST(HttpServer, ManyClientsKeepTheirConnections) {
  auto server = start({}, echo);
  std::vector<std::jthread> clients;
  std::atomic<int> good{0};
  for (int c = 0; c < 8; ++c)
    clients.emplace_back([&, c] {
      BlockingHttpClient client{Url::parse("http://127.0.0.1:" + std::to_string(server->port()), "url").value()};
      for (int i = 0; i < 100; ++i) {
        const auto path = "/" + std::to_string(c) + "/" + std::to_string(i);
        const auto reply = client.send({.target = path});
        if (reply && reply->body == "GET " + path + " ") ++good;
      }
    });
  clients.clear();
  EXPECT_EQ(good, 800);
}

TEST(HttpServer, PipelinedRequestsAreAnsweredInOrder) {
  auto server = start({.workers = 4}, [](const ServerRequest& request) {
    // The first is the slowest; its answer still comes first.
    if (request.path == "/0") std::this_thread::sleep_for(50ms);
    return echo(request);
  });
  Wire wire{server->port()};
  std::string all;
  for (int i = 0; i < 50; ++i) all += get("/" + std::to_string(i), i == 49 ? kLast : "");
  wire.send(all);
  const auto replies = wire.read_all();
  std::size_t at = 0;
  for (int i = 0; i < 50; ++i) {
    at = replies.find("GET /" + std::to_string(i) + " ", at);
    ASSERT_NE(at, std::string::npos) << i;
  }
}

TEST(HttpServer, HeadAndBodilessStatusesCarryNoBody) {
  auto server =
      start({}, [](const ServerRequest& request) { return text("12345", request.path == "/304" ? 304 : 200); });
  Wire wire{server->port()};
  wire.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n" + get("/304") + get("/", kLast));
  const auto replies = wire.read_all();
  const auto second = replies.find("HTTP/1.1 304 Not Modified");
  const auto third = replies.find("HTTP/1.1 200 OK", second);
  EXPECT_NE(replies.find("Content-Length: 5"), std::string::npos);
  EXPECT_TRUE(replies.substr(0, second).ends_with("\r\n\r\n")) << replies;
  EXPECT_TRUE(replies.substr(second, third - second).ends_with("\r\n\r\n")) << replies;
  EXPECT_EQ(replies.substr(second, third - second).find("Content-Length"), std::string::npos);
  EXPECT_TRUE(replies.ends_with("\r\n\r\n12345"));
}

TEST(HttpServer, SharedBodiesAreSentAsTheyAre) {
  const auto large = std::make_shared<const std::string>(5'000'000, 'z');
  auto server = start({}, [&](const ServerRequest&) { return ServerReply{.shared_body = large}; });
  Wire wire{server->port()};
  wire.send(get("/", kLast));
  EXPECT_EQ(body_of(wire.read_all()), *large);
}

TEST(HttpServer, OldClientsAreUnderstood) {
  auto server = start({}, [](const ServerRequest& request) {
    auto reply = echo(request);
    if (request.path == "/stream")
      reply.next_piece = [n = 0]() mutable { return n++ < 2 ? std::optional{std::string{"ab"}} : std::nullopt; };
    return reply;
  });
  Wire once{server->port()};
  once.send("GET /1 HTTP/1.0\r\n\r\n");
  EXPECT_EQ(body_of(once.read_all()), "GET /1 ");
  Wire kept{server->port()};
  kept.send("GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_NE(kept.read_until("GET /1 ").find("Connection: keep-alive"), std::string::npos);
  kept.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(body_of(kept.read_all()), "abab") << "no chunks; the end is the end of the connection";
}

TEST(HttpServer, BadRequestsAreAnsweredAndTheConnectionClosed) {
  auto server = start({.header_bytes = 500, .body_bytes = 10}, echo, [](int status, std::string_view detail) {
    EXPECT_FALSE(detail.empty());
    return ServerReply{.status = status, .headers = {{"Content-Type", "application/problem+json"}}, .body = "{}"};
  });
  const std::pair<std::string, std::string> cases[] = {
      {"garbage\r\n\r\n", "HTTP/1.1 400 Bad Request"},
      {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request"},
      {get("/" + std::string(600, 'x')), "HTTP/1.1 431 Request Header Fields Too Large"},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n" + std::string(100'000, 'x'),
       "HTTP/1.1 413 Payload Too Large"},
      {get("/", "Expect: a miracle\r\n"), "HTTP/1.1 417 Expectation Failed"},
  };
  for (const auto& [bytes, status] : cases) {
    Wire wire{server->port()};
    wire.send(bytes + get("/smuggled"));
    const auto reply = wire.read_all();
    EXPECT_EQ(status_line(reply), status);
    EXPECT_NE(reply.find("application/problem+json"), std::string::npos) << reply;
    EXPECT_EQ(reply.find("HTTP/1.1 ", 1), std::string::npos) << "one answer only: " << reply;
  }
}

TEST(HttpServer, SlowRequestsTimeOutAndIdleConnectionsAreClosedSilently) {
  auto server = start({.header_timeout = 100ms, .body_timeout = 100ms}, echo);
  const auto begin = steady_clock::now();
  Wire dripping{server->port()};
  std::jthread drip{[&](const std::stop_token& stop) {
    for (const char c : get("/slow")) {
      if (stop.stop_requested() || !dripping.send({&c, 1})) return;
      std::this_thread::sleep_for(20ms);
    }
  }};
  EXPECT_EQ(status_line(dripping.read_all()), "HTTP/1.1 408 Request Timeout");
  drip.request_stop();
  Wire half{server->port()};
  half.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab");
  EXPECT_EQ(status_line(half.read_all()), "HTTP/1.1 408 Request Timeout");
  Wire silent{server->port()};
  EXPECT_EQ(silent.read_all(), "");
  Wire idle{server->port()};
  idle.send(get("/"));
  EXPECT_TRUE(idle.read_all().ends_with("GET / ")) << "an idle connection lives six header timeouts, then goes";
  EXPECT_LT(steady_clock::now() - begin, 4s);
}

TEST(HttpServer, AClientThatDoesNotReadIsCutOffAndCostsLittle) {
  std::atomic<int> asked{0};
  auto alive = std::make_shared<int>(0);
  const std::weak_ptr<int> watch = alive;
  auto server = start({.write_timeout = 100ms}, [&](const ServerRequest&) -> ServerReply {
    return {.next_piece = [&, held = std::exchange(alive, nullptr)]() -> std::optional<std::string> {
      ++asked;
      return std::string(8 * 1024, 'z');
    }};
  });
  Wire wire{server->port()};
  wire.send(get("/"));
  wait_for([&] { return watch.expired(); });
  EXPECT_LT(asked, 2'000) << "what nobody reads is not asked for, beyond what the sockets hold";
}

TEST(HttpServer, ExpectContinueIsAnswered) {
  auto server = start({}, echo);
  Wire wire{server->port()};
  wire.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(wire.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  wire.send("ok");
  EXPECT_EQ(body_of(wire.read_all()), "POST / ok");
}

TEST(HttpServer, TooManyConnectionsAreTurnedAwayAndRoomComesBack) {
  auto server = start({.connections = 2}, echo);
  auto first = std::make_unique<Wire>(server->port());
  Wire second{server->port()};
  first->send(get("/"));
  first->read_until("GET / ");
  second.send(get("/"));
  second.read_until("GET / ");
  Wire third{server->port()};
  const auto reply = third.read_all();
  EXPECT_EQ(status_line(reply), "HTTP/1.1 503 Service Unavailable");
  EXPECT_NE(reply.find("Retry-After: 1"), std::string::npos);
  first.reset();
  wait_for([&] {
    Wire again{server->port()};
    again.send(get("/", kLast));
    return status_line(again.read_all()) == "HTTP/1.1 200 OK";
  });
}

TEST(HttpServer, AFullQueueSays503AndQuickRequestsPassIt) {
  std::latch release{1};
  std::atomic<int> entered{0};
  ServerOptions options{
      .workers = 1, .queued = 1, .quick = [](const ServerRequest& request) { return request.path == "/healthz"; }};
  auto server = start(std::move(options), [&](const ServerRequest& request) {
    if (request.path == "/slow") {
      ++entered;
      release.wait();
    }
    return echo(request);
  });
  Wire running{server->port()}, waiting{server->port()};
  running.send(get("/slow", kLast));
  wait_for([&] { return entered == 1; });
  waiting.send(get("/slow", kLast));
  std::string refused;
  wait_for([&] {
    Wire more{server->port()};
    more.send(get("/slow") + get("/healthz", kLast));
    refused = more.read_all();
    return status_line(refused) == "HTTP/1.1 503 Service Unavailable";
  });
  EXPECT_TRUE(refused.ends_with("GET /healthz ")) << refused;
  release.count_down();
  EXPECT_EQ(status_line(running.read_all()), "HTTP/1.1 200 OK");
  EXPECT_EQ(status_line(waiting.read_all()), "HTTP/1.1 200 OK");
}

TEST(HttpServer, StreamsArriveAsTheyAreMadeAndTheConnectionGoesOn) {
  auto server = start({}, [](const ServerRequest& request) {
    auto reply = echo(request);
    if (request.path == "/stream")
      reply.next_piece = [n = 0]() mutable -> std::optional<std::string> {
        if (n == 5) return std::nullopt;
        return n++ % 2 == 0 ? std::string{"piece;"} : std::string{};  // an empty one is no end
      };
    return reply;
  });
  BlockingHttpClient client{Url::parse("http://127.0.0.1:" + std::to_string(server->port()), "url").value()};
  for (int i = 0; i < 3; ++i) {
    const auto streamed = client.send({.target = "/stream"});
    ASSERT_TRUE(streamed) << streamed.error().message;
    EXPECT_EQ(streamed->body, "piece;piece;piece;");
    EXPECT_EQ(client.send({.target = "/after"})->body, "GET /after ");
  }
}

TEST(HttpServer, AStreamEndsWithItsClient) {
  std::atomic<int> asked{0};
  std::atomic<bool> stopped{false};
  auto alive = std::make_shared<int>(0);
  const std::weak_ptr<int> watch = alive;
  auto server = start({}, [&, alive = std::move(alive)](const ServerRequest& request) mutable -> ServerReply {
    return {
        .next_piece = [&, held = std::exchange(alive, nullptr), gone = request.gone]() -> std::optional<std::string> {
          ++asked;
          std::this_thread::sleep_for(10ms);
          stopped = gone.stop_requested();
          return "tick\n";
        }};
  });
  {
    Wire wire{server->port()};
    wire.send(get("/"));
    wire.read_until("tick\n");
  }
  wait_for([&] { return watch.expired(); });
  const int held = asked;
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(asked, held);
}

TEST(HttpServer, AnErrorInAStreamIsSeenByItsReader) {
  auto server = start({}, [](const ServerRequest&) -> ServerReply {
    return {.next_piece = [n = 0]() mutable -> std::optional<std::string> {
      if (n++ == 1) throw std::runtime_error{"no more"};
      return "one";
    }};
  });
  BlockingHttpClient client{Url::parse("http://127.0.0.1:" + std::to_string(server->port()), "url").value()};
  const auto reply = client.send({.target = "/"});
  ASSERT_FALSE(reply) << "half of a stream must not look like all of it";
  EXPECT_EQ(reply.error().code, ErrorCode::corrupt_data);
}

TEST(HttpServer, AHandlerLearnsThatItsClientLeft) {
  std::atomic<bool> gone{false};
  auto server = start({.header_timeout = 200ms}, [&](const ServerRequest& request) {
    for (int i = 0; i < 300 && !request.gone.stop_requested(); ++i) std::this_thread::sleep_for(10ms);
    gone = request.gone.stop_requested();
    return echo(request);
  });
  {
    Wire{server->port()}.send(get("/"));
  }
  wait_for([&] { return gone.load(); });
}

TEST(HttpServer, AThrowingHandlerIsA500AndNothingMore) {
  auto server = start({}, [](const ServerRequest& request) {
    if (request.path == "/bad") throw std::runtime_error{"secret"};
    return echo(request);
  });
  Wire wire{server->port()};
  wire.send(get("/bad") + get("/good", kLast));
  const auto replies = wire.read_all();
  EXPECT_EQ(status_line(replies), "HTTP/1.1 500 Internal Server Error");
  EXPECT_EQ(replies.find("secret"), std::string::npos);
  EXPECT_TRUE(replies.ends_with("GET /good "));
}

TEST(HttpServer, FaultsForSimulators) {
  auto server = start({}, [](const ServerRequest& request) -> ServerReply {
    if (request.path == "/raw") return {.raw_bytes = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"};
    if (request.path == "/reset") return {.raw_bytes = "", .reset_after = true};
    return {.body = "late", .delay = 150ms};
  });
  Wire raw{server->port()};
  raw.send(get("/raw"));
  EXPECT_EQ(raw.read_all(), "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  Wire reset{server->port()};
  reset.send(get("/reset"));
  EXPECT_EQ(reset.read_all(), "<reset>");
  Wire late{server->port()};
  const auto begin = steady_clock::now();
  late.send(get("/late", kLast));
  EXPECT_EQ(body_of(late.read_all()), "late");
  EXPECT_GE(steady_clock::now() - begin, 150ms);
}

TEST(HttpServer, DrainLetsRequestsEndAndTakesNoNewOnes) {
  std::atomic<bool> entered{false};
  auto server = start({}, [&](const ServerRequest& request) {
    entered = true;
    std::this_thread::sleep_for(150ms);
    return echo(request);
  });
  Wire idle{server->port()}, busy{server->port()};
  busy.send(get("/"));
  wait_for([&] { return entered.load(); });
  const auto port = server->port();
  const auto begin = steady_clock::now();
  server->drain(5s);
  EXPECT_LT(steady_clock::now() - begin, 2s) << "it waits for what runs, not for the deadline";
  const auto reply = busy.read_all();
  EXPECT_TRUE(reply.ends_with("GET / ")) << reply;
  EXPECT_NE(reply.find("Connection: close"), std::string::npos);
  EXPECT_EQ(idle.read_all(), "");
  const auto late =
      BlockingHttpClient{Url::parse("http://127.0.0.1:" + std::to_string(port), "url").value()}.send({.target = "/"});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::unavailable);
}

TEST(HttpServer, DrainHasAnEnd) {
  std::atomic<bool> told{false};
  auto server = start({}, [&](const ServerRequest& request) {
    while (!request.gone.stop_requested()) std::this_thread::sleep_for(5ms);
    told = true;
    return echo(request);
  });
  Wire wire{server->port()};
  wire.send(get("/"));
  std::this_thread::sleep_for(50ms);
  const auto begin = steady_clock::now();
  server->drain(100ms);
  EXPECT_LT(steady_clock::now() - begin, 1s);
  wire.read_all();
  server.reset();
  EXPECT_TRUE(told);
}

class UnixServer : public ::testing::Test {
 protected:
  UnixServer() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tdm-server-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~UnixServer() override { std::filesystem::remove_all(directory_); }
  static Result<HttpReply> ask(const std::string& path) {
    return BlockingHttpClient{Url::parse("unix:" + path, "url").value()}.send({.target = "/healthz"});
  }
  std::filesystem::path directory_;
};

TEST_F(UnixServer, IsForItsOwnerOnlyAndLeavesNoFile) {
  const auto folder = directory_ / std::string(70, 'a') / std::string(70, 'b');
  std::filesystem::create_directories(folder);
  for (const auto& path : {(directory_ / "a.sock").string(), (folder / "long.sock").string()}) {
    auto server = start({.unix_path = path}, [](const ServerRequest& request) { return text(request.peer); });
    ASSERT_TRUE(server);
    struct stat facts{};
    ASSERT_EQ(::stat(path.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0600u);
    const auto reply = ask(path);
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->body, "local");
    server.reset();
    EXPECT_FALSE(std::filesystem::exists(path));
  }
}

TEST_F(UnixServer, TheLatestListensAndTheOneBeforeDoesNotTakeItsNameAway) {
  const auto path = (directory_ / "s.sock").string();
  const auto says = [](std::string name) { return [name](const ServerRequest&) { return text(name); }; };
  auto first = start({.unix_path = path}, says("first"));
  BlockingHttpClient kept{Url::parse("unix:" + path, "url").value()};
  ASSERT_EQ(kept.send({.target = "/"})->body, "first");
  const auto second = start({.unix_path = path}, says("second"));
  EXPECT_EQ(ask(path)->body, "second");
  EXPECT_EQ(kept.send({.target = "/"})->body, "first") << "open connections go on";
  first.reset();
  EXPECT_EQ(ask(path)->body, "second");
}

TEST_F(UnixServer, AFileThatIsNoSocketIsLeftAlone) {
  const auto file = (directory_ / "file").string();
  std::ofstream{file} << "precious";
  const auto server = HttpServer::start({.unix_path = file}, echo);
  ASSERT_FALSE(server);
  EXPECT_NE(server.error().message.find("cannot listen on " + file), std::string::npos) << server.error().message;
  EXPECT_TRUE(std::filesystem::is_regular_file(file));
}

TEST(HttpServer, APortThatIsTakenIsNamed) {
  const auto first = start({}, echo);
  const auto second = HttpServer::start({.port = first->port()}, echo);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::unavailable);
  EXPECT_NE(second.error().message.find("cannot listen on 127.0.0.1:" + std::to_string(first->port())),
            std::string::npos);
  EXPECT_FALSE(HttpServer::start({.host = "no-such-host.invalid"}, echo));
}

TEST(HttpServer, OneConnectionAfterAnotherLeavesNothingBehind) {
  auto server = start({}, echo);
  const auto open_files = [] {
    return std::distance(std::filesystem::directory_iterator{"/proc/self/fd"}, std::filesystem::directory_iterator{});
  };
  const auto before = open_files();
  for (int i = 0; i < 300; ++i) {
    Wire wire{server->port()};
    wire.send(i % 3 == 0 ? get("/", kLast) : i % 3 == 1 ? "GET / HT" : "garbage\r\n\r\n");
    if (i % 3 != 1) wire.read_until("\r\n");
  }
  wait_for([&] { return open_files() <= before; });
}

}  // namespace
}  // namespace tdm::net
