// A RAM disk's words on the kernel command line: what each sets, and what a wrong value is told.
#include <sluice/drivers/block/ram_options.hpp>

#include <sluice/kernel/command_line.hpp>

#include "../base/log_lines.hpp"
#include "ram_fixture.hpp"

namespace sluice::test {
namespace {

using blk::FaultRule;
using Mode = RamDisk::Mode;
using OnTimeout = RamDisk::OnTimeout;

// The options that a command line makes of the defaults.
RamDisk::Options options_of(std::string_view line) {
  command_line::set(line);
  RamDisk::Options options;
  blk::read_ram_options("ram0", options);
  command_line::set("");
  return options;
}

// Has a bad value been logged, with the word and what it could be?
void refuses(const std::string& word, const std::string& value, std::string_view could_be) {
  const LogLines lines;
  options_of(word + "=" + value);
  INFO(word << "=" << value << " logged: " << lines.text());
  CHECK(lines.has(word + "=" + value));
  CHECK(lines.has(could_be));
}

TEST_CASE("without words the defaults stay and nothing is logged") {
  const World world;
  const LogLines lines;
  const RamDisk::Options options = options_of("ram1.queues=2 ram0x.queues=3 -- ram0.queues=5");
  CHECK(options.shape.hw_queues == 4);
  CHECK(options.capacity_bytes == RamDisk::kDefaultBytes);
  CHECK(options.mode == Mode::Inline);
  CHECK(lines.text().empty());
}

TEST_CASE("a word that is no option is named, with the options that there are") {
  const World world;
  const LogLines lines;
  CHECK(options_of("ram0.queue=2 ram1.queue=2").shape.hw_queues == 4);
  CHECK(lines.has("ram0.queue=2 means nothing"));
  CHECK(lines.has("ram0.NAME=VALUE with these names: size block queues depth"));
  CHECK_FALSE(lines.has("ram1"));
}

TEST_CASE("each word sets its option") {
  const World world;
  const LogLines lines;
  CHECK(options_of("ram0.size=64M").capacity_bytes == 64 << 20);
  CHECK(options_of("ram0.size=1536").capacity_bytes == 1536);
  CHECK(options_of("ram0.size=2G").capacity_bytes == u64{2} << 30);
  CHECK(options_of("ram0.block=4k").limits.logical_block_bytes == 4096);
  CHECK(options_of("ram0.queues=7").shape.hw_queues == 7);
  CHECK(options_of("ram0.depth=0x10").shape.depth == 16);
  CHECK_FALSE(options_of("ram0.nomerges=1").shape.merge);
  CHECK(options_of("ram0.nomerges=0").shape.merge);
  CHECK(options_of("ram0.max_segments=5").limits.max_segments == 5);
  CHECK(options_of("ram0.max_bytes=64k").limits.max_bytes == 65536);
  CHECK(options_of("ram0.ro=1").read_only);
  CHECK(options_of("ram0.cache=1").write_cache);
  CHECK(options_of("ram0.fua=1").fua);
  CHECK(options_of("ram0.discard=0").limits.max_discard_bytes == 0);
  CHECK(options_of("ram0.discard=1").limits.max_discard_bytes == ~u64{0});
  CHECK(options_of("ram0.timeout=2s").timeout_ns == 2'000'000'000);
  CHECK(options_of("ram0.timeout=0s").timeout_ns == 0);
  CHECK(options_of("ram0.seed=99").faults.seed == 99);
  CHECK(lines.text().empty());
}

TEST_CASE("a random seed is another one each time, and told so that it can be given") {
  const World world;
  const LogLines lines;
  const u64 seed = options_of("ram0.seed=random").faults.seed;
  CHECK(lines.has("ram0: seed=" + std::to_string(seed)));
  CHECK(options_of("ram0.seed=random").faults.seed != seed);
  CHECK(options_of("ram0.seed=" + std::to_string(seed)).faults.seed == seed);
}

TEST_CASE("latency and bandwidth want the timer, and a mode that is named has the last word") {
  const World world;
  CHECK(options_of("ram0.mode=timer").mode == Mode::Timer);
  const RamDisk::Options late = options_of("ram0.latency=50us");
  CHECK(late.latency_ns == 50'000);
  CHECK(late.mode == Mode::Timer);
  const RamDisk::Options narrow = options_of("ram0.bandwidth=100M");
  CHECK(narrow.bytes_per_second == 100 << 20);
  CHECK(narrow.mode == Mode::Timer);
  const RamDisk::Options uneven = options_of("ram0.jitter=3ms");
  CHECK(uneven.jitter_ns == 3'000'000);
  CHECK(uneven.mode == Mode::Timer);
  CHECK(options_of("ram0.mode=inline ram0.latency=7ns").mode == Mode::Inline);
  CHECK(options_of("ram0.latency=soon").mode == Mode::Inline);
}

TEST_CASE("reactions to a timeout") {
  const World world;
  CHECK(options_of("ram0.on_timeout=fail").on_timeout == OnTimeout::Fail);
  CHECK(options_of("ram0.on_timeout=reset").on_timeout == OnTimeout::Reset);
  const RamDisk::Options extend = options_of("ram0.on_timeout=extend:3");
  CHECK(extend.on_timeout == OnTimeout::Extend);
  CHECK(extend.extensions == 3);
  for (const char* const value : {"extend", "extend:0", "extend:", "fail:1", "panic", ""}) {
    refuses("ram0.on_timeout", value, "fail, extend:N or reset");
  }
}

TEST_CASE("bad sectors") {
  const World world;
  const auto bad = options_of("ram0.bad=2048+8,7,0+1").faults.bad;
  CHECK(bad[0].first == 2048);
  CHECK(bad[0].sectors == 8);
  CHECK(bad[1].first == 7);
  CHECK(bad[1].sectors == 1);
  CHECK(bad[2].first == 0);
  CHECK(bad[2].sectors == 1);
  CHECK(bad[3].sectors == 0);
  CHECK(options_of("ram0.bad=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16").faults.bad[15].first == 16);
  for (const char* const value :
       {"", "+8", "5+", "5+0", "5-9", "1,,2", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17"}) {
    refuses("ram0.bad", value, "FIRST+COUNT");
    CHECK(options_of(std::string("ram0.bad=") + value).faults.bad[0].sectors == 0);
  }
}

TEST_CASE("rules for errors and swallowed requests stand in one list") {
  const World world;
  const auto rules = options_of(
                         "ram0.error=write:every=100,any:medium,flush:nth=2:nospace "
                         "ram0.swallow=read:nth=5,zeroes:one_in=30")
                         .faults.rules;
  CHECK(rules[0].when == FaultRule::When::Every);
  CHECK(rules[0].op == Op::Write);
  CHECK(rules[0].number == 100);
  CHECK(rules[0].status == Status::IoError);
  CHECK_FALSE(rules[0].swallow);
  CHECK(rules[1].when == FaultRule::When::Every);
  CHECK(rules[1].op == std::nullopt);
  CHECK(rules[1].number == 1);
  CHECK(rules[1].status == Status::MediumError);
  CHECK(rules[2].when == FaultRule::When::Nth);
  CHECK(rules[2].op == Op::Flush);
  CHECK(rules[2].status == Status::NoSpace);
  CHECK(rules[3].when == FaultRule::When::Nth);
  CHECK(rules[3].op == Op::Read);
  CHECK(rules[3].number == 5);
  CHECK(rules[3].swallow);
  CHECK(rules[4].when == FaultRule::When::OneIn);
  CHECK(rules[4].op == Op::WriteZeroes);
  CHECK(rules[4].swallow);
  CHECK(rules[5].when == FaultRule::When::Never);
  CHECK(options_of("ram0.error=discard:transient").faults.rules[0].status == Status::Transient);
}

TEST_CASE("rules that make no sense are refused as a whole") {
  const World world;
  for (const char* const value :
       {"", "writes", "write:every", "write:every=", "write:every=0", "write:each=3", "write:ok",
        "write:every=3,what", "any,any,any,any,any,any,any,any,any"}) {
    refuses("ram0.error", value, "one_in");
  }
  refuses("ram0.swallow", "read:medium", "OPERATION");
  CHECK(options_of("ram0.error=read,what").faults.rules[0].when == FaultRule::When::Never);
}

TEST_CASE("a wrong value is logged with what it could be and the default stays") {
  const World world;
  refuses("ram0.queues", "0", "1 to 256");
  refuses("ram0.queues", "257", "1 to 256");
  refuses("ram0.depth", "4097", "1 to 4096");
  refuses("ram0.depth", "many", "1 to 4096");
  refuses("ram0.nomerges", "yes", "0 or 1");
  refuses("ram0.discard", "2", "0 or 1");
  refuses("ram0.ro", "", "0 or 1");
  refuses("ram0.mode", "irq", "inline or timer");
  refuses("ram0.size", "1000", "whole sectors");
  refuses("ram0.size", "0", "whole sectors");
  refuses("ram0.size", "9999999999999999999G", "whole sectors");
  refuses("ram0.size", "18014398509481985k", "whole sectors");  // 2^64 bytes and more
  refuses("ram0.block", "768", "power of two");
  refuses("ram0.block", "128k", "power of two");
  refuses("ram0.max_segments", "0", "1 to 65535");
  refuses("ram0.max_bytes", "511", "512 to 1G");
  refuses("ram0.latency", "50", "50us");
  refuses("ram0.latency", "-1us", "50us");
  refuses("ram0.latency", "3601s", "50us");
  refuses("ram0.jitter", "x", "20us");
  refuses("ram0.bandwidth", "0", "100M");
  refuses("ram0.timeout", "soon", "500ms");
  refuses("ram0.seed", "x", "a number or random");
  CHECK(options_of("ram0.queues=0").shape.hw_queues == 4);
  CHECK(options_of("ram0.discard=2").limits.max_discard_bytes == ~u64{0});
  CHECK(options_of("ram0.nomerges=yes").shape.merge);
}

}  // namespace
}  // namespace sluice::test
