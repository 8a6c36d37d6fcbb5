#include "tdm/net/detail/inflate.hpp"

#include <zlib.h>

#include <array>
#include <string>

namespace tdm::net::detail {

namespace {
constexpr int kGzip = 15 + 16;
constexpr int kZlib = 15;
constexpr int kRaw = -15;
}  // namespace

struct Inflater::State {
  z_stream stream{};
  Coding coding = Coding::gzip;
  bool begun = false;  // a byte was seen
  bool ended = false;  // the stream, or one member of a gzip file of several, is complete
};

Inflater::Inflater(Coding coding) : state_{std::make_unique<State>()} {
  state_->coding = coding;
  inflateInit2(&state_->stream, coding == Coding::gzip ? kGzip : kZlib);
}

Inflater::~Inflater() { inflateEnd(&state_->stream); }

Result<void> Inflater::feed(std::string_view bytes, const Out& out) {
  if (bytes.empty()) return {};
  auto& stream = state_->stream;
  if (!state_->begun && state_->coding == Coding::deflate &&
      (static_cast<unsigned char>(bytes.front()) & 0x0f) != Z_DEFLATED)
    inflateReset2(&stream, kRaw);  // what some servers call deflate: a bare stream without the zlib frame
  state_->begun = true;

  std::array<char, 65'536> piece;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib does not write to it
  stream.avail_in = static_cast<uInt>(bytes.size());
  while (true) {
    if (state_->ended) {
      if (stream.avail_in == 0) return {};
      if (state_->coding != Coding::gzip)
        return fail(ErrorCode::corrupt_data, "bytes follow the end of the compressed body");
      inflateReset2(&stream, kGzip);  // the next member
      state_->ended = false;
    }
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = static_cast<uInt>(piece.size());
    const int code = inflate(&stream, Z_NO_FLUSH);
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
      return fail(ErrorCode::corrupt_data, std::string{"the compressed body is damaged: "} +
                                               (stream.msg != nullptr ? stream.msg : zError(code)));
    const std::string_view made{piece.data(), piece.size() - stream.avail_out};
    if (!made.empty())
      if (auto taken = out(made); !taken) return taken;
    if (code == Z_STREAM_END) {
      state_->ended = true;
    } else if (stream.avail_in == 0 && stream.avail_out != 0) {
      return {};
    }
  }
}

Result<void> Inflater::finish() const {
  if (!state_->begun || state_->ended) return {};
  return fail(ErrorCode::corrupt_data, "the compressed body is cut short");
}

}  // namespace tdm::net::detail
