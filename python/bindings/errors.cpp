#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <chrono>
#include <optional>
#include <string>

#include "python/bindings/call.hpp"

namespace tdm::python {

void raise_error(const Error& error) {
  std::optional<double> retry_after;
  if (error.retry_after) retry_after = std::chrono::duration<double>(*error.retry_after).count();
  const nb::object make = nb::module_::import_("trading_data_market.errors").attr("_from_engine");
  const auto answer = error.answer.value_or(HttpAnswer{});
  const nb::object exception =
      make(std::string{to_string(error.code)}, error.message, error.parameter, error.suggestions, retry_after,
           answer.status, answer.url, answer.request_id, nb::bytes(answer.document.data(), answer.document.size()));
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception.ptr())), exception.ptr());
  throw nb::python_error();
}

}  // namespace tdm::python
