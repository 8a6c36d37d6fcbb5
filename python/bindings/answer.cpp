#include "python/bindings/answer.hpp"

#include <arrow/api.h>
#include <arrow/c/bridge.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "python/bindings/call.hpp"
#include "tdm/query/arrow.hpp"        // to_record_batch
#include "tdm/query/market_data.hpp"  // Answer

namespace tdm::python {
namespace {

using query::Answer;

// Memory that NumPy owns through a capsule. Plain malloc: pages are touched once, by the copy.
template <class T>
nb::object owned_array(std::vector<std::size_t> shape, T*& out) {
  std::size_t count = 1;
  for (const auto extent : shape) count *= extent;
  auto* memory = static_cast<T*>(std::malloc(std::max<std::size_t>(1, count * sizeof(T))));
  if (memory == nullptr) throw std::bad_alloc{};
  out = memory;
  nb::capsule owner{memory, [](void* pointer) noexcept { std::free(pointer); }};
  return nb::cast(nb::ndarray<nb::numpy, T>{memory, shape.size(), shape.data(), owner});
}

const Column& column_of(const Answer& answer, const std::string& name) {
  const auto* column = answer.frame.find(name);
  if (column == nullptr) throw nb::key_error(name.c_str());
  return *column;
}

// open_time in nanoseconds since the epoch: what a pandas index holds.
nb::object time_ns(const Answer& answer, const std::string& name) {
  const auto times = std::get<std::span<const TimePoint>>(column_of(answer, name).data);
  std::int64_t* out = nullptr;
  auto array = owned_array<std::int64_t>({times.size()}, out);
  std::ranges::transform(times, out, [](TimePoint time) { return to_us(time) * 1000; });
  return array;
}

template <class T>
void copy_numbers(std::span<const T> from, std::span<const std::uint8_t> valid, double* to) {
  if constexpr (std::is_same_v<T, double>) {
    std::memcpy(to, from.data(), from.size_bytes());
  } else {
    std::ranges::transform(from, to, [](T value) { return static_cast<double>(value); });
  }
  for (std::size_t row = 0; row < valid.size(); ++row)
    if (valid[row] == 0) to[row] = std::numeric_limits<double>::quiet_NaN();
}

// Several float64 columns one after another in one piece of memory: pandas makes a single block of it without a copy.
nb::object block(const Answer& answer, const std::vector<std::string>& names) {
  double* out = nullptr;
  auto array = owned_array<double>({names.size(), answer.frame.rows}, out);
  for (const auto& name : names) {
    const auto& column = column_of(answer, name);
    copy_numbers(std::get<std::span<const double>>(column.data), column.valid, out);
    out += answer.frame.rows;
  }
  return array;
}

template <class T>
nb::object copied(std::span<const T> from) {
  T* out = nullptr;
  auto array = owned_array<T>({from.size()}, out);
  if (!from.empty()) std::memcpy(out, from.data(), from.size_bytes());
  return array;
}

nb::list texts(const TextColumn& column) {
  nb::list list;
  for (std::size_t row = 0; row < column.size(); ++row) {
    const auto text = column[row];
    if (text)
      list.append(nb::str(text->data(), text->size()));
    else
      list.append(nb::none());
  }
  return list;
}

// One column as (kind, values, valid or None). kind: f8 i8 i4 u4 time text; times are nanoseconds.
nb::tuple column(const Answer& answer, const std::string& name) {
  const auto& found = column_of(answer, name);
  const nb::object valid = found.valid.empty() ? nb::none() : copied(found.valid);
  return std::visit(
      [&]<class T>(const T& data) -> nb::tuple {
        if constexpr (std::is_same_v<T, const TextColumn*>)
          return nb::make_tuple("text", texts(*data), nb::none());
        else if constexpr (std::is_same_v<T, std::span<const TimePoint>>)
          return nb::make_tuple("time", time_ns(answer, name), valid);
        else if constexpr (std::is_same_v<T, std::span<const double>>)
          return nb::make_tuple("f8", copied(data), valid);
        else if constexpr (std::is_same_v<T, std::span<const std::int64_t>>)
          return nb::make_tuple("i8", copied(data), valid);
        else if constexpr (std::is_same_v<T, std::span<const std::int32_t>>)
          return nb::make_tuple("i4", copied(data), valid);
        else
          return nb::make_tuple("u4", copied(data), valid);
      },
      found.data);
}

std::string kind(const Column& column) {
  constexpr const char* kinds[] = {"f8", "i8", "i4", "u4", "time", "text"};
  return kinds[column.data.index()];
}

// ---- Arrow

// Whoever does not consume the stream still frees it.
void release_stream(PyObject* capsule) {
  auto* stream = static_cast<ArrowArrayStream*>(PyCapsule_GetPointer(capsule, "arrow_array_stream"));
  if (stream == nullptr) return;
  if (stream->release != nullptr) stream->release(stream);
  std::free(stream);
}

nb::object arrow_stream(const std::shared_ptr<const Answer>& answer) {
  auto reader = arrow::RecordBatchReader::Make({query::to_record_batch(answer)});
  if (!reader.ok()) throw std::runtime_error(reader.status().ToString());
  auto* stream = static_cast<ArrowArrayStream*>(std::calloc(1, sizeof(ArrowArrayStream)));
  if (stream == nullptr) throw std::bad_alloc{};
  const auto status = arrow::ExportRecordBatchReader(*reader, stream);
  if (!status.ok()) {
    std::free(stream);
    throw std::runtime_error(status.ToString());
  }
  return nb::steal(PyCapsule_New(stream, "arrow_array_stream", release_stream));
}

}  // namespace

void bind_answer(nb::module_& module) {
  nb::class_<Answer>(module, "Answer")
      .def_prop_ro("rows", [](const Answer& answer) { return answer.frame.rows; })
      .def_prop_ro("series", [](const Answer& answer) { return answer.series.text(); })
      .def_prop_ro("provenance", [](const Answer& answer) { return query::to_json(answer.provenance); })
      .def_prop_ro("warn_gaps",
                   [](const Answer& answer) {
                     std::vector<std::string> gaps;
                     for (const auto& gap : answer.warn_gaps) gaps.push_back(query::to_json(gap));
                     return gaps;
                   })
      .def_prop_ro("columns",
                   [](const Answer& answer) {
                     nb::list names;
                     for (const auto& column : answer.frame.columns)
                       names.append(nb::make_tuple(column.name, kind(column)));
                     return names;
                   })
      .def("time_ns", &time_ns, nb::arg("name"))
      .def("block", &block, nb::arg("names"))
      .def("column", &column, nb::arg("name"))
      .def(
          "__arrow_c_stream__", [](const std::shared_ptr<Answer>& answer, nb::handle) { return arrow_stream(answer); },
          nb::arg("requested_schema") = nb::none());
}

}  // namespace tdm::python
