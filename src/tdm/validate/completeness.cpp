#include <fmt/format.h>

#include "tdm/validate/detail/rule.hpp"

// Rules on what should be there.
namespace tdm::validate::detail {
namespace {

// An empty window was not asked for: nothing to hold the rows against.
void inside_the_window(const Sheet& sheet, const Parameters&, std::span<std::uint8_t> broken) {
  const auto window = sheet.context().window;
  if (window.empty()) return;
  for (std::size_t row = 0; row < sheet.size(); ++row) broken[row] = !window.contains(sheet.open_time[row]);
}

std::string explain_window(const Sheet& sheet, std::size_t row) {
  return fmt::format("open_time {} lies outside {}, which was asked for", to_iso(sheet.open_time[row]),
                     to_string(sheet.context().window));
}

}  // namespace

std::span<const Rule> completeness_rules() {
  static const Rule rules[] = {
      {{"C6", 1, Severity::reject, 0, "rows lie inside the window that was asked for", {}},
       Freedom::none,
       inside_the_window,
       explain_window},
      {{"C1", 1, Severity::warn, 0, "every bar of the window that has ended is there", {}}, Freedom::series},
  };
  return rules;
}

}  // namespace tdm::validate::detail
