#pragma once

#include <zlib.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace tdm::support {

// A zip file made by hand, right unless a field says otherwise.
struct ZipPart {
  std::string name;
  std::string content;
  bool stored = false;
  std::uint16_t flags = 0;
  std::uint32_t stated_size = 0xffffffff;  // 0xffffffff: the right one
  std::uint32_t crc_change = 0;
};

class ZipBuilder {
 public:
  std::string build(const std::vector<ZipPart>& parts, std::string_view comment = {}, std::string_view hidden = {}) {
    std::string file, directory;
    for (const auto& part : parts) add(file, directory, part);
    file += hidden;
    const auto directory_at = file.size();
    file += directory;
    put32(file, 0x06054b50);
    put32(file, 0);
    put16(file, parts.size());
    put16(file, parts.size());
    put32(file, directory.size());
    put32(file, directory_at);
    put16(file, comment.size());
    return file += comment;
  }

 private:
  static void put16(std::string& to, std::size_t value) {
    to += static_cast<char>(value & 0xffU);
    to += static_cast<char>(value >> 8U & 0xffU);
  }
  static void put32(std::string& to, std::size_t value) {
    put16(to, value & 0xffffU);
    put16(to, value >> 16U);
  }

  static std::string deflated(const std::string& content) {
    std::string packed(compressBound(static_cast<uLong>(content.size())) + 64, '\0');
    z_stream stream{};
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
      throw std::runtime_error{"zlib has no memory"};
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
    stream.avail_in = static_cast<uInt>(content.size());
    stream.next_out = reinterpret_cast<Bytef*>(packed.data());
    stream.avail_out = static_cast<uInt>(packed.size());
    const int code = deflate(&stream, Z_FINISH);
    packed.resize(stream.total_out);
    deflateEnd(&stream);
    if (code != Z_STREAM_END) throw std::runtime_error{"zlib did not end"};
    return packed;
  }

  static void add(std::string& file, std::string& directory, const ZipPart& part) {
    const auto at = file.size();
    const auto packed = part.stored ? part.content : deflated(part.content);
    const auto size = part.stated_size == 0xffffffff ? part.content.size() : part.stated_size;
    const auto crc =
        crc32_z(0, reinterpret_cast<const Bytef*>(part.content.data()), part.content.size()) + part.crc_change;
    const auto common = [&](std::string& to) {
      put16(to, 20);
      put16(to, part.flags);
      put16(to, part.stored ? 0 : 8);
      put32(to, 0);  // time and date
      put32(to, crc);
      put32(to, packed.size());
      put32(to, size);
      put16(to, part.name.size());
    };
    put32(file, 0x04034b50);
    common(file);
    put16(file, 0);
    file += part.name;
    file += packed;
    put32(directory, 0x02014b50);
    put16(directory, 20);
    common(directory);
    put16(directory, 0);
    put16(directory, 0);
    put16(directory, 0);
    put16(directory, 0);
    put32(directory, 0);
    put32(directory, at);
    directory += part.name;
  }
};

inline std::string zip_of(std::string name, std::string content) {
  return ZipBuilder{}.build({{.name = std::move(name), .content = std::move(content)}});
}

}  // namespace tdm::support
