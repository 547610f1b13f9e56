// hexdump: the bytes of a device or file.
#include "commands.hpp"
#include "hex_dumper.hpp"
#include "raw_io.hpp"

namespace sluice::app {
namespace {

int dump(Session& session, std::string_view name, u64 offset, u64 left) {
  ByteSource source;
  if (const int status = source.open(session, "hexdump", name); status != kSucceeded) {
    return status;
  }
  if (offset > source.bytes()) {
    return failure("hexdump", name, "-s goes beyond its end");
  }
  console::Writer out(console::Stream::Output);
  HexDumper dumper(out, offset);
  while (true) {
    const auto piece = source.read(offset, left);
    if (!piece) {
      dumper.finish();
      out.flush();
      print_error("hexdump: {}: byte {}: {}\n", name, offset, in_words(piece.error()));
      return kFailed;
    }
    if (piece->empty()) {
      dumper.finish();
      return kSucceeded;
    }
    dumper.add(*piece);
    offset += piece->size();
    left -= piece->size();
  }
}

}  // namespace

int run_hexdump(Session& session, Words words) {
  u64 offset = 0;
  u64 bytes = ~u64{0};
  OptionReader options(words);
  while (options.next()) {
    const bool skip = options.is("s");
    if (!skip && !options.is("n")) {
      return unknown_option("hexdump", options);
    }
    const std::optional<u64> number =
        options.take_value() ? parse_size(options.value()) : std::nullopt;
    if (!number || (skip && *number > ~u64{0} / blk::kSectorBytes)) {
      return usage_error("hexdump",
                         skip ? "-s needs a sector's number" : "-n needs a number of bytes",
                         options.value());
    }
    (skip ? offset : bytes) = skip ? *number * blk::kSectorBytes : *number;
  }
  if (options.operands().size() != 1) {
    return usage_error("hexdump", "one device is needed");
  }
  return dump(session, options.operands()[0], offset, bytes);
}

}  // namespace sluice::app
