#include "tdm/net/detail/request_reader.hpp"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <optional>
#include <utility>

#include "tdm/net/detail/text.hpp"

namespace tdm::net::detail {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

using Refusal = RequestReader::Refusal;

// "http://host/path" becomes "/path": the absolute form that proxies send.
std::string_view origin_form(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    const auto slash = target.find_first_of("/?", scheme.size());
    return slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  return target;
}

// Fills path and query from the target; false when an escape in it is broken.
bool take_apart(ServerRequest& request) {
  std::string_view target = origin_form(request.target);
  target = target.substr(0, target.find('#'));
  const auto mark = target.find('?');
  auto path = percent_decode(target.substr(0, mark), false);
  if (!path || path->contains('\0')) return false;
  request.path = std::move(*path);
  if (mark == std::string_view::npos) return true;
  std::string_view rest = target.substr(mark + 1);
  while (!rest.empty()) {
    const auto end = std::min(rest.find('&'), rest.size());
    const auto pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (pair.empty()) continue;
    const auto equals = std::min(pair.find('='), pair.size());
    auto name = percent_decode(pair.substr(0, equals), true);
    auto value = percent_decode(pair.substr(std::min(equals + 1, pair.size())), true);
    if (!name || !value) return false;
    request.query.emplace_back(std::move(*name), std::move(*value));
  }
  return true;
}

// Beast's parser, its events written into a ServerRequest.
class Message final : public http::basic_parser<true> {
 public:
  explicit Message(const RequestReader::Limits& limits) {
    eager(true);
    header_limit(static_cast<std::uint32_t>(limits.header_bytes));
    body_limit(limits.body_bytes);
  }

  ServerRequest request;
  std::optional<Refusal> refusal;
  bool expects_continue = false;
  bool http_1_0 = false;

 private:
  void on_request_impl(http::verb, beast::string_view method, beast::string_view target, int version,
                       error_code&) override {
    request.method = method;
    request.target = target;
    http_1_0 = version == 10;
  }
  void on_response_impl(int, beast::string_view, int, error_code&) override {}
  void on_field_impl(http::field, beast::string_view name, beast::string_view value, error_code&) override {
    if (!headers_done_) request.headers.emplace_back(name, value);
  }
  void on_header_impl(error_code& failed) override {
    headers_done_ = true;
    if (auto refused = check_headers()) {
      refusal = std::move(refused);
    } else if (!take_apart(request)) {
      refusal = Refusal{400, "the target holds a broken escape"};
    }
    if (refusal) failed = http::error::bad_value;
  }
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
    if (length) request.body.reserve(static_cast<std::size_t>(*length));
  }
  std::size_t on_body_impl(beast::string_view body, error_code&) override {
    request.body += body;
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, error_code&) override {
    request.body += body;
    return body.size();
  }
  void on_finish_impl(error_code&) override {}

  std::optional<Refusal> check_headers() {
    int hosts = 0;
    for (const auto& [name, value] : request.headers) {
      if (beast::iequals(name, "Host")) {
        ++hosts;
      } else if (beast::iequals(name, "Transfer-Encoding")) {
        if (http_1_0 || !beast::iequals(value, "chunked")) return Refusal{400, "the only transfer coding is chunked"};
      } else if (beast::iequals(name, "Expect")) {
        if (!beast::iequals(value, "100-continue")) return Refusal{417, "the only expectation is 100-continue"};
        expects_continue = !http_1_0;
      }
    }
    if (hosts > 1 || (hosts == 0 && !http_1_0)) return Refusal{400, "a request has exactly one Host"};
    const auto target = request.target;
    if (!target.starts_with('/') && !target.starts_with("http://") && !target.starts_with("https://") && target != "*")
      return Refusal{400, "the target must begin with /"};
    return std::nullopt;
  }

  bool headers_done_ = false;
};

}  // namespace

class RequestReader::Parser {
 public:
  explicit Parser(Limits limits) : limits_{limits} { message_.emplace(limits_); }

  State feed(std::string_view bytes) {
    if (state_ == State::done || state_ == State::refused) {
      pending_ += bytes;  // for the next request
      return state_;
    }
    if (pending_.empty()) {
      const auto used = parse(bytes);
      pending_ = bytes.substr(used);
    } else {
      pending_ += bytes;
      pending_.erase(0, parse(pending_));
    }
    return state_;
  }

  State state() const { return state_; }
  const Refusal& refusal() const { return refusal_; }
  bool keep_alive() const { return keep_alive_; }
  bool http_1_0() const { return http_1_0_; }
  bool expects_continue() const { return state_ == State::body && message_->expects_continue && pending_.empty(); }

  ServerRequest take() {
    ServerRequest request = std::move(message_->request);
    keep_alive_ = message_->keep_alive();
    http_1_0_ = message_->http_1_0;
    message_.emplace(limits_);
    state_ = State::idle;
    if (!pending_.empty()) {
      const std::string next = std::exchange(pending_, {});
      feed(next);
    }
    return request;
  }

 private:
  // Returns how many bytes were used.
  std::size_t parse(std::string_view bytes) {
    std::size_t used = 0;
    if (state_ == State::idle) {
      // Empty lines between requests are passed over (RFC 9112 §2.2).
      while (used < bytes.size() && (bytes[used] == '\r' || bytes[used] == '\n')) ++used;
      if (used == bytes.size()) return used;
    }
    state_ = message_->is_header_done() ? State::body : State::head;
    while (used < bytes.size() && !message_->is_done()) {
      error_code failed;
      const auto rest = bytes.substr(used);
      used += message_->put(boost::asio::const_buffer{rest.data(), rest.size()}, failed);
      if (failed == http::error::need_more) break;
      if (failed) {
        refuse(failed);
        return used;
      }
    }
    if (message_->is_done()) {
      state_ = State::done;
    } else {
      state_ = message_->is_header_done() ? State::body : State::head;
    }
    return used;
  }

  void refuse(const error_code& failed) {
    state_ = State::refused;
    if (message_->refusal) {
      refusal_ = *message_->refusal;
    } else if (failed == http::error::header_limit) {
      refusal_ = {431, "the headers are larger than " + std::to_string(limits_.header_bytes) + " bytes"};
    } else if (failed == http::error::body_limit) {
      refusal_ = {413, "the body is larger than " + std::to_string(limits_.body_bytes) + " bytes"};
    } else {
      refusal_ = {400, "this is not an HTTP/1.1 request: " + failed.message()};
    }
  }

  Limits limits_;
  std::optional<Message> message_;
  std::string pending_;
  State state_ = State::idle;
  Refusal refusal_;
  bool keep_alive_ = false;
  bool http_1_0_ = false;
};

RequestReader::RequestReader(Limits limits) : parser_{std::make_unique<Parser>(limits)} {}
RequestReader::~RequestReader() = default;
RequestReader::State RequestReader::feed(std::string_view bytes) { return parser_->feed(bytes); }
RequestReader::State RequestReader::state() const { return parser_->state(); }
ServerRequest RequestReader::take() { return parser_->take(); }
const RequestReader::Refusal& RequestReader::refusal() const { return parser_->refusal(); }
bool RequestReader::keep_alive() const { return parser_->keep_alive(); }
bool RequestReader::http_1_0() const { return parser_->http_1_0(); }
bool RequestReader::expects_continue() const { return parser_->expects_continue(); }

}  // namespace tdm::net::detail
