#include "tdm/store/duckdb/detail/block.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <utility>

namespace tdm::store::duckdb::detail {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

constexpr std::size_t round_up(std::size_t bytes, std::size_t to) { return (bytes + to - 1) / to * to; }

// Large pages spare a year of minute bars some five thousand page faults.
std::byte* allocate(std::size_t bytes) {
  const bool huge = bytes >= 2 * kHugePage;
  const auto alignment = huge ? kHugePage : kAlignment;
  auto* memory = std::aligned_alloc(alignment, round_up(std::max<std::size_t>(bytes, 1), alignment));
  if (memory == nullptr) throw std::bad_alloc{};
  if (huge) ::madvise(memory, bytes, MADV_HUGEPAGE);  // a wish; the answer is the same without
  return static_cast<std::byte*>(memory);
}

void gather_text(const Block::Slot& from, const std::vector<std::size_t>& order, Block::Slot& to) {
  to.text.reserve(order.size(), from.text.bytes().size());
  for (const auto row : order) to.text.append(from.text[row]);
  if (from.numbers.empty()) return;
  to.numbers.reserve(order.size());
  for (const auto row : order) to.numbers.push_back(from.numbers[row]);
}

}  // namespace

void Block::Free::operator()(std::byte* memory) const { std::free(memory); }

Block::Block(std::size_t rows, const std::vector<const Field*>& wanted)
    : rows_{rows}, size_{wanted.size()}, slots_{std::make_unique<Slot[]>(wanted.size())} {
  std::size_t bytes = 0;
  std::vector<std::size_t> values_at(size_, 0), valid_at(size_, 0);
  for (std::size_t i = 0; i < size_; ++i) {
    if (wanted[i]->kind != Kind::real) continue;
    values_at[i] = bytes;
    bytes += rows * sizeof(double);
  }
  for (std::size_t i = 0; i < size_; ++i) {
    const auto& field = *wanted[i];
    bytes = round_up(bytes, kAlignment);
    if (field.kind != Kind::real) {
      values_at[i] = bytes;
      bytes += rows * width(field.kind);
    }
    valid_at[i] = bytes;
    if (field.nullable && !is_text(field.kind)) bytes += rows;
  }
  memory_.reset(allocate(bytes));
  for (std::size_t i = 0; i < size_; ++i) {
    slots_[i].field = wanted[i];
    if (is_text(wanted[i]->kind)) continue;
    slots_[i].values = memory_.get() + values_at[i];
    if (wanted[i]->nullable) slots_[i].valid = reinterpret_cast<std::uint8_t*>(memory_.get() + valid_at[i]);
  }
}

const Block::Slot* Block::find(std::string_view name) const {
  for (std::size_t i = 0; i < size_; ++i)
    if (slots_[i].field->name == name) return &slots_[i];
  return nullptr;
}

std::shared_ptr<Block> Block::gather(const std::vector<std::size_t>& order) const {
  std::vector<const Field*> wanted;
  wanted.reserve(size_);
  for (std::size_t i = 0; i < size_; ++i) wanted.push_back(slots_[i].field);
  auto block = std::make_shared<Block>(order.size(), wanted);
  for (std::size_t i = 0; i < size_; ++i) {
    const auto& from = slots_[i];
    auto& to = block->slots_[i];
    if (is_text(from.field->kind)) {
      gather_text(from, order, to);
      continue;
    }
    const auto bytes = width(from.field->kind);
    for (std::size_t row = 0; row < order.size(); ++row)
      std::memcpy(to.values + row * bytes, from.values + order[row] * bytes, bytes);
    if (from.valid == nullptr || !from.has_nulls) continue;
    to.has_nulls = true;
    for (std::size_t row = 0; row < order.size(); ++row) to.valid[row] = from.valid[order[row]];
  }
  return block;
}

Frame frame_of(std::shared_ptr<const Block> block, const std::vector<std::string>& columns) {
  Frame frame;
  frame.rows = block->rows();
  for (const auto& name : columns) {
    const auto& slot = *block->find(name);
    Column column{name, &slot.text};
    switch (slot.field->kind) {
      case Kind::time: column.data = block->values<TimePoint>(slot); break;
      case Kind::real: column.data = block->values<double>(slot); break;
      case Kind::integer: column.data = block->values<std::int64_t>(slot); break;
      case Kind::small: column.data = block->values<std::int32_t>(slot); break;
      case Kind::flags: column.data = block->values<std::uint32_t>(slot); break;
      case Kind::text:
      case Kind::word:
      case Kind::number: break;
    }
    if (slot.has_nulls) column.valid = {slot.valid, block->rows()};
    frame.columns.push_back(std::move(column));
  }
  frame.owner = std::move(block);
  return frame;
}

}  // namespace tdm::store::duckdb::detail
