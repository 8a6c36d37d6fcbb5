#include "tdm/net/detail/reply_reader.hpp"

#include <fmt/format.h>

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <charconv>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "tdm/net/detail/inflate.hpp"

namespace tdm::net::detail {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr std::uint32_t kHeaderLimit = 65'536;
constexpr int kInterimReplies = 10;

// Beast's parser, its events written into an HttpReply.
class Message final : public http::basic_parser<false> {
 public:
  explicit Message(const ReplyReader::Expectation& expectation) : expectation_{expectation} {
    eager(true);
    header_limit(kHeaderLimit);
    body_limit(boost::none);
    skip(expectation.without_body);
  }

  HttpReply reply;
  std::optional<Error> failure;
  std::uint64_t body_seen = 0;  // as sent
  std::optional<std::uint64_t> body_stated;
  bool to_sink = false;  // on_piece takes the body

  Result<void> finish_coding() const { return inflater_ ? inflater_->finish() : Result<void>{}; }

 private:
  void on_request_impl(http::verb, beast::string_view, beast::string_view, int, error_code&) override {}
  void on_response_impl(int code, beast::string_view, int, error_code&) override { reply.status = code; }

  void on_field_impl(http::field, beast::string_view name, beast::string_view value, error_code&) override {
    if (!headers_done_) reply.headers.emplace_back(name, value);
  }

  void on_header_impl(error_code& failed) override {
    headers_done_ = true;
    to_sink = expectation_.on_piece && reply.status / 100 == 2;
    if (expectation_.without_body) return;
    if (!open_coding(failed)) return;
    const auto length = find_header(reply.headers, "Content-Length");
    std::uint64_t stated = 0;
    if (!length || std::from_chars(length->data(), length->data() + length->size(), stated).ec != std::errc{}) return;
    body_stated = stated;
    if (to_sink || inflater_) return;
    if (stated > expectation_.body_limit) return refuse_size(failed);
    reply.body.reserve(static_cast<std::size_t>(stated));
  }

  bool open_coding(error_code& failed) {
    const auto coding = find_header(reply.headers, "Content-Encoding").value_or("");
    if (coding.empty() || beast::iequals(coding, "identity")) return true;
    if (beast::iequals(coding, "gzip") || beast::iequals(coding, "x-gzip")) {
      inflater_.emplace(Inflater::Coding::gzip);
    } else if (beast::iequals(coding, "deflate")) {
      inflater_.emplace(Inflater::Coding::deflate);
    } else {
      give_up(failed, fmt::format("the body has the content coding '{}', which was not asked for", coding));
      return false;
    }
    return true;
  }

  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(beast::string_view body, error_code& failed) override { return take_body(body, failed); }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, error_code& failed) override {
    return take_body(body, failed);
  }
  void on_finish_impl(error_code&) override {}

  std::size_t take_body(std::string_view body, error_code& failed) {
    body_seen += body.size();
    auto taken = inflater_ ? inflater_->feed(body, [this](std::string_view piece) { return keep(piece); }) : keep(body);
    if (!taken) {
      failure = std::move(taken).error();
      failed = http::error::bad_value;
    }
    return body.size();
  }

  Result<void> keep(std::string_view piece) {
    if (to_sink) {
      if (expectation_.on_piece(piece)) return {};
      return fail(ErrorCode::cancelled, "the reader of the body stopped");
    }
    if (piece.size() > expectation_.body_limit - reply.body.size()) return too_large();
    reply.body += piece;
    return {};
  }

  std::unexpected<Error> too_large() const {
    return fail(ErrorCode::corrupt_data, fmt::format("the body is larger than {} bytes", expectation_.body_limit));
  }
  void refuse_size(error_code& failed) {
    failure = too_large().error();
    failed = http::error::body_limit;
  }
  void give_up(error_code& failed, std::string message) {
    failure = Error{.code = ErrorCode::corrupt_data, .message = std::move(message)};
    failed = http::error::bad_value;
  }

  const ReplyReader::Expectation& expectation_;
  std::optional<Inflater> inflater_;
  bool headers_done_ = false;
};

}  // namespace

class ReplyReader::Parser {
 public:
  explicit Parser(Expectation expectation) : expectation_{std::move(expectation)} { message_.emplace(expectation_); }

  Result<void> feed(std::string_view bytes) {
    if (bytes.empty()) return {};
    begun_ = true;
    if (!pending_.empty()) {
      pending_ += bytes;
      bytes = pending_;
    }
    std::size_t used = 0;
    auto parsed = parse(bytes, used);
    if (pending_.empty()) {
      pending_ = bytes.substr(used);
    } else {
      pending_.erase(0, used);
    }
    return parsed;
  }

  Result<void> end() {
    error_code failed;
    if (message_->got_some()) message_->put_eof(failed);
    if (failed || !message_->is_done()) return cut_short();
    return finish();
  }

  bool begun() const { return begun_; }
  bool done() const { return message_->is_done() && message_->reply.status / 100 != 1; }
  bool streaming() const { return message_->to_sink; }
  bool keep_alive() const { return message_->keep_alive() && pending_.empty(); }

  HttpReply take() {
    // The body is not encoded any more, and as long as it is.
    if (!expectation_.without_body)
      std::erase_if(message_->reply.headers,
                    [](const auto& header) { return beast::iequals(header.first, "Content-Encoding"); });
    return std::move(message_->reply);
  }

 private:
  Result<void> parse(std::string_view bytes, std::size_t& used) {
    while (used < bytes.size() && !done()) {
      error_code failed;
      const auto rest = bytes.substr(used);
      used += message_->put(boost::asio::const_buffer{rest.data(), rest.size()}, failed);
      if (message_->failure) return std::unexpected{*message_->failure};
      if (failed == http::error::need_more) return {};
      if (failed == http::error::header_limit)
        return fail(ErrorCode::corrupt_data, fmt::format("the headers are larger than {} bytes", kHeaderLimit));
      if (failed) return fail(ErrorCode::corrupt_data, "it is not HTTP: " + failed.message());
      if (!message_->is_done()) continue;
      if (message_->reply.status / 100 == 1) {
        if (message_->reply.status == 101 || ++interim_ > kInterimReplies)
          return fail(ErrorCode::corrupt_data, fmt::format("the status {} was not asked for", message_->reply.status));
        message_.emplace(expectation_);
      }
    }
    return done() ? finish() : Result<void>{};
  }

  Result<void> finish() const { return message_->finish_coding(); }

  std::unexpected<Error> cut_short() const {
    const auto& message = *message_;
    if (!message.is_header_done()) return fail(ErrorCode::corrupt_data, "it was cut short in its headers");
    if (message.body_stated)
      return fail(ErrorCode::corrupt_data,
                  fmt::format("it was cut short after {} of {} bytes", message.body_seen, *message.body_stated));
    return fail(ErrorCode::corrupt_data, fmt::format("it was cut short after {} bytes", message.body_seen));
  }

  Expectation expectation_;
  std::optional<Message> message_;
  std::string pending_;  // bytes that the parser wants to see again with more behind them
  int interim_ = 0;
  bool begun_ = false;
};

ReplyReader::ReplyReader(Expectation expectation) : parser_{std::make_unique<Parser>(std::move(expectation))} {}
ReplyReader::~ReplyReader() = default;
Result<void> ReplyReader::feed(std::string_view bytes) { return parser_->feed(bytes); }
Result<void> ReplyReader::end() { return parser_->end(); }
bool ReplyReader::begun() const { return parser_->begun(); }
bool ReplyReader::done() const { return parser_->done(); }
bool ReplyReader::streaming() const { return parser_->streaming(); }
bool ReplyReader::keep_alive() const { return parser_->keep_alive(); }
HttpReply ReplyReader::take() { return parser_->take(); }

}  // namespace tdm::net::detail
