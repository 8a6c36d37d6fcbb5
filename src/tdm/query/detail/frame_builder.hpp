#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tdm/core/bar.hpp"  // Frame, Column

namespace tdm::query::detail {

// Makes a frame of columns that it owns beside those that it views.
class FrameBuilder {
 public:
  explicit FrameBuilder(std::size_t rows) { frame_.rows = rows; }

  void view(const Column& column) { frame_.columns.push_back(column); }

  // `valid` empty: no value is null.
  template <class T>
  void add(std::string name, std::vector<T> values, std::vector<std::uint8_t> valid = {}) {
    const auto& kept = std::get<std::vector<T>>(owned_->values.emplace_back(std::move(values)));
    const auto& mask = owned_->masks.emplace_back(std::move(valid));
    frame_.columns.push_back(Column{std::move(name), std::span<const T>{kept}, mask});
  }

  void add(std::string name, TextColumn text) {
    frame_.columns.push_back(Column{std::move(name), &owned_->texts.emplace_back(std::move(text))});
  }

  // `viewed` owns what the viewed columns show; null when there are none.
  Frame build(std::shared_ptr<const void> viewed) {
    owned_->viewed = std::move(viewed);
    frame_.owner = std::move(owned_);
    return std::move(frame_);
  }

 private:
  using Values = std::variant<std::vector<double>, std::vector<std::int64_t>, std::vector<std::int32_t>,
                              std::vector<std::uint32_t>, std::vector<TimePoint>>;
  struct Owned {
    std::deque<Values> values;  // a deque: what is viewed must not move
    std::deque<std::vector<std::uint8_t>> masks;
    std::deque<TextColumn> texts;
    std::shared_ptr<const void> viewed;
  };
  std::shared_ptr<Owned> owned_ = std::make_shared<Owned>();
  Frame frame_;
};

}  // namespace tdm::query::detail
