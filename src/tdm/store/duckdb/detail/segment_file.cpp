#include "tdm/store/duckdb/detail/segment_file.hpp"

#include <arrow/io/file.h>
#include <arrow/io/memory.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <parquet/column_reader.h>
#include <parquet/statistics.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "tdm/store/duckdb/detail/files.hpp"  // read_file, sha256

namespace tdm::store::duckdb::detail {
namespace {

// Files whose hash this process has compared, with the hash. They are never written in place, so their identity stands
// for their bytes; what rots on the disk afterwards is caught by the page checksums.
class HashMemo {
 public:
  bool knows(const FileIdentity& file, const std::string& sha256) {
    const std::lock_guard guard{mutex_};
    const auto found = hashes_.find(file);
    return found != hashes_.end() && found->second == sha256;
  }
  void add(const FileIdentity& file, const std::string& sha256) {
    constexpr std::size_t kMaxEntries = 100'000;
    const std::lock_guard guard{mutex_};
    if (hashes_.size() >= kMaxEntries) hashes_.clear();
    hashes_.insert_or_assign(file, sha256);
  }

 private:
  std::mutex mutex_;
  std::map<FileIdentity, std::string> hashes_;
};

HashMemo& hash_memo() {
  static HashMemo memo;
  return memo;
}

// The file where the manifest says it is, or where replaced files go. A file moves between the two in one step, so that
// looking twice at the first place misses nothing.
Result<std::string> find_file(const Layout& layout, const Segment& segment) {
  const auto current = layout.absolute(segment.path);
  const auto superseded = layout.absolute(Layout::superseded(segment.sha256));
  for (const auto& path : {current, superseded, current}) {
    const auto found = stat_file(path);
    if (!found) return std::unexpected{found.error()};
    if (*found) return path;
  }
  return corrupt(segment, "the file is missing");
}

using Source = std::shared_ptr<arrow::io::RandomAccessFile>;

Result<Source> open_hashed(const std::string& path, const Segment& segment) {
  auto file = read_file(path);
  if (!file) return std::unexpected{std::move(file).error()};
  if (!*file) return corrupt(segment, "the file went away while it was opened");
  if (sha256(bytes_of((*file)->bytes)) != segment.sha256) return corrupt(segment, "the file's SHA-256 is another one");
  hash_memo().add((*file)->identity, segment.sha256);
  return std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(std::move((*file)->bytes)));
}

Result<Source> open_source(const std::string& path, const Segment& segment) {
  const auto identity = stat_file(path);
  if (!identity) return std::unexpected{identity.error()};
  if (!*identity || !hash_memo().knows(**identity, segment.sha256)) return open_hashed(path, segment);
  auto opened = arrow::io::ReadableFile::Open(path);
  if (!opened.ok()) return corrupt(segment, opened.status().message());
  return *std::move(opened);
}

[[noreturn]] void short_column(std::string_view name) {
  throw parquet::ParquetException(fmt::format("column {} ends early", name));
}

template <class Reader>
void skip(Reader& reader, std::size_t rows, std::string_view name) {
  for (auto left = static_cast<std::int64_t>(rows); left > 0;) {
    const auto skipped = reader.Skip(left);
    if (skipped <= 0) short_column(name);
    left -= skipped;
  }
}

template <class Reader>
void read_required(Reader& reader, std::size_t rows, std::byte* to, std::string_view name) {
  using Value = typename Reader::T;
  for (auto left = static_cast<std::int64_t>(rows); left > 0;) {
    std::int64_t got = 0;
    reader.ReadBatch(left, nullptr, nullptr, reinterpret_cast<Value*>(to), &got);
    if (got <= 0) short_column(name);
    to += static_cast<std::size_t>(got) * sizeof(Value);
    left -= got;
  }
}

template <class T>
constexpr T absent() {
  if constexpr (std::is_floating_point_v<T>)
    return std::numeric_limits<T>::quiet_NaN();
  else
    return T{};
}

// Values come without room for nulls: they are spread to their rows from the back.
template <class Reader>
bool read_nullable(Reader& reader, std::size_t rows, std::byte* to, std::uint8_t* valid, std::string_view name) {
  using Value = typename Reader::T;
  constexpr std::int64_t kBatch = 32'768;
  std::vector<std::int16_t> levels(static_cast<std::size_t>(std::min(kBatch, static_cast<std::int64_t>(rows))));
  bool nulls = false;
  while (rows > 0) {
    auto* values = reinterpret_cast<Value*>(to);
    std::int64_t present = 0;
    const auto wanted = std::min(kBatch, static_cast<std::int64_t>(rows));
    const auto got = reader.ReadBatch(wanted, levels.data(), nullptr, values, &present);
    if (got <= 0) short_column(name);
    const auto count = static_cast<std::size_t>(got);
    if (present == got) {
      std::memset(valid, 1, count);
    } else {
      nulls = true;
      auto next = static_cast<std::size_t>(present);
      for (auto row = count; row-- > 0;) {
        valid[row] = levels[row] != 0 ? 1 : 0;
        values[row] = levels[row] != 0 ? values[--next] : absent<Value>();
      }
    }
    to += count * sizeof(Value);
    valid += count;
    rows -= count;
  }
  return nulls;
}

void read_text(parquet::ByteArrayReader& reader, std::size_t rows, TextColumn& to, std::string_view name) {
  constexpr std::int64_t kBatch = 4'096;
  std::vector<std::int16_t> levels(kBatch, 1);
  std::vector<parquet::ByteArray> values(kBatch);
  const bool nullable = reader.descr()->max_definition_level() > 0;
  while (rows > 0) {
    std::int64_t present = 0;
    const auto wanted = std::min(kBatch, static_cast<std::int64_t>(rows));
    const auto got = reader.ReadBatch(wanted, nullable ? levels.data() : nullptr, nullptr, values.data(), &present);
    const auto count = nullable ? got : present;
    if (count <= 0) short_column(name);
    std::size_t next = 0;
    for (std::size_t row = 0; row < static_cast<std::size_t>(count); ++row) {
      if (nullable && levels[row] == 0) {
        to.append_null();
        continue;
      }
      const auto& value = values[next++];
      to.append(std::string_view{reinterpret_cast<const char*>(value.ptr), value.len});
    }
    rows -= static_cast<std::size_t>(count);
  }
}

// One column of one row group: where its rows go.
struct Target {
  const Block::Slot& slot;
  std::size_t skip;
  std::size_t rows;
  std::byte* values;
  std::uint8_t* valid;
};

template <class Reader>
bool read_fixed(parquet::ColumnReader& column, const Target& target) {
  auto& reader = static_cast<Reader&>(column);
  skip(reader, target.skip, target.slot.field->name);
  if (target.slot.field->nullable)
    return read_nullable(reader, target.rows, target.values, target.valid, target.slot.field->name);
  read_required(reader, target.rows, target.values, target.slot.field->name);
  return false;
}

bool read_values(parquet::ColumnReader& column, const Target& target) {
  switch (target.slot.field->kind) {
    case Kind::time:
    case Kind::integer:
    case Kind::number: return read_fixed<parquet::Int64Reader>(column, target);
    case Kind::real: return read_fixed<parquet::DoubleReader>(column, target);
    case Kind::small:
    case Kind::flags: return read_fixed<parquet::Int32Reader>(column, target);
    case Kind::text:
    case Kind::word: break;
  }
  std::abort();  // text has a reader of its own
}

void expect_type(const parquet::ColumnReader& column, const Field& field) {
  const auto expected = [&] {
    switch (field.kind) {
      case Kind::time:
      case Kind::integer:
      case Kind::number: return parquet::Type::INT64;
      case Kind::real: return parquet::Type::DOUBLE;
      case Kind::small:
      case Kind::flags: return parquet::Type::INT32;
      case Kind::text:
      case Kind::word: return parquet::Type::BYTE_ARRAY;
    }
    return parquet::Type::UNDEFINED;
  }();
  const bool nullable = column.descr()->max_definition_level() > 0;
  if (column.type() != expected || nullable != field.nullable || column.descr()->max_repetition_level() > 0)
    throw parquet::ParquetException(fmt::format("column {} is of another type", field.name));
}

}  // namespace

void remember_hash(const FileIdentity& file, const std::string& sha256) { hash_memo().add(file, sha256); }

parquet::ReaderProperties checked_reading() {
  parquet::ReaderProperties properties;
  properties.set_page_checksum_verification(true);
  return properties;
}

std::unexpected<Error> corrupt(const Segment& segment, std::string_view problem) {
  return fail(ErrorCode::corrupt_data, fmt::format("segment {}: {}", segment.path, problem));
}

Result<SegmentFile> SegmentFile::open(const Layout& layout, const Segment& segment) {
  for (int attempt = 0;; ++attempt) {
    const auto path = find_file(layout, segment);
    if (!path) return std::unexpected{path.error()};
    auto source = open_source(*path, segment);
    if (!source) {
      // It may have been moved between finding and opening; it moves once.
      if (attempt < 2 && stat_file(*path).value_or(std::nullopt) == std::nullopt) continue;
      return std::unexpected{std::move(source).error()};
    }
    auto reader = parquet::ParquetFileReader::Open(*std::move(source), checked_reading());
    if (reader->metadata()->num_rows() != segment.rows)
      return corrupt(segment,
                     fmt::format("{} rows where the manifest says {}", reader->metadata()->num_rows(), segment.rows));
    return SegmentFile{std::move(reader), segment};
  }
}

int SegmentFile::column_index(std::string_view name) const {
  const auto index = reader_->metadata()->schema()->ColumnIndex(std::string{name});
  if (index < 0) throw parquet::ParquetException(fmt::format("there is no column {}", name));
  return index;
}

SegmentFile::Cut SegmentFile::locate(TimeRange range) {
  if (range.begin() <= segment_.first && segment_.last < range.end())
    return {0, static_cast<std::size_t>(segment_.rows)};
  return {rows_before(range.begin()), rows_before(range.end())};
}

std::size_t SegmentFile::rows_before(TimePoint bound) {
  if (bound <= segment_.first) return 0;
  if (bound > segment_.last) return static_cast<std::size_t>(segment_.rows);
  const auto index = column_index("open_time");
  std::size_t before = 0;
  for (int group = 0; group < reader_->metadata()->num_row_groups(); ++group) {
    const auto reading = reader_->RowGroup(group);
    const auto rows = static_cast<std::size_t>(reading->metadata()->num_rows());
    const auto statistics =
        std::dynamic_pointer_cast<parquet::Int64Statistics>(reading->metadata()->ColumnChunk(index)->statistics());
    if (statistics && statistics->HasMinMax() && statistics->max() < to_us(bound)) {
      before += rows;
      continue;
    }
    std::vector<std::int64_t> times(rows);
    const auto column = reading->Column(index);
    expect_type(*column, field_of(segment_.layer, "open_time"));
    read_required(static_cast<parquet::Int64Reader&>(*column), rows, reinterpret_cast<std::byte*>(times.data()),
                  "open_time");
    const auto found = std::ranges::lower_bound(times, to_us(bound));
    before += static_cast<std::size_t>(found - times.begin());
    if (found != times.end()) break;
  }
  return before;
}

void SegmentFile::fill(Cut cut, Block& block, std::size_t offset, std::vector<TextColumn>& texts,
                       std::vector<std::vector<std::int64_t>>& numbers) {
  std::size_t group_first = 0;
  for (int group = 0; group < reader_->metadata()->num_row_groups(); ++group) {
    const auto reading = reader_->RowGroup(group);
    const auto group_last = group_first + static_cast<std::size_t>(reading->metadata()->num_rows());
    const auto first = std::max(cut.first, group_first);
    const auto last = std::min(cut.last, group_last);
    for (std::size_t i = 0; first < last && i < block.size(); ++i) {
      auto& slot = block.slot(i);
      const auto column = reading->Column(column_index(slot.field->name));
      expect_type(*column, *slot.field);
      const auto rows = last - first;
      if (slot.field->kind == Kind::text || slot.field->kind == Kind::word) {
        auto& reader = static_cast<parquet::ByteArrayReader&>(*column);
        skip(reader, first - group_first, slot.field->name);
        read_text(reader, rows, texts[i], slot.field->name);
      } else if (slot.field->kind == Kind::number) {
        const auto held = numbers[i].size();
        numbers[i].resize(held + rows);
        read_values(*column, Target{slot, first - group_first, rows,
                                    reinterpret_cast<std::byte*>(numbers[i].data() + held), nullptr});
      } else {
        const auto to = offset + first - cut.first;
        const bool nulls =
            read_values(*column, Target{slot, first - group_first, rows, slot.values + to * width(slot.field->kind),
                                        slot.valid == nullptr ? nullptr : slot.valid + to});
        if (nulls) slot.has_nulls = true;
      }
    }
    group_first = group_last;
  }
}

}  // namespace tdm::store::duckdb::detail
