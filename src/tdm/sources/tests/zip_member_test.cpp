#include "tdm/sources/zip_member.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "tests/support/zip.hpp"

namespace tdm::sources {
namespace {

using support::zip_of;
using support::ZipBuilder;
using support::ZipPart;
using ::testing::HasSubstr;

std::string rows(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += std::to_string(1'577'836'800'000 + i * 60'000LL) + ",1,2,0.5,1.5\n";
  return text;
}

std::string reason_of(std::string_view bytes, const ZipLimits& limits = {}) {
  const auto member = read_zip_member(bytes, limits);
  if (member) return "it was accepted";
  EXPECT_EQ(member.error().code, ErrorCode::corrupt_data);
  return member.error().message;
}

TEST(ZipMember, GivesNameAndContent) {
  for (const bool stored : {false, true}) {
    for (const auto& content : {std::string{}, std::string{"a"}, rows(5'000)}) {
      const auto bytes = ZipBuilder{}.build({{.name = "A-1m-2020-01.csv", .content = content, .stored = stored}});
      const auto member = read_zip_member(bytes);
      ASSERT_TRUE(member) << member.error().message;
      EXPECT_EQ(member->name, "A-1m-2020-01.csv");
      EXPECT_EQ(member->content, content);
    }
  }
  EXPECT_TRUE(read_zip_member(ZipBuilder{}.build({{.name = "a", .content = "b"}}, "a comment")));
}

TEST(ZipMember, RefusesWhatIsNoZipFileWithOneMember) {
  EXPECT_THAT(reason_of(""), HasSubstr("empty"));
  EXPECT_THAT(reason_of("PK"), HasSubstr("not a zip file"));
  EXPECT_THAT(reason_of("<html><body>Service unavailable</body></html>"), HasSubstr("HTML"));
  EXPECT_THAT(reason_of(rows(3)), HasSubstr("not a zip file"));
  EXPECT_THAT(reason_of(ZipBuilder{}.build({})), HasSubstr("0 members"));
  EXPECT_THAT(reason_of(ZipBuilder{}.build({{.name = "a", .content = "1"}, {.name = "b", .content = "2"}})),
              HasSubstr("2 members"));
  EXPECT_THAT(reason_of(zip_of("a", "b") + "more"), HasSubstr("cut short"));
  EXPECT_THAT(reason_of("more" + zip_of("a", "b")), HasSubstr("directory"));
  EXPECT_THAT(reason_of(ZipBuilder{}.build({{.name = "a", .content = "b"}}, {}, "hidden")),
              HasSubstr("more than its member"));
  EXPECT_THAT(reason_of(ZipBuilder{}.build({{.name = "a", .content = "b", .flags = 1}})), HasSubstr("encrypted"));
}

// Two files in one, of which the directory names the second: readers would disagree about what was sent.
TEST(ZipMember, RefusesAMemberThatItsDirectoryDoesNotName) {
  auto bytes = zip_of("a", "b");
  bytes[30] = 'c';
  EXPECT_THAT(reason_of(bytes), HasSubstr("not the one of its directory"));
}

TEST(ZipMember, RefusesContentThatIsNotWhatItStates) {
  const ZipPart right{.name = "a", .content = rows(100)};
  auto part = right;
  part.crc_change = 1;
  EXPECT_THAT(reason_of(ZipBuilder{}.build({part})), HasSubstr("checksum"));
  for (const auto size : {std::size_t{0}, right.content.size() - 1, right.content.size() + 1}) {
    part = right;
    part.stated_size = static_cast<std::uint32_t>(size);
    EXPECT_THAT(reason_of(ZipBuilder{}.build({part})), HasSubstr("does not unpack to what it states"));
    part.stored = true;
    EXPECT_THAT(reason_of(ZipBuilder{}.build({part})), HasSubstr("contradict"));
  }
}

TEST(ZipMember, RefusesABombBeforeItIsUnpacked) {
  const auto bomb = zip_of("a", std::string(std::size_t{8} << 20, '0'));
  EXPECT_THAT(reason_of(bomb), HasSubstr("more than 250 for one"));
  EXPECT_THAT(reason_of(zip_of("a", rows(1'000)), {.content = 10'000, .ratio = 250}), HasSubstr("the limit is 10000"));
  // A bomb that states less than it holds ends where it said that it would.
  EXPECT_THAT(reason_of(ZipBuilder{}.build({{.name = "a", .content = std::string(1 << 20, '0'), .stated_size = 100}})),
              HasSubstr("does not unpack to what it states"));
}

TEST(ZipMember, RefusesEveryCutAndSurvivesEveryChangedByte) {
  const auto bytes = zip_of("A-1m-2020-01.csv", rows(20));
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(read_zip_member(std::string_view{bytes}.substr(0, size))) << size;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const unsigned bit : {0U, 7U}) {
      auto changed = bytes;
      changed[at] = static_cast<char>(static_cast<unsigned char>(changed[at]) ^ 1U << bit);
      const auto member = read_zip_member(changed);  // versions, times and attributes are nobody's business
      if (member) {
        EXPECT_EQ(member->content, rows(20)) << at;
      }
    }
  }
}

TEST(ZipMember, ReadsFilesAsBinancePublishesThem) {
  const std::string file = std::string{TDM_SHARED_DIR} + "/recordings/binance/datatool/BTCUSDT-1m-2020-01-01.zip";
  std::ifstream in{file, std::ios::binary};
  if (!in) GTEST_SKIP() << "needs ../shared";
  const std::string bytes{std::istreambuf_iterator<char>{in}, {}};
  const auto member = read_zip_member(bytes);
  ASSERT_TRUE(member) << member.error().message;
  EXPECT_EQ(member->name, "BTCUSDT-1m-2020-01-01.csv");
  EXPECT_EQ(member->content.size(), 204'966U);
}

}  // namespace
}  // namespace tdm::sources
