#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "tdm/core/bar.hpp"                    // Frame, TextColumn
#include "tdm/store/duckdb/detail/schema.hpp"  // Field

namespace tdm::store::duckdb::detail {

// The memory of an answer: one allocation, the float64 columns first and one after another, so that a caller can take
// them as one strided array. Different threads may fill different rows.
class Block {
 public:
  struct Slot {
    const Field* field = nullptr;
    std::byte* values = nullptr;         // rows x width; null for text
    std::uint8_t* valid = nullptr;       // one byte a row; null when the column has no nulls by its nature
    std::atomic<bool> has_nulls{false};  // else `valid` need not be looked at
    TextColumn text;
    std::vector<std::int64_t> numbers;  // of Kind::number, beside its text
  };

  Block(std::size_t rows, const std::vector<const Field*>& fields);

  std::size_t rows() const { return rows_; }
  std::size_t size() const { return size_; }
  Slot& slot(std::size_t i) { return slots_[i]; }
  const Slot& slot(std::size_t i) const { return slots_[i]; }
  const Slot* find(std::string_view name) const;
  template <class T>
  std::span<const T> values(const Slot& slot) const {
    return {reinterpret_cast<const T*>(slot.values), rows_};
  }

  // The rows named by `order`, in that order.
  std::shared_ptr<Block> gather(const std::vector<std::size_t>& order) const;

 private:
  struct Free {
    void operator()(std::byte* memory) const;
  };
  std::size_t rows_;
  std::size_t size_;
  std::unique_ptr<Slot[]> slots_;
  std::unique_ptr<std::byte[], Free> memory_;
};

// A view of the named columns that keeps the block alive.
Frame frame_of(std::shared_ptr<const Block> block, const std::vector<std::string>& columns);

}  // namespace tdm::store::duckdb::detail
