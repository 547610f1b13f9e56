// The options of bench: fio's names, with fio's meaning.
// Used by bench. Pure; any context. Reference: fio 3.33, HOWTO.
#pragma once

#include <expected>

#include "arguments.hpp"

#include <sluice/fs/fat/text.hpp>

namespace sluice::app::bench {

enum class Mode : u8 { Read, Write, RandomRead, RandomWrite, RandomMixed, Trim };
std::string_view to_string(Mode mode);  // "randread"
constexpr bool is_random(Mode mode) {
  return mode == Mode::RandomRead || mode == Mode::RandomWrite || mode == Mode::RandomMixed;
}
constexpr bool writes(Mode mode) {
  return mode != Mode::Read && mode != Mode::RandomRead;
}

inline constexpr u32 kMaxDepth = 1024;

// A size, or a part of the whole.
struct Amount {
  u64 bytes = 0;  // 0: not given
  u32 percent = 0;

  // In bytes of a whole of so many; `fallback` where it was not given.
  u64 of(u64 whole_bytes, u64 fallback) const;
};

struct Options {
  std::string_view filename;  // vda, or vda:/path
  std::string_view disk;      // the part before the colon
  std::string_view path;      // the part behind it; null: the disk itself
  std::string_view name = "sluice";
  Mode mode = Mode::Read;
  u32 block_bytes = 4096;
  u32 depth = 1;
  Amount size;
  Amount offset;
  u64 number_ios = 0;  // 0: no limit
  u64 runtime_ns = 0;  // 0: no limit
  bool time_based = false;
  u64 seed = 1;
  bool seed_given = false;
  bool repeatable = true;  // --randrepeat: without a seed, the same one in every run
  bool json = false;
  u32 jobs = 1;  // each on a hart of its own
  Amount offset_increment;
  bool polled = false;         // --hipri
  std::string_view scheduler;  // null: the disk keeps what it has
  u32 batch_submit = 0;        // 0: not given
  u32 batch_complete_min = 1;
  bool verify = false;  // --verify=crc32c

  // The first of those given that only devices can do; null: none.
  std::string_view only_for_devices() const;
};

// What is wrong with the options, in one line that names the word.
using Complaint = fat::Text<200>;

std::expected<Options, Complaint> parse_options(Words words);

// A time as fio takes it: seconds, or with a unit (d, h, m, s, ms, us).
std::optional<u64> parse_duration_ns(std::string_view text);

}  // namespace sluice::app::bench
