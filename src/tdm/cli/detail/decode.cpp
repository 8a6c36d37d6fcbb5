// tdm decode: cuts recordings into documents; what they mean is the exchange's knowledge.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "tdm/cli/detail/command.hpp"
#include "tdm/cli/detail/recording.hpp"

namespace tdm::cli::detail {
namespace {

const std::vector<std::string> kChannels{"rest", "ws", "archive"};

// Said, so that no line of a file passes in silence.
void print_note(const Document& document, const LineSink& sink) {
  constexpr std::size_t kShown = 200;
  const nlohmann::ordered_json line{{"kind", "control"},
                                    {"line", document.line},
                                    {"event", "recorder_note"},
                                    {"message", document.text.substr(0, kShown)}};
  sink(line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

}  // namespace

Result<void> decode(const Context& context, const DecodeOptions& options) {
  if (std::ranges::count(kChannels, options.channel) == 0)
    return fail(ErrorCode::invalid_argument,
                fmt::format("channel '{}' is not one of rest, ws, archive", options.channel), "channel",
                nearest(options.channel, kChannels, 1));
  const auto sink = [&](std::string_view line) { context.out() << line << '\n'; };
  for (const auto& file : options.files) {
    const bool archive = options.channel == "archive";
    const auto text = read_recording(file, archive);
    if (!text) return std::unexpected{text.error()};
    for (const auto& document : documents_of(*text, archive)) {
      if (context.stop.stop_requested()) return fail(ErrorCode::cancelled, "stopped");
      if (document.is_note) {
        print_note(document, sink);
        continue;
      }
      // An archive's name is what its publisher calls it by.
      const auto named = archive ? file : std::string{document.target};
      const auto target = options.target.empty() ? named : options.target;
      const auto decoded = context.services.decode({.exchange = options.exchange,
                                                    .market = options.market,
                                                    .channel = options.channel,
                                                    .target = target,
                                                    .document = document.text,
                                                    .line = document.line},
                                                   sink);
      if (!decoded) return decoded;
    }
  }
  return {};
}

}  // namespace tdm::cli::detail
