#pragma once

#include <nanobind/nanobind.h>

namespace tdm::python {

// Registers the Answer class: what a read returned, as arrays, as one block, and as an Arrow stream.
void bind_answer(nanobind::module_& module);

}  // namespace tdm::python
