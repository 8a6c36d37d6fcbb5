#include <fmt/format.h>

#include <deque>
#include <optional>
#include <string>

#include "tdm/sources/binance/detail/archive.hpp"  // parse_archive_rows
#include "tdm/sources/binance/detail/decode.hpp"
#include "tdm/sources/binance/detail/parse.hpp"     // sent_row
#include "tdm/sources/binance/detail/protocol.hpp"  // kExchange, find_facts
#include "tdm/sources/zip_member.hpp"               // read_zip_member

namespace tdm::sources::binance {
namespace {

// What the name of a file says: BTCUSDT-1m-2020-01-01, BTCUSDT-aggTrades-2020-01.
struct FileName {
  std::string_view symbol;
  std::string_view content;  // the interval of klines, else the word for what the file holds
};

// `path`: with folders and extensions.
std::optional<FileName> read_name(std::string_view path) {
  path = path.substr(path.rfind('/') + 1);
  path = path.substr(0, path.find('.'));
  const auto symbol_end = path.find('-');
  const auto content_end = path.find('-', symbol_end + 1);
  if (symbol_end == std::string_view::npos || content_end == std::string_view::npos) return std::nullopt;
  return FileName{path.substr(0, symbol_end), path.substr(symbol_end + 1, content_end - symbol_end - 1)};
}

// Only the folders tell: the names are the same.
PriceKind kind_of(std::string_view path) {
  if (path.contains("/markPriceKlines/")) return PriceKind::mark;
  if (path.contains("/indexPriceKlines/")) return PriceKind::index;
  return path.contains("/premiumIndexKlines/") ? PriceKind::premium : PriceKind::last;
}

class Decoder {
 public:
  Decoder(const DecodeRequest& request, std::int64_t first_line, const LineSink& sink)
      : request_{request}, first_line_{first_line}, sink_{sink} {}

  // `line` of the file, counted from 1.
  Events at(std::int64_t line) const { return {kExchange, request_, first_line_ + line - 1, sink_}; }

  void bars(std::string_view csv, std::string_view symbol, const BarLength& length) const {
    const auto rows = parse_archive_rows(csv);
    if (!rows) return at(1).error(rows.error());
    const BarMeaning meaning{.market = request_.market,
                             .symbol = std::string{symbol},
                             .price_kind = kind_of(request_.target),
                             .length = length,
                             .channel = "archive"};
    const auto& market = *find_facts(request_.market);
    const auto contract_size = usual_contract_size(symbol);
    for (std::size_t i = 0; i < rows->rows.size(); ++i) {
      const auto& row = rows->rows[i];
      const auto end = row.open_time ? std::optional{length.close_of(*row.open_time)} : std::nullopt;
      std::deque<std::string> made;
      emit_bar(at(rows->lines[i]), meaning, sent_row(row, market, meaning.price_kind, end, contract_size, made), true);
    }
  }

 private:
  const DecodeRequest& request_;
  std::int64_t first_line_;
  const LineSink& sink_;
};

}  // namespace

void decode_archive(const DecodeRequest& request, std::string_view file, std::int64_t first_line,
                    const LineSink& sink) {
  const Decoder decoder{request, first_line, sink};
  ZipMember member{.name = request.target, .content = {}};
  if (file.starts_with("PK")) {
    auto read = read_zip_member(file);
    if (!read) return decoder.at(1).error(read.error());
    member = *std::move(read);
    file = member.content;
  }
  const auto name = read_name(member.name);
  if (!name)
    return decoder.at(1).error(ErrorCode::invalid_argument,
                               "the file's name says neither symbol nor interval: give it as the request");
  if (const auto length = bar_length(name->content == "1mo" ? "1M" : name->content))
    return decoder.bars(file, name->symbol, *length);
  decoder.at(1).error(ErrorCode::invalid_argument,
                      fmt::format("archive files of {} are not read: those of klines are", name->content));
}

}  // namespace tdm::sources::binance
