#include <fmt/format.h>

#include "tdm/validate/detail/rule.hpp"

// Rules on what the rows belong to.
namespace tdm::validate::detail {
namespace {

bool is_whole(const InstrumentId& id) {
  return !id.exchange.text().empty() && !id.market.text().empty() && !id.symbol.text().empty();
}

void key_is_whole(const Sheet& sheet, const Parameters&, std::span<std::uint8_t> broken) {
  const std::uint8_t wrong = is_whole(sheet.context().series.instrument) ? 0 : 1;
  for (auto& row : broken) row = wrong;
}

std::string explain_key(const Sheet& sheet, std::size_t) {
  const auto& id = sheet.context().series.instrument;
  return fmt::format("the key \"{}.{}.{}\" lacks a part", id.exchange.text(), id.market.text(), id.symbol.text());
}

}  // namespace

std::span<const Rule> instrument_rules() {
  static const Rule rules[] = {
      {{"I2", 1, Severity::reject, 0, "the key names exchange, market and symbol", {}},
       Freedom::none,
       key_is_whole,
       explain_key},
  };
  return rules;
}

}  // namespace tdm::validate::detail
