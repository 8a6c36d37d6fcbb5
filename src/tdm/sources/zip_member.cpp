#include "tdm/sources/zip_member.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <optional>

// The layout is that of PKWARE's APPNOTE: a local header and the packed bytes, then the central directory, then its end
// record. A reader that believes one of them and skips the others can be shown another file than the next reader.
namespace tdm::sources {
namespace {

constexpr std::uint32_t kLocalMark = 0x04034b50;
constexpr std::uint32_t kCentralMark = 0x02014b50;
constexpr std::uint32_t kEndMark = 0x06054b50;
constexpr std::size_t kLocalSize = 30;
constexpr std::size_t kCentralSize = 46;
constexpr std::size_t kEndSize = 22;
constexpr std::size_t kLongestDescriptor = 24;  // sizes once more, behind bytes that were packed while they were sent
constexpr std::uint16_t kStored = 0;
constexpr std::uint16_t kDeflated = 8;
constexpr std::uint16_t kEncrypted = 0x0001;
constexpr std::uint16_t kSizesFollow = 0x0008;

std::unexpected<Error> refuse(std::string why) { return fail(ErrorCode::corrupt_data, std::move(why)); }

// Little-endian fields of a record; the record lies inside the text.
class Record {
 public:
  explicit Record(std::string_view bytes) : bytes_{bytes} {}
  std::uint16_t u16(std::size_t at) const { return static_cast<std::uint16_t>(byte(at) | byte(at + 1) << 8U); }
  std::uint32_t u32(std::size_t at) const {
    return static_cast<std::uint32_t>(u16(at)) | static_cast<std::uint32_t>(u16(at + 2)) << 16U;
  }

 private:
  unsigned byte(std::size_t at) const { return static_cast<unsigned char>(bytes_[at]); }
  std::string_view bytes_;
};

std::optional<Record> record_at(std::string_view bytes, std::size_t at, std::size_t size, std::uint32_t mark) {
  if (at > bytes.size() || bytes.size() - at < size) return std::nullopt;
  const Record record{bytes.substr(at, size)};
  return record.u32(0) == mark ? std::optional{record} : std::nullopt;
}

// Where the end record stands: it and its comment reach to the end of the file.
std::optional<std::size_t> find_end(std::string_view bytes) {
  constexpr std::size_t kLongestComment = 0xffff;
  if (bytes.size() < kEndSize) return std::nullopt;
  const auto last = bytes.size() - kEndSize;
  const auto first = last - std::min(last, kLongestComment);
  for (auto at = last + 1; at-- > first;)
    if (const auto end = record_at(bytes, at, kEndSize, kEndMark); end && end->u16(20) == last - at) return at;
  return std::nullopt;
}

struct Member {
  std::string_view name;
  std::string_view packed;
  std::uint16_t method = 0;
  std::uint32_t crc = 0;
  std::size_t size = 0;
};

Result<Member> find_member(std::string_view bytes) {
  if (bytes.empty()) return refuse("this is not a zip file: it is empty");
  const auto end_at = find_end(bytes);
  if (!end_at)
    return refuse(bytes.starts_with("PK\x03\x04") ? "the zip file was cut short: it has no end record"
                  : bytes.starts_with('<')        ? "this is not a zip file but HTML or XML"
                                                  : "this is not a zip file");
  const Record end{bytes.substr(*end_at, kEndSize)};
  if (end.u16(4) != 0 || end.u16(6) != 0 || end.u16(8) != end.u16(10))
    return refuse("the zip file is one of several parts");
  if (end.u16(10) != 1) return refuse(fmt::format("the zip file has {} members and not one", end.u16(10)));
  const std::size_t central_at = end.u32(16);
  const auto central = record_at(bytes, central_at, kCentralSize, kCentralMark);
  if (!central || central_at + end.u32(12) != *end_at)
    return refuse("the zip file's directory is not where it should be");
  const std::size_t name_size = central->u16(28);
  if (kCentralSize + name_size + central->u16(30) + central->u16(32) != end.u32(12))
    return refuse("the zip file's directory is not of its stated size");

  Member member{.name = bytes.substr(central_at + kCentralSize, name_size),
                .packed = {},
                .method = central->u16(10),
                .crc = central->u32(16),
                .size = central->u32(24)};
  const auto flags = central->u16(8);
  if ((flags & kEncrypted) != 0) return refuse("the zip file is encrypted");
  if (member.method != kStored && member.method != kDeflated)
    return refuse(
        fmt::format("the zip file is packed by method {}, which is neither stored nor deflated", member.method));

  // The member begins the file: nothing is hidden in front of it.
  const auto local = record_at(bytes, 0, kLocalSize, kLocalMark);
  if (!local || central->u32(42) != 0) return refuse("the zip file does not begin with its member");
  const std::size_t packed_size = central->u32(20);
  const bool sizes_follow = (flags & kSizesFollow) != 0;
  const bool agrees = local->u16(6) == flags && local->u16(8) == member.method && local->u16(26) == name_size &&
                      (sizes_follow || (local->u32(14) == member.crc && local->u32(18) == packed_size &&
                                        local->u32(22) == member.size));
  const std::size_t packed_at = kLocalSize + name_size + local->u16(28);
  if (!agrees || packed_at > central_at || central_at - packed_at < packed_size ||
      bytes.substr(kLocalSize, name_size) != member.name)
    return refuse("the zip file's member is not the one of its directory");
  if (central_at - packed_at - packed_size > (sizes_follow ? kLongestDescriptor : 0))
    return refuse("the zip file holds more than its member");
  member.packed = bytes.substr(packed_at, packed_size);
  return member;
}

Result<void> check_sizes(const Member& member, const ZipLimits& limits) {
  if (member.size > limits.content)
    return refuse(fmt::format("the zip file would unpack to {} bytes; the limit is {}", member.size, limits.content));
  if (member.size / limits.ratio > member.packed.size())
    return refuse(fmt::format("the zip file would unpack from {} to {} bytes, more than {} for one",
                              member.packed.size(), member.size, limits.ratio));
  if (member.method == kStored && member.size != member.packed.size())
    return refuse("the zip file's sizes contradict each other");
  return {};
}

// Unpacks exactly what was stated: neither less nor more.
Result<std::string> inflated(const Member& member) {
  std::string content(member.size + 1, '\0');  // one byte more shows what would have gone on
  z_stream stream{};
  constexpr int kRaw = -15;
  if (inflateInit2(&stream, kRaw) != Z_OK) throw std::bad_alloc{};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(member.packed.data()));  // zlib does not write to it
  stream.avail_in = static_cast<uInt>(member.packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(content.data());
  stream.avail_out = static_cast<uInt>(content.size());
  const int code = inflate(&stream, Z_FINISH);
  const bool whole = code == Z_STREAM_END && stream.avail_in == 0 && stream.total_out == member.size;
  inflateEnd(&stream);
  if (!whole) return refuse("the zip file is damaged: it does not unpack to what it states");
  content.resize(member.size);
  return content;
}

}  // namespace

Result<ZipMember> read_zip_member(std::string_view bytes, const ZipLimits& limits) {
  const auto member = find_member(bytes);
  if (!member) return std::unexpected{member.error()};
  if (auto small = check_sizes(*member, limits); !small) return std::unexpected{std::move(small).error()};
  auto content = member->method == kStored ? Result<std::string>{std::string{member->packed}} : inflated(*member);
  if (!content) return std::unexpected{std::move(content).error()};
  const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(content->data()), content->size());
  if (crc != member->crc) return refuse("the zip file is damaged: its content has another checksum");
  return ZipMember{std::string{member->name}, *std::move(content)};
}

}  // namespace tdm::sources
