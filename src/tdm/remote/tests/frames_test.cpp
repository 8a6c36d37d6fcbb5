#include "tdm/remote/detail/frames.hpp"

#include <gtest/gtest.h>

#include "tdm/remote/tests/support.hpp"

namespace tdm::remote {
namespace {

using testing::answer_of;
using testing::provenance_of;
using testing::stream_of;

template <class T>
std::vector<T> values_of(const Frame& frame, std::string_view name) {
  const auto* column = frame.find(name);
  if (column == nullptr) throw std::runtime_error{std::string{name}};
  const auto values = std::get<std::span<const T>>(column->data);
  return {values.begin(), values.end()};
}

void expect_same(const Frame& joined, const Frame& whole) {
  ASSERT_EQ(joined.rows, whole.rows);
  ASSERT_EQ(joined.columns.size(), whole.columns.size());
  for (std::size_t i = 0; i < whole.columns.size(); ++i) EXPECT_EQ(joined.columns[i].name, whole.columns[i].name);
  EXPECT_EQ(values_of<TimePoint>(joined, "open_time"), values_of<TimePoint>(whole, "open_time"));
  EXPECT_EQ(values_of<double>(joined, "close"), values_of<double>(whole, "close"));
  EXPECT_EQ(values_of<std::int32_t>(joined, "revision"), values_of<std::int32_t>(whole, "revision"));
  EXPECT_EQ(values_of<std::uint32_t>(joined, "quality_flags"), values_of<std::uint32_t>(whole, "quality_flags"));
  const auto& counts = *joined.find("trade_count");
  for (std::size_t row = 0; row < joined.rows; ++row) {
    EXPECT_EQ(counts.valid.empty() || counts.valid[row] != 0, whole.find("trade_count")->valid[row] != 0);
    EXPECT_EQ((*std::get<const TextColumn*>(joined.find("source")->data))[row],
              (*std::get<const TextColumn*>(whole.find("source")->data))[row]);
  }
}

TEST(FrameJoiner, PagesOfAnySizeGiveTheSameFrame) {
  const auto whole = answer_of(0, 40, provenance_of(40, 40));
  for (const std::int64_t page : {1, 7, 39, 40}) {
    FrameJoiner joiner;
    for (std::int64_t first = 0; first < 40; first += page)
      ASSERT_TRUE(joiner.add(stream_of(first, std::min<std::int64_t>(page, 40 - first), provenance_of(page, 40))));
    expect_same(std::move(joiner).finish(), whole->frame);
  }
}

TEST(FrameJoiner, TheFrameOutlivesTheJoiner) {
  Frame frame;
  {
    FrameJoiner joiner;
    ASSERT_TRUE(joiner.add(stream_of(0, 5, provenance_of(5, 5))));
    frame = std::move(joiner).finish();
  }
  EXPECT_DOUBLE_EQ(values_of<double>(frame, "close")[4], testing::close_of(4));
}

TEST(FrameJoiner, AnEmptyAnswerHasItsColumns) {
  FrameJoiner joiner;
  const auto provenance = joiner.add(stream_of(0, 0, provenance_of(0, 5)));
  ASSERT_TRUE(provenance) << provenance.error().message;
  EXPECT_EQ(*provenance, query::to_json(provenance_of(0, 5)));
  const auto frame = std::move(joiner).finish();
  EXPECT_EQ(frame.rows, 0U);
  EXPECT_EQ(frame.columns.size(), 6U);
}

TEST(FrameJoiner, BrokenStreamsAreCorruptData) {
  const auto stream = stream_of(0, 30, provenance_of(30, 30));
  for (const auto& body :
       {std::string{}, std::string{"<html>"}, stream.substr(0, stream.size() / 2), stream.substr(0, 100)}) {
    FrameJoiner joiner;
    const auto added = joiner.add(body);
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().code, ErrorCode::corrupt_data);
  }
}

TEST(FrameJoiner, PagesMustGoOnInTime) {
  FrameJoiner joiner;
  ASSERT_TRUE(joiner.add(stream_of(10, 5, provenance_of(5, 20))));
  const auto again = joiner.add(stream_of(0, 5, provenance_of(5, 20)));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::corrupt_data);
}

TEST(FrameJoiner, PagesMustHaveTheSameColumns) {
  const auto batch = query::to_record_batch(answer_of(5, 5, provenance_of(5, 10)));
  FrameJoiner joiner;
  ASSERT_TRUE(joiner.add(stream_of(0, 5, provenance_of(5, 10))));
  EXPECT_FALSE(joiner.add(stream_of(*batch->RemoveColumn(1).ValueOrDie())));
  FrameJoiner first_is_no_time;
  EXPECT_FALSE(first_is_no_time.add(stream_of(*batch->RemoveColumn(0).ValueOrDie())));
}

TEST(FrameJoiner, WithoutProvenanceItIsNoAnswer) {
  const auto batch = query::to_record_batch(answer_of(0, 5, provenance_of(5, 5)))->ReplaceSchemaMetadata(nullptr);
  FrameJoiner joiner;
  EXPECT_FALSE(joiner.add(stream_of(*batch)));
}

}  // namespace
}  // namespace tdm::remote
