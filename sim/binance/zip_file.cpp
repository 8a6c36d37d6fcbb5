#include "sim/binance/zip_file.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <cstdint>
#include <new>

// The layout is that of PKWARE's APPNOTE: local headers with the packed bytes, the central directory, its end record.
namespace tdm::sim::binance {
namespace {

constexpr int kFastest = 1;
constexpr std::uint16_t kVersion = 20;
constexpr std::uint16_t kDeflated = 8;
constexpr std::uint16_t kDate = 0x5821;  // 2024-01-01: the same file has the same bytes

void put16(std::string& to, std::size_t value) {
  to += static_cast<char>(value & 0xffU);
  to += static_cast<char>(value >> 8U & 0xffU);
}
void put32(std::string& to, std::size_t value) {
  put16(to, value & 0xffffU);
  put16(to, value >> 16U);
}

std::string deflated(const std::string& content) {
  z_stream stream{};
  constexpr int kRaw = -15, kMemory = 8;
  if (deflateInit2(&stream, kFastest, Z_DEFLATED, kRaw, kMemory, Z_DEFAULT_STRATEGY) != Z_OK) throw std::bad_alloc{};
  std::string packed(deflateBound(&stream, static_cast<uLong>(content.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));  // zlib does not write to it
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const int code = deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  if (code != Z_STREAM_END) throw std::bad_alloc{};
  return packed;
}

}  // namespace

std::string zip_file(const std::vector<std::pair<std::string, std::string>>& members) {
  std::string file, directory;
  for (const auto& [name, content] : members) {
    const auto at = file.size();
    const auto packed = deflated(content);
    const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(content.data()), content.size());
    const auto put_common = [&, &size = content, &title = name](std::string& to) {
      put16(to, kVersion);
      put16(to, 0);
      put16(to, kDeflated);
      put16(to, 0);
      put16(to, kDate);
      put32(to, crc);
      put32(to, packed.size());
      put32(to, size.size());
      put16(to, title.size());
      put16(to, 0);
    };
    put32(file, 0x04034b50);
    put_common(file);
    file += name;
    file += packed;
    put32(directory, 0x02014b50);
    put16(directory, kVersion);
    put_common(directory);
    directory.append(10, '\0');  // no comment, first disk, no attributes
    put32(directory, at);
    directory += name;
  }
  const auto directory_at = file.size();
  file += directory;
  put32(file, 0x06054b50);
  put32(file, 0);
  put16(file, members.size());
  put16(file, members.size());
  put32(file, directory.size());
  put32(file, directory_at);
  put16(file, 0);
  return file;
}

}  // namespace tdm::sim::binance
