#include "tdm/store/duckdb/detail/segment_reader.hpp"

#include <arrow/io/memory.h>
#include <fmt/format.h>
#include <parquet/column_page.h>
#include <parquet/column_reader.h>
#include <parquet/exception.h>
#include <parquet/file_reader.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <numeric>
#include <optional>
#include <thread>
#include <tuple>
#include <utility>

#include "tdm/store/duckdb/detail/block.hpp"         // Block
#include "tdm/store/duckdb/detail/files.hpp"         // read_file, sha256
#include "tdm/store/duckdb/detail/segment_file.hpp"  // SegmentFile
#include "tdm/store/rows.hpp"                        // view_of, is_final

namespace tdm::store::duckdb::detail {
namespace {

constexpr std::size_t kRowsForThreads = 65'536;  // below it a second thread costs more than it brings
constexpr std::size_t kReaderThreads = 2;

// One run of rows of the answer and where it comes from.
struct Part {
  const Segment* segment = nullptr;  // nothing: the tail
  std::optional<SegmentFile> file{};
  SegmentFile::Cut cut{};
  std::size_t offset = 0;
  std::vector<TextColumn> texts{};
  std::vector<std::vector<std::int64_t>> numbers{};
};

// Runs `work` on every part, on two threads when there is much to do. Returns the first error.
template <class Work>
Result<void> for_each_part(std::vector<Part>& parts, bool parallel, Work work) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::optional<Error> first_error;
  const auto run = [&] {
    for (auto i = next++; i < parts.size(); i = next++) {
      auto done = [&]() -> Result<void> {
        try {
          return work(parts[i]);
        } catch (const std::bad_alloc&) {
          return fail(ErrorCode::unavailable, "there is not enough memory for the answer");
        } catch (const std::exception& e) {  // Parquet's, on bytes that its own checks refuse
          return corrupt(*parts[i].segment, e.what());
        }
      }();
      if (done) continue;
      const std::lock_guard guard{mutex};
      if (!first_error) first_error = std::move(done).error();
      next = parts.size();
    }
  };
  if (parallel && parts.size() > 1) {
    std::vector<std::jthread> helpers;
    for (std::size_t i = 1; i < std::min(kReaderThreads, parts.size()); ++i) helpers.emplace_back(run);
    run();
  } else {
    run();
  }
  if (first_error) return std::unexpected{*std::move(first_error)};
  return {};
}

// The columns to read: those asked for and those that decide about order and version.
std::vector<const Field*> wanted_fields(const Selection& selection, bool ordered) {
  auto names = selection.columns;
  const auto need = [&](std::string_view name) {
    if (std::ranges::find(names, name) == names.end()) names.emplace_back(name);
  };
  if (selection.as_of)
    for (const auto* name : {"recorded_at", "revision", "finality"}) need(name);
  if (selection.layer == Layer::raw && !ordered) need("ingest_id");
  std::vector<const Field*> wanted;
  wanted.reserve(names.size());
  for (const auto& name : names) wanted.push_back(&field_of(selection.layer, name));
  return wanted;
}

// Whether the parts follow each other in time without touching.
bool in_order(const std::vector<Segment>& segments) {
  for (std::size_t i = 1; i < segments.size(); ++i)
    if (segments[i].first <= segments[i - 1].last) return false;
  return true;
}

void copy_tail(const Frame& tail, const Part& part, Block& block) {
  for (std::size_t i = 0; i < block.size(); ++i) {
    auto& slot = block.slot(i);
    const auto& column = *tail.find(slot.field->name);
    if (is_text(slot.field->kind)) continue;
    const auto bytes = width(slot.field->kind);
    std::visit(
        [&](const auto& values) {
          if constexpr (requires {
                          values.data();
                          values.size_bytes();
                        })
            std::memcpy(slot.values + part.offset * bytes, values.data() + part.cut.first, part.cut.rows() * bytes);
        },
        column.data);
    if (slot.valid == nullptr) continue;
    for (std::size_t row = 0; row < part.cut.rows(); ++row)
      slot.valid[part.offset + row] = column.valid.empty() ? 1 : column.valid[part.cut.first + row];
    if (!column.valid.empty()) slot.has_nulls = true;
  }
}

void append_texts(const Part& part, const Frame* tail, Block& block) {
  for (std::size_t i = 0; i < block.size(); ++i) {
    auto& slot = block.slot(i);
    if (slot.field->kind == Kind::number) {
      for (const auto number : part.numbers[i]) {
        slot.text.append(std::string_view{std::to_string(number)});
        slot.numbers.push_back(number);
      }
    } else if (is_text(slot.field->kind) && part.segment != nullptr) {
      if (slot.text.size() == 0) slot.text.reserve(block.rows(), part.texts[i].bytes().size());
      for (std::size_t row = 0; row < part.texts[i].size(); ++row) slot.text.append(part.texts[i][row]);
    } else if (is_text(slot.field->kind)) {
      const auto& text = *std::get<const TextColumn*>(tail->find(slot.field->name)->data);
      for (auto row = part.cut.first; row < part.cut.last; ++row) slot.text.append(text[row]);
    }
  }
}

// Opens what may hold rows of the range, and gives each part its place in the answer.
Result<std::vector<Part>> plan_parts(const Layout& layout, const Selection& selection) {
  std::vector<Part> parts;
  for (const auto& segment : selection.segments) {
    if (segment.rows == 0 || segment.first >= selection.range.end() || segment.last < selection.range.begin()) continue;
    parts.push_back(Part{.segment = &segment});
  }
  auto rows = std::size_t{0};
  for (const auto& part : parts) rows += static_cast<std::size_t>(part.segment->rows);
  auto opened = for_each_part(parts, rows >= kRowsForThreads, [&](Part& part) -> Result<void> {
    auto file = SegmentFile::open(layout, *part.segment);
    if (!file) return std::unexpected{std::move(file).error()};
    part.file.emplace(*std::move(file));
    part.cut = part.file->locate(selection.range);
    return {};
  });
  if (!opened) return std::unexpected{std::move(opened).error()};
  if (selection.tail != nullptr) {
    const auto& times = selection.tail->open_time;
    const auto first = std::ranges::lower_bound(times, selection.range.begin()) - times.begin();
    const auto last = std::ranges::lower_bound(times, selection.range.end()) - times.begin();
    if (first < last) parts.push_back(Part{.cut = {static_cast<std::size_t>(first), static_cast<std::size_t>(last)}});
  }
  std::size_t offset = 0;
  for (auto& part : parts) offset = (part.offset = offset) + part.cut.rows();
  return parts;
}

Result<std::shared_ptr<Block>> load(std::vector<Part>& parts, const Selection& selection,
                                    const std::vector<const Field*>& wanted) {
  const auto rows = parts.empty() ? 0 : parts.back().offset + parts.back().cut.rows();
  auto block = std::make_shared<Block>(rows, wanted);
  const auto tail = selection.tail != nullptr ? std::optional{view_of(*selection.tail)} : std::nullopt;
  auto filled = for_each_part(parts, rows >= kRowsForThreads, [&](Part& part) -> Result<void> {
    if (part.segment == nullptr) {
      part.numbers.resize(wanted.size());
      copy_tail(*tail, part, *block);
      return {};
    }
    part.texts.resize(wanted.size());
    part.numbers.resize(wanted.size());
    part.file->fill(part.cut, *block, part.offset, part.texts, part.numbers);
    part.file.reset();
    return {};
  });
  if (!filled) return std::unexpected{std::move(filled).error()};
  if (std::ranges::any_of(wanted, [](const Field* field) { return is_text(field->kind); }))
    for (const auto& part : parts) append_texts(part, tail ? &*tail : nullptr, *block);
  return block;
}

// Rows by open time, then by ingest run.
std::vector<std::size_t> sorted_rows(const Block& block) {
  const auto times = block.values<TimePoint>(*block.find("open_time"));
  const auto* ingest = block.find("ingest_id");
  std::vector<std::size_t> order(block.rows());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(
      order, {}, [&](std::size_t row) { return std::pair{times[row], ingest != nullptr ? ingest->numbers[row] : 0}; });
  return order;
}

// Of every bar the version that was known last at `as_of`.
std::vector<std::size_t> known_rows(const Block& block, TimePoint as_of, bool provisional_too) {
  const auto times = block.values<TimePoint>(*block.find("open_time"));
  const auto recorded = block.values<TimePoint>(*block.find("recorded_at"));
  const auto revisions = block.values<std::int32_t>(*block.find("revision"));
  const auto& finality = block.find("finality")->text;
  const auto final_row = [&](std::size_t row) { return *finality[row] == "confirmed" || *finality[row] == "revised"; };
  std::vector<std::size_t> order;
  for (std::size_t row = 0; row < block.rows(); ++row)
    if (recorded[row] <= as_of && (provisional_too || final_row(row))) order.push_back(row);
  std::ranges::stable_sort(order, {}, [&](std::size_t row) {
    return std::tuple{times[row], recorded[row], final_row(row), revisions[row]};
  });
  std::vector<std::size_t> last;
  for (const auto row : order) {
    if (!last.empty() && times[last.back()] == times[row]) last.pop_back();
    last.push_back(row);
  }
  return last;
}

void check_order(const Segment& segment, const Frame& frame) {
  const auto times = std::get<std::span<const TimePoint>>(frame.columns.front().data);
  const bool sorted = segment.layer == Layer::validated
                          ? std::ranges::adjacent_find(times, std::greater_equal{}) == times.end()
                          : std::ranges::is_sorted(times);
  if (!sorted) throw parquet::ParquetException("rows are not in order");
  if (times.empty() || times.front() != segment.first || times.back() != segment.last)
    throw parquet::ParquetException("the rows' range is another one than the manifest says");
}

void check_all_pages(parquet::ParquetFileReader& reader, std::int64_t rows) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(reader.metadata()->num_columns()), 0);
  for (int group = 0; group < reader.metadata()->num_row_groups(); ++group)
    for (int column = 0; column < reader.metadata()->num_columns(); ++column) {
      const auto pages = reader.RowGroup(group)->GetColumnPageReader(column);
      while (const auto page = pages->NextPage())
        if (const auto* data = dynamic_cast<const parquet::DataPage*>(page.get()))
          counts[static_cast<std::size_t>(column)] += data->num_values();
    }
  for (const auto count : counts)
    if (count != rows) throw parquet::ParquetException(fmt::format("a column holds {} of {} rows", count, rows));
}

}  // namespace

std::vector<std::string> all_columns(Layer layer) {
  std::vector<std::string> names;
  for (const auto& field : fields(layer)) names.emplace_back(field.name);
  return names;
}

Selection select(const Manifest& manifest, Layer layer, TimeRange range) {
  Selection selection{.layer = layer, .segments = {}, .range = range, .columns = all_columns(layer)};
  for (const auto& segment : manifest.segments)
    if (segment.layer == layer) selection.segments.push_back(segment);
  if (layer == Layer::validated) selection.tail = &manifest.tail;
  return selection;
}

Result<Frame> read_rows(const Layout& layout, const Selection& selection) {
  auto parts = plan_parts(layout, selection);
  if (!parts) return std::unexpected{std::move(parts).error()};
  std::vector<Segment> read;
  for (const auto& part : *parts)
    if (part.segment != nullptr) read.push_back(*part.segment);
  const bool ordered = in_order(read);
  const auto wanted = wanted_fields(selection, ordered);
  auto block = load(*parts, selection, wanted);
  if (!block) return std::unexpected{std::move(block).error()};
  if (selection.as_of) {
    block = (*block)->gather(known_rows(**block, *selection.as_of, selection.tail != nullptr));
  } else {
    const auto times = (*block)->values<TimePoint>(*(*block)->find("open_time"));
    if (!ordered || !std::ranges::is_sorted(times)) block = (*block)->gather(sorted_rows(**block));
  }
  return frame_of(*std::move(block), selection.columns);
}

Result<void> check_pages(const std::string& path, const Segment& segment) {
  auto file = read_file(path);
  if (!file) return std::unexpected{std::move(file).error()};
  if (!*file) return corrupt(segment, "the file is missing");
  if (sha256(bytes_of((*file)->bytes)) != segment.sha256) return corrupt(segment, "the file's SHA-256 is another one");
  remember_hash((*file)->identity, segment.sha256);  // it keeps its identity when it is renamed into place
  try {
    const auto source = std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(std::move((*file)->bytes)));
    const auto reader = parquet::ParquetFileReader::Open(source, checked_reading());
    check_all_pages(*reader, segment.rows);
  } catch (const parquet::ParquetException& e) {
    return corrupt(segment, e.what());
  }
  return {};
}

std::string problem_of(const Layout& layout, const Segment& segment) {
  const auto path = layout.absolute(segment.path);
  if (auto checked = check_pages(path, segment); !checked) return checked.error().message;
  const auto frame = read_rows(layout, Selection{.layer = segment.layer,
                                                 .segments = {segment},
                                                 .range = TimeRange::of(segment.first, segment.last + Micros{1}),
                                                 .columns = all_columns(segment.layer)});
  if (!frame) return frame.error().message;
  try {
    if (static_cast<std::int64_t>(frame->rows) != segment.rows)
      throw parquet::ParquetException(fmt::format("{} rows of {} lie in its range", frame->rows, segment.rows));
    check_order(segment, *frame);
  } catch (const parquet::ParquetException& e) {
    return corrupt(segment, e.what()).error().message;
  }
  return {};
}

bool same_values(Layer layer, const Frame& a, const Frame& b) {
  const auto same = []<class T>(const T& left, const T& right) {
    if constexpr (requires { left.size_bytes(); })
      return left.size() == right.size() &&
             (left.empty() || std::memcmp(left.data(), right.data(), left.size_bytes()) == 0);
    else
      return *left == *right;
  };
  return a.rows == b.rows && std::ranges::all_of(fields(layer), [&](const Field& field) {
           const auto &left = *a.find(field.name), &right = *b.find(field.name);
           return same(left.valid, right.valid) && left.data.index() == right.data.index() &&
                  std::visit([&]<class T>(const T& values) { return same(values, std::get<T>(right.data)); },
                             left.data);
         });
}

std::string value_hash(Layer layer, const Frame& frame) {
  std::string hashes;
  for (const auto& field : fields(layer)) {
    const auto& column = *frame.find(field.name);
    std::visit(
        [&](const auto& values) {
          if constexpr (requires { values.size_bytes(); }) {
            hashes += sha256(std::as_bytes(values));
          } else {
            hashes += sha256(bytes_of(values->bytes()));
            hashes += sha256(std::as_bytes(values->offsets()));
            hashes += sha256(std::as_bytes(values->validity()));
          }
        },
        column.data);
    if (!column.valid.empty()) hashes += sha256(std::as_bytes(column.valid));
  }
  return sha256(bytes_of(hashes));
}

}  // namespace tdm::store::duckdb::detail
