// One row per option: its word, what the value could be, and what takes it.
#include <sluice/drivers/block/ram_options.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <optional>
#include <span>

#include <sluice/kernel/command_line.hpp>
#include <sluice/kernel/entropy.hpp>
#include <sluice/kernel/format.hpp>
#include <sluice/kernel/log.hpp>
#include <sluice/kernel/number.hpp>

namespace sluice::blk {
namespace {

using Options = RamDisk::Options;
using Text = std::string_view;

constexpr u64 kKilo = 1024;
constexpr u64 kMostBytes = u64{1} << 50;
constexpr u64 kMostNs = 3'600'000'000'000;

// --- Values ---

struct Unit {
  Text suffix;
  u64 factor;
};
constexpr std::array<Unit, 4> kSizes{
    {{"k", kKilo}, {"M", kKilo* kKilo}, {"G", kKilo* kKilo* kKilo}, {"", 1}}};
constexpr std::array<Unit, 4> kTimes{
    {{"ns", 1}, {"us", 1'000}, {"ms", 1'000'000}, {"s", 1'000'000'000}}};

// A number from `least` to `most`, with one of the units behind it.
std::optional<u64> quantity(Text text, std::span<const Unit> units, u64 least, u64 most) {
  for (const Unit& unit : units) {
    if (!text.ends_with(unit.suffix)) {
      continue;
    }
    const std::optional<u64> number =
        parse_number(text.substr(0, text.size() - unit.suffix.size()));
    if (!number || *number > most / unit.factor || *number * unit.factor < least) {
      return std::nullopt;
    }
    return *number * unit.factor;
  }
  return std::nullopt;
}

template <class T>
bool take_size(Text text, u64 least, u64 most, T& to) {
  const std::optional<u64> bytes = quantity(text, kSizes, least, most);
  to = bytes ? static_cast<T>(*bytes) : to;
  return bytes.has_value();
}

bool take_time(Text text, u64& to_ns) {
  const std::optional<u64> ns = quantity(text, kTimes, 0, kMostNs);
  to_ns = ns.value_or(to_ns);
  return ns.has_value();
}

template <class T>
bool take_number(Text text, u64 least, u64 most, T& to) {
  const std::optional<u64> number = parse_number(text);
  if (!number || *number < least || *number > most) {
    return false;
  }
  to = static_cast<T>(*number);
  return true;
}

bool take_switch(Text text, bool& to) {
  to = text == "1" || (text != "0" && to);
  return text == "0" || text == "1";
}

template <class T>
struct Word {
  Text text;
  T value;
};
template <class T>
bool take_word(Text text, std::span<const Word<T>> words, T& to) {
  for (const Word<T>& word : words) {
    if (word.text == text) {
      to = word.value;
      return true;
    }
  }
  return false;
}

// The part of `text` before `separator`, which is taken off with it.
Text take_part(Text& text, char separator) {
  const Text part = text.substr(0, text.find(separator));
  text.remove_prefix(part.size() < text.size() ? part.size() + 1 : text.size());
  return part;
}

// --- Faults ---

constexpr std::array<Word<std::optional<Op>>, 6> kOperations{{{"read", Op::Read},
                                                              {"write", Op::Write},
                                                              {"flush", Op::Flush},
                                                              {"discard", Op::Discard},
                                                              {"zeroes", Op::WriteZeroes},
                                                              {"any", std::nullopt}}};
constexpr std::array<Word<FaultRule::When>, 3> kWhens{{{"every", FaultRule::When::Every},
                                                       {"nth", FaultRule::When::Nth},
                                                       {"one_in", FaultRule::When::OneIn}}};
constexpr std::array<Word<Status>, 4> kStatuses{{{"io", Status::IoError},
                                                 {"medium", Status::MediumError},
                                                 {"nospace", Status::NoSpace},
                                                 {"transient", Status::Transient}}};

// OPERATION[:every=N|:nth=N|:one_in=N][:STATUS]
bool parse_rule(Text text, bool swallow, FaultRule& rule) {
  rule = {.when = FaultRule::When::Every, .swallow = swallow};
  if (!take_word<std::optional<Op>>(take_part(text, ':'), kOperations, rule.op)) {
    return false;
  }
  while (!text.empty()) {
    Text part = take_part(text, ':');
    const bool counts = part.find('=') != Text::npos;
    const Text key = take_part(part, '=');
    const bool taken = counts ? take_word<FaultRule::When>(key, kWhens, rule.when) &&
                                    take_number(part, 1, ~u64{0}, rule.number)
                              : !swallow && take_word<Status>(key, kStatuses, rule.status);
    if (!taken) {
      return false;
    }
  }
  return true;
}

// Rules between commas, into the free places; all of them or none.
bool take_rules(Text text, bool swallow, FaultOptions& faults) {
  FaultOptions changed = faults;
  auto* place = changed.rules.begin();
  do {
    while (place != changed.rules.end() && place->when != FaultRule::When::Never) {
      ++place;
    }
    if (place == changed.rules.end() || !parse_rule(take_part(text, ','), swallow, *place)) {
      return false;
    }
  } while (!text.empty());
  faults = changed;
  return true;
}

// FIRST+COUNT, FIRST alone is one sector; several between commas.
bool take_bad(Text text, FaultOptions& faults) {
  FaultOptions changed = faults;
  for (BadSectors& bad : changed.bad) {
    Text part = take_part(text, ',');
    const bool counts = part.find('+') != Text::npos;
    bad.sectors = 1;
    if (!take_number(take_part(part, '+'), 0, ~u64{0}, bad.first) ||
        (counts && !take_number(part, 1, ~u64{0}, bad.sectors))) {
      return false;
    }
    if (text.empty()) {
      faults = changed;
      return true;
    }
  }
  return false;
}

// --- The options ---

bool take_mode(Text text, RamDisk::Mode& to) {
  constexpr std::array<Word<RamDisk::Mode>, 2> kModes{
      {{"inline", RamDisk::Mode::Inline}, {"timer", RamDisk::Mode::Timer}}};
  return take_word<RamDisk::Mode>(text, kModes, to);
}

// Who wants time to pass wants the timer; a mode that is named has the last word.
bool take_latency(Text text, Options& options) {
  const bool taken = take_time(text, options.latency_ns);
  options.mode = taken ? RamDisk::Mode::Timer : options.mode;
  return taken;
}

bool take_jitter(Text text, Options& options) {
  const bool taken = take_time(text, options.jitter_ns);
  options.mode = taken ? RamDisk::Mode::Timer : options.mode;
  return taken;
}

bool take_bandwidth(Text text, Options& options) {
  const bool taken = take_size(text, kKilo, kMostBytes, options.bytes_per_second);
  options.mode = taken ? RamDisk::Mode::Timer : options.mode;
  return taken;
}

// fail, extend:N or reset
bool take_on_timeout(Text text, Options& options) {
  constexpr std::array<Word<RamDisk::OnTimeout>, 3> kReactions{
      {{"fail", RamDisk::OnTimeout::Fail},
       {"extend", RamDisk::OnTimeout::Extend},
       {"reset", RamDisk::OnTimeout::Reset}}};
  RamDisk::OnTimeout reaction{};
  if (!take_word<RamDisk::OnTimeout>(take_part(text, ':'), kReactions, reaction) ||
      (reaction == RamDisk::OnTimeout::Extend) == text.empty() ||
      (!text.empty() && !take_number(text, 1, ~u32{0}, options.extensions))) {
    return false;
  }
  options.on_timeout = reaction;
  return true;
}

bool take_block(Text text, Options& options) {
  u32 bytes = 0;
  if (!take_size(text, kSectorBytes, 65536, bytes) || !std::has_single_bit(bytes)) {
    return false;
  }
  options.limits.logical_block_bytes = bytes;
  options.limits.max_bytes = std::max(options.limits.max_bytes, bytes);
  return true;
}

bool take_capacity(Text text, Options& options) {
  u64 bytes = 0;
  if (!take_size(text, kSectorBytes, kMostBytes, bytes) || bytes % kSectorBytes != 0) {
    return false;
  }
  options.capacity_bytes = bytes;
  return true;
}

bool take_discard(Text text, Options& options) {
  bool discards = true;
  if (!take_switch(text, discards)) {
    return false;
  }
  options.limits.max_discard_bytes = discards ? ~u64{0} : 0;
  return true;
}

bool take_nomerges(Text text, Options& options) {
  bool nomerges = !options.shape.merge;
  const bool taken = take_switch(text, nomerges);
  options.shape.merge = !nomerges;
  return taken;
}

// A number, or random: told, so that what happened can happen again.
bool take_seed(Text text, Options& options) {
  if (text != "random") {
    return take_number(text, 0, ~u64{0}, options.faults.seed);
  }
  options.faults.seed = entropy::seed64();
  log::info("{}: seed={}", options.name, options.faults.seed);
  return true;
}

struct Row {
  Text option;
  Text could_be;
  bool (*take)(Text value, Options& to);
};

constexpr Text kSwitch = "0 or 1";
constexpr Row kRows[] = {
    {"size", "whole sectors up to 1048576G, such as 64M", take_capacity},
    {"block", "a power of two from 512 to 64k", take_block},
    {"queues", "a number from 1 to 256",
     [](Text text, Options& to) {
       return take_number(text, 1, TagSet::kMaxQueues, to.shape.hw_queues);
     }},
    {"depth", "a number from 1 to 4096",
     [](Text text, Options& to) {
       return take_number(text, 1, TagSet::kMaxDepth, to.shape.depth);
     }},
    {"nomerges", kSwitch, take_nomerges},
    {"max_segments", "a number from 1 to 65535",
     [](Text text, Options& to) { return take_number(text, 1, 65535, to.limits.max_segments); }},
    {"max_bytes", "a size from 512 to 1G",
     [](Text text, Options& to) {
       return take_size(text, kSectorBytes, u64{1} << 30, to.limits.max_bytes);
     }},
    {"ro", kSwitch, [](Text text, Options& to) { return take_switch(text, to.read_only); }},
    {"latency", "a time up to 3600s, such as 500ns, 50us, 2ms, 1s", take_latency},
    {"jitter", "a time up to 3600s, such as 20us", take_jitter},
    {"bandwidth", "bytes per second from 1k on, such as 100M", take_bandwidth},
    {"mode", "inline or timer", [](Text text, Options& to) { return take_mode(text, to.mode); }},
    {"discard", kSwitch, take_discard},
    {"cache", kSwitch, [](Text text, Options& to) { return take_switch(text, to.write_cache); }},
    {"fua", kSwitch, [](Text text, Options& to) { return take_switch(text, to.fua); }},
    {"timeout", "a time up to 3600s, such as 500ms, or 0s for none",
     [](Text text, Options& to) { return take_time(text, to.timeout_ns); }},
    {"on_timeout", "fail, extend:N or reset", take_on_timeout},
    {"bad", "up to 16 of SECTOR or FIRST+COUNT, between commas",
     [](Text text, Options& to) { return take_bad(text, to.faults); }},
    {"error", "up to 8 of OPERATION[:every=N|:nth=N|:one_in=N][:io|medium|nospace|transient]",
     [](Text text, Options& to) { return take_rules(text, false, to.faults); }},
    {"swallow", "up to 8 (with error) of OPERATION[:every=N|:nth=N|:one_in=N]",
     [](Text text, Options& to) { return take_rules(text, true, to.faults); }},
    {"seed", "a number or random", take_seed},
};

}  // namespace

void read_ram_options(std::string_view name, RamDisk::Options& options) {
  for (const Row& row : kRows) {
    std::array<char, 64> buffer;
    BufferSink word(buffer);
    format_to(word, "{}.{}", name, row.option);
    const std::optional<Text> value = command_line::value(word.text());
    if (value && !row.take(*value, options)) {
      log::error("command line: {}={} is ignored; it could be {}", word.text(), *value,
                 row.could_be);
    }
  }
  std::array<char, 64> prefix;
  BufferSink with_dot(prefix);
  format_to(with_dot, "{}.", name);
  std::array<char, 240> names;
  BufferSink all(names);
  for (const Row& row : kRows) {
    format_to(all, "{} ", row.option);
  }
  command_line::report_unknown(with_dot.text(), all.text());
}

}  // namespace sluice::blk
