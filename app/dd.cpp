// dd: raw copy from a device or file to a device or standard output.
#include <algorithm>

#include "commands.hpp"
#include "quantity.hpp"
#include "raw_io.hpp"

#include <sluice/kernel/clock.hpp>

namespace sluice::app {
namespace {

struct Options {
  std::string_view from;
  std::string_view to;  // null: standard output
  u64 block_bytes = 512;
  u64 count = ~u64{0};
  u64 skip = 0;
  u64 seek = 0;
};

bool parse_operand(std::string_view word, Options& options) {
  const usize equals = word.find('=');
  if (equals == std::string_view::npos || equals + 1 == word.size()) {
    return false;
  }
  const std::string_view name = word.substr(0, equals);
  const std::string_view text = word.substr(equals + 1);
  if (name == "if" || name == "of") {
    (name == "if" ? options.from : options.to) = text;
    return true;
  }
  const std::optional<u64> value = parse_size(text);
  if (!value) {
    return false;
  }
  if (name == "bs") {
    options.block_bytes = *value;
    return *value > 0;
  }
  u64* number = name == "count"  ? &options.count
                : name == "skip" ? &options.skip
                : name == "seek" ? &options.seek
                                 : nullptr;
  if (number != nullptr) {
    *number = *value;
  }
  return number != nullptr;
}

// blocks · block_bytes, at most 2⁶⁴ − 1.
u64 bytes_of(u64 blocks, u64 block_bytes) {
  u64 bytes = 0;
  return __builtin_mul_overflow(blocks, block_bytes, &bytes) ? ~u64{0} : bytes;
}

class Copy {
 public:
  explicit Copy(const Options& options) : options_(options) {}

  int run(Session& session) {
    if (const int status = source_.open(session, "dd", options_.from); status != kSucceeded) {
      return status;
    }
    if (!to_output() && target_.open("dd", options_.to) != kSucceeded) {
      return kFailed;
    }
    const u64 begin = clock::now_ns();
    const int status = copy();
    report(clock::now_ns() - begin);
    return status;
  }

 private:
  bool to_output() const { return options_.to.data() == nullptr; }

  int copy() {
    u64 from = bytes_of(options_.skip, options_.block_bytes);
    u64 to = bytes_of(options_.seek, options_.block_bytes);
    if (from > source_.bytes()) {
      return failure("dd", options_.from, "skip= goes beyond its end");
    }
    if (!to_output() && to > target_.bytes()) {
      return failure("dd", options_.to, "seek= goes beyond its end");
    }
    u64 left = bytes_of(options_.count, options_.block_bytes);
    while (left > 0) {
      const auto piece = source_.read(from, left);
      if (!piece) {
        print_error("dd: {}: byte {}: {}\n", options_.from, from, in_words(piece.error()));
        return kFailed;
      }
      if (piece->empty()) {
        break;
      }
      read_ += piece->size();
      if (const int status = put(to, *piece); status != kSucceeded) {
        return status;
      }
      from += piece->size();
      to += piece->size();
      left -= piece->size();
    }
    const blk::Status flushed = to_output() ? blk::Status::Ok : target_.flush();
    return flushed == blk::Status::Ok ? kSucceeded
                                      : failure("dd", options_.to, blk::to_string(flushed));
  }

  int put(u64 to, std::span<const std::byte> data) {
    if (to_output()) {
      console::write(console::Stream::Output,
                     {reinterpret_cast<const char*>(data.data()), data.size()});
      written_ += data.size();
      return kSucceeded;
    }
    const u64 room = target_.bytes() - to;
    const auto fits = data.first(static_cast<usize>(std::min<u64>(data.size(), room)));
    const blk::Status status = fits.empty() ? blk::Status::Ok : target_.write(to, fits);
    if (status != blk::Status::Ok) {
      print_error("dd: {}: byte {}: {}\n", options_.to, to, blk::to_string(status));
      return kFailed;
    }
    written_ += fits.size();
    return fits.size() == data.size() ? kSucceeded
                                      : failure("dd", options_.to, "no space left on the device");
  }

  void report(u64 ns) const {
    console::Writer out(console::Stream::Error);
    for (const bool in : {true, false}) {
      const u64 bytes = in ? read_ : written_;
      format_to(out, "{}+{} records {}\n", bytes / options_.block_bytes,
                bytes % options_.block_bytes != 0 ? 1 : 0, in ? "in" : "out");
    }
    format_to(out, "{} bytes ", written_);
    if (written_ >= 1000) {
      format_to(out, "({}, {}) ", metric_text(written_, "B").view(),
                binary_text(written_, "B").view());
    }
    format_to(out, "copied, {}.{:06} s, {}\n", ns / 1'000'000'000, ns / 1000 % 1'000'000,
              metric_text(ns == 0 ? 0 : scale(written_, 1'000'000'000, ns), "B/s").view());
  }

  const Options& options_;
  ByteSource source_;
  ByteTarget target_;
  u64 read_ = 0;
  u64 written_ = 0;
};

}  // namespace

int run_dd(Session& session, Words words) {
  Options options;
  for (const std::string_view word : words) {
    if (!parse_operand(word, options)) {
      return usage_error("dd", "not an operand, or no value that it can have", word);
    }
  }
  if (options.from.empty()) {
    return usage_error("dd", "if= is needed");
  }
  const int status = Copy(options).run(session);
  if (options.to.data() != nullptr) {
    session.volumes.forget(options.to);
  }
  return status;
}

}  // namespace sluice::app
