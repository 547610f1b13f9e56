// Parsing fio's options: --name=value or --name value, each by its own small function.
#include "bench_options.hpp"

#include <algorithm>
#include <iterator>

#include <sluice/drivers/block/bio.hpp>
#include <sluice/drivers/block/scheduler.hpp>

namespace sluice::app::bench {
namespace {

struct ModeName {
  Mode mode;
  std::string_view name;
};
constexpr ModeName kModes[] = {
    {Mode::Read, "read"},           {Mode::Write, "write"},
    {Mode::RandomRead, "randread"}, {Mode::RandomWrite, "randwrite"},
    {Mode::RandomMixed, "randrw"},  {Mode::Trim, "trim"},
};

bool set_filename(Options& options, std::string_view text) {
  const usize colon = text.find(':');
  options.filename = text;
  options.path = {};
  options.disk = text.substr(0, colon);
  if (colon != std::string_view::npos) {
    options.path = text.substr(colon + 1);
    // fio separates file names by colons, so that one in a name is written \:
    if (options.disk.ends_with('\\')) {
      options.disk.remove_suffix(1);
    }
  }
  return !options.disk.empty();
}

bool set_mode(Options& options, std::string_view text) {
  const auto* found = std::ranges::find(kModes, text, &ModeName::name);
  if (found == std::end(kModes)) {
    return false;
  }
  options.mode = found->mode;
  return true;
}

bool set_block(Options& options, std::string_view text) {
  const std::optional<u64> bytes = parse_size(text);
  if (!bytes || *bytes == 0 || *bytes % blk::kSectorBytes != 0 || *bytes > u64{64} << 20) {
    return false;
  }
  options.block_bytes = static_cast<u32>(*bytes);
  return true;
}

// A number of I/Os, or of jobs.
bool set_count(u32& count, std::string_view text) {
  const std::optional<u64> value = parse_number(text);
  if (!value || *value == 0 || *value > kMaxDepth) {
    return false;
  }
  count = static_cast<u32>(*value);
  return true;
}
bool set_depth(Options& options, std::string_view text) {
  return set_count(options.depth, text);
}
bool set_jobs(Options& options, std::string_view text) {
  return set_count(options.jobs, text);
}
bool set_batch_submit(Options& options, std::string_view text) {
  return set_count(options.batch_submit, text);
}
bool set_batch_complete_min(Options& options, std::string_view text) {
  return set_count(options.batch_complete_min, text);
}

bool set_amount(Amount& amount, std::string_view text) {
  amount = {};
  if (text.ends_with('%')) {
    const std::optional<u64> percent = parse_number(text.substr(0, text.size() - 1));
    amount.percent = percent && *percent <= 100 ? static_cast<u32>(*percent) : 0;
    return amount.percent > 0;
  }
  const std::optional<u64> bytes = parse_size(text);
  amount.bytes = bytes.value_or(0);
  return bytes.has_value();
}
bool set_size(Options& options, std::string_view text) {
  return set_amount(options.size, text);
}
bool set_offset(Options& options, std::string_view text) {
  return set_amount(options.offset, text);
}
bool set_offset_increment(Options& options, std::string_view text) {
  return set_amount(options.offset_increment, text);
}

bool set_number(u64& number, std::string_view text) {
  const std::optional<u64> value = parse_size(text);
  number = value.value_or(0);
  return value.has_value();
}
bool set_number_ios(Options& options, std::string_view text) {
  return set_number(options.number_ios, text);
}
bool set_seed(Options& options, std::string_view text) {
  options.seed_given = true;
  return set_number(options.seed, text);
}

bool set_runtime(Options& options, std::string_view text) {
  const std::optional<u64> ns = parse_duration_ns(text);
  options.runtime_ns = ns.value_or(0);
  return ns.has_value();
}

bool set_flag(bool& flag, std::string_view text) {
  flag = text != "0";
  return text.empty() || text == "0" || text == "1";
}
bool set_time_based(Options& options, std::string_view text) {
  return set_flag(options.time_based, text);
}
bool set_polled(Options& options, std::string_view text) {
  return set_flag(options.polled, text);
}
bool set_repeatable(Options& options, std::string_view text) {
  return set_flag(options.repeatable, text);
}

bool set_scheduler(Options& options, std::string_view text) {
  options.scheduler = text;
  const std::span<const std::string_view> names = blk::scheduler_names();
  return std::ranges::find(names, text) != names.end();
}

bool set_verify(Options& options, std::string_view text) {
  options.verify = text == "crc32c";
  return options.verify;
}

bool set_output_format(Options& options, std::string_view text) {
  options.json = text == "json";
  return text == "json" || text == "normal";
}

bool set_name(Options& options, std::string_view text) {
  options.name = text;
  return true;
}
bool ignore(Options&, std::string_view) {
  return true;
}

enum class Value : u8 {
  Needed,    // --bs=4k, --bs 4k
  Optional,  // --time_based, --time_based=1
};

struct Option {
  std::string_view name;
  Value value;
  bool (*set)(Options& options, std::string_view text);  // false: no value it can have
};

constexpr Option kOptions[] = {
    {"filename", Value::Needed, set_filename},
    {"rw", Value::Needed, set_mode},
    {"readwrite", Value::Needed, set_mode},
    {"bs", Value::Needed, set_block},
    {"blocksize", Value::Needed, set_block},
    {"iodepth", Value::Needed, set_depth},
    {"size", Value::Needed, set_size},
    {"offset", Value::Needed, set_offset},
    {"number_ios", Value::Needed, set_number_ios},
    {"runtime", Value::Needed, set_runtime},
    {"time_based", Value::Optional, set_time_based},
    {"randseed", Value::Needed, set_seed},
    {"randrepeat", Value::Optional, set_repeatable},
    {"output-format", Value::Needed, set_output_format},
    {"name", Value::Needed, set_name},
    {"ioengine", Value::Needed, ignore},
    {"direct", Value::Optional, ignore},
    {"group_reporting", Value::Optional, ignore},
    {"thread", Value::Optional, ignore},
    {"numjobs", Value::Needed, set_jobs},
    {"offset_increment", Value::Needed, set_offset_increment},
    {"hipri", Value::Optional, set_polled},
    {"ioscheduler", Value::Needed, set_scheduler},
    {"iodepth_batch_submit", Value::Needed, set_batch_submit},
    {"iodepth_batch_complete_min", Value::Needed, set_batch_complete_min},
    {"verify", Value::Needed, set_verify},
};

std::unexpected<Complaint> complain(std::string_view what, std::string_view name,
                                    std::string_view value = {}) {
  Complaint complaint(what);
  complaint.append(": --");
  complaint.append(name);
  if (value.data() != nullptr) {
    complaint.append("=");
    complaint.append(value);
  }
  return std::unexpected(complaint);
}

}  // namespace

std::string_view to_string(Mode mode) {
  return std::ranges::find(kModes, mode, &ModeName::mode)->name;
}

u64 Amount::of(u64 whole_bytes, u64 fallback) const {
  if (percent > 0) {
    return whole_bytes / 100 * percent + whole_bytes % 100 * percent / 100;
  }
  return bytes > 0 ? bytes : fallback;
}

std::string_view Options::only_for_devices() const {
  return jobs > 1                      ? "--numjobs"
         : polled                      ? "--hipri"
         : scheduler.data() != nullptr ? "--ioscheduler"
         : batch_submit > 0            ? "--iodepth_batch_submit"
         : batch_complete_min > 1      ? "--iodepth_batch_complete_min"
         : verify                      ? "--verify"
                                       : std::string_view{};
}

std::optional<u64> parse_duration_ns(std::string_view text) {
  struct Unit {
    std::string_view name;
    u64 ns;
  };
  constexpr u64 kSecond = 1'000'000'000;
  constexpr Unit kUnits[] = {
      {"", kSecond},       {"s", kSecond},        {"ms", kSecond / 1000}, {"us", 1000},
      {"m", 60 * kSecond}, {"h", 3600 * kSecond}, {"d", 86400 * kSecond},
  };
  const usize digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::optional<u64> number = parse_number(text.substr(0, digits));
  const auto* unit = std::ranges::find(kUnits, text.substr(digits), &Unit::name);
  u64 ns = 0;
  if (!number || unit == std::end(kUnits) || __builtin_mul_overflow(*number, unit->ns, &ns)) {
    return std::nullopt;
  }
  return ns;
}

std::expected<Options, Complaint> parse_options(Words words) {
  Options options;
  OptionReader reader(words);
  while (reader.next()) {
    const auto* option = std::ranges::find(kOptions, reader.name(), &Option::name);
    if (!reader.is_long() || option == std::end(kOptions)) {
      return reader.is_long()
                 ? complain("unknown option", reader.name())
                 : std::unexpected(Complaint::formatted("unknown option: -{}", reader.name()));
    }
    if ((option->value == Value::Needed || reader.has_unwanted_value()) && !reader.take_value()) {
      return complain("needs a value", reader.name());
    }
    if (!option->set(options, reader.value())) {
      return complain("no value that it can have", reader.name(), reader.value());
    }
  }
  if (!reader.operands().empty()) {
    return std::unexpected(Complaint::formatted("not an option: {}", reader.operands()[0]));
  }
  if (options.disk.empty()) {
    return complain("an option is missing", "filename");
  }
  if (options.time_based && options.runtime_ns == 0) {
    return complain("--time_based needs an option", "runtime");
  }
  if (options.verify && options.mode == Mode::Trim) {
    return complain("--rw=trim leaves nothing to check", "verify");
  }
  return options;
}

}  // namespace sluice::app::bench
