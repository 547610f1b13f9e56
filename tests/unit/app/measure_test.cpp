#include <algorithm>
#include <memory>
#include <set>

#include "app/bench_options.hpp"
#include "app/histogram.hpp"
#include "app/json.hpp"
#include "app/random_order.hpp"

#include "tests/catch.hpp"

using namespace sluice;
using namespace sluice::app;
using namespace sluice::app::bench;

TEST_CASE("a random order has every number once before any comes again") {
  for (const u64 count : {1, 2, 3, 4, 5, 7, 8, 63, 64, 65, 1000, 4096, 10007}) {
    for (const u64 seed : {0, 1, 12345}) {
      RandomOrder order(count, seed);
      for (int pass = 0; pass < 2; ++pass) {
        std::set<u64> seen;
        for (u64 i = 0; i < count; ++i) {
          const u64 value = order.next();
          REQUIRE(value < count);
          seen.insert(value);
        }
        REQUIRE(seen.size() == count);
      }
    }
  }
}

TEST_CASE("a random order jumps about and depends on the seed") {
  RandomOrder one(1 << 16, 1);
  RandomOrder two(1 << 16, 2);
  u64 before = one.next();
  int forward = 0;
  int close = 0;
  int same = 0;
  for (int i = 0; i < 10000; ++i) {
    const u64 now = one.next();
    forward += now > before;
    close += now - before + 64 < 128;
    same += now == two.next();
    before = now;
  }
  CHECK(forward > 4700);
  CHECK(forward < 5300);
  CHECK(close < 60);  // 20 expected
  CHECK(same < 10);
}

TEST_CASE("percentiles, mean and deviation of known values") {
  const auto histogram = std::make_unique<Histogram>();
  CHECK(histogram->count() == 0);
  CHECK(histogram->minimum() == 0);
  CHECK(histogram->percentile(50000) == 0);
  for (u64 value = 1; value <= 100; ++value) {
    histogram->add(value);
  }
  CHECK(histogram->count() == 100);
  CHECK(histogram->minimum() == 1);
  CHECK(histogram->maximum() == 100);
  CHECK(histogram->mean_thousandths() == 50500);
  CHECK(histogram->deviation() == 28);
  CHECK(histogram->percentile(1000) == 1);
  CHECK(histogram->percentile(50000) == 50);
  CHECK(histogram->percentile(99000) == 99);
  CHECK(histogram->percentile(99990) == 100);
}

TEST_CASE("large values are kept within three percent") {
  for (u64 value = 16384; value < (u64{1} << 62); value = value * 3 + 17) {
    const auto histogram = std::make_unique<Histogram>();
    histogram->add(1);
    histogram->add(value);
    histogram->add(value * 2 - 1);
    const u64 found = histogram->percentile(50000);
    REQUIRE(found >= value - value / 32);
    REQUIRE(found <= value + value / 32);
    REQUIRE(histogram->maximum() == value * 2 - 1);
  }
}

namespace {

std::expected<Options, Complaint> parse(std::vector<std::string_view> words) {
  return parse_options(words);
}
std::string complaint(std::vector<std::string_view> words) {
  const auto parsed = parse_options(words);
  return parsed ? "accepted" : std::string(parsed.error().view());
}

}  // namespace

TEST_CASE("a fio job line is understood") {
  const auto options = parse(
      {"--name=x", "--filename=vda", "--rw=randread", "--bs", "8k", "--iodepth=32", "--size=50%",
       "--offset=1m", "--number_ios=1000", "--runtime=10", "--time_based", "--randseed=7",
       "--output-format=json", "--ioengine=libaio", "--direct=1", "--group_reporting", "--thread"});
  REQUIRE(options);
  CHECK(options->disk == "vda");
  CHECK(options->path.data() == nullptr);
  CHECK(options->mode == Mode::RandomRead);
  CHECK(options->block_bytes == 8192);
  CHECK(options->depth == 32);
  CHECK(options->size.of(1001, 1) == 500);
  CHECK(options->offset.of(1001, 1) == 1048576);
  CHECK(options->number_ios == 1000);
  CHECK(options->runtime_ns == 10'000'000'000);
  CHECK(options->time_based);
  CHECK(options->seed == 7);
  CHECK(options->json);
}

TEST_CASE("the options of a job for several harts are understood") {
  const auto options = parse({"--filename=vda", "--numjobs=4", "--offset_increment=1m", "--hipri",
                              "--ioscheduler=kyber", "--iodepth_batch_submit=16",
                              "--iodepth_batch_complete_min=8", "--verify=crc32c"});
  REQUIRE(options);
  CHECK(options->jobs == 4);
  CHECK(options->offset_increment.of(1, 0) == 1048576);
  CHECK(options->polled);
  CHECK(options->scheduler == "kyber");
  CHECK(options->batch_submit == 16);
  CHECK(options->batch_complete_min == 8);
  CHECK(options->verify);
  CHECK(options->only_for_devices() == "--numjobs");
}

TEST_CASE("several percentiles are those found one by one, and sums those of all values") {
  const auto all = std::make_unique<Histogram>();
  const auto some = std::make_unique<Histogram>();
  u64 value = 1;
  for (u64 i = 0; i < 5000; ++i) {
    value = value * 6364136223846793005u + 1442695040888963407u;
    const u64 ticks = (value >> 33) % (i % 10 == 0 ? 10'000'000 : 9'000);
    all->add(ticks);
    if (i % 3 == 0) {
      some->add(ticks);
    }
  }
  const std::array<u32, 5> parts = {1, 1000, 50000, 99000, 100000};
  std::array<u64, 5> values{};
  all->percentiles(parts, values);
  for (usize i = 0; i < parts.size(); ++i) {
    CHECK(values[i] == all->percentile(parts[i]));
  }
  CHECK(values[4] >= values[3]);
  const u64 sum = all->sum() + some->sum();
  const u64 maximum = all->maximum();
  *all += *some;
  CHECK(all->count() == 5000 + 1667);
  CHECK(all->sum() == sum);
  CHECK(all->maximum() == maximum);
}

TEST_CASE("defaults are those of fio") {
  const auto options = parse({"--filename=vda"});
  REQUIRE(options);
  CHECK(options->mode == Mode::Read);
  CHECK(options->block_bytes == 4096);
  CHECK(options->depth == 1);
  CHECK(options->size.of(100, 42) == 42);
  CHECK_FALSE(options->time_based);
}

TEST_CASE("a colon in a file name may be escaped") {
  for (const char* word : {"--filename=vda\\:/a b", "--filename=vda:/a b"}) {
    const auto options = parse({word});
    REQUIRE(options);
    CHECK(options->disk == "vda");
    CHECK(options->path == "/a b");
  }
}

TEST_CASE("options that bench does not have are named") {
  const std::string_view disk = "--filename=vda";
  CHECK(complaint({disk, "--zonemode=zbd"}) == "unknown option: --zonemode");
  CHECK(complaint({disk, "-x"}) == "unknown option: -x");
  CHECK(complaint({disk, "--numjobs=0"}) == "no value that it can have: --numjobs=0");
  CHECK(complaint({disk, "--hipri=2"}) == "no value that it can have: --hipri=2");
  CHECK(complaint({disk, "--ioscheduler=bfq"}) == "no value that it can have: --ioscheduler=bfq");
  CHECK(complaint({disk, "--verify=md5"}) == "no value that it can have: --verify=md5");
  CHECK(complaint({disk, "--verify=crc32c", "--rw=trim"}) ==
        "--rw=trim leaves nothing to check: --verify");
  CHECK(complaint({disk, "--iodepth_batch_submit=0"}) ==
        "no value that it can have: --iodepth_batch_submit=0");
  CHECK(complaint({disk, "--rw=rw"}) == "no value that it can have: --rw=rw");
  CHECK(complaint({disk, "--bs=100"}) == "no value that it can have: --bs=100");
  CHECK(complaint({disk, "--bs=0"}) == "no value that it can have: --bs=0");
  CHECK(complaint({disk, "--bs=1g"}) == "no value that it can have: --bs=1g");
  CHECK(complaint({disk, "--iodepth=0"}) == "no value that it can have: --iodepth=0");
  CHECK(complaint({disk, "--iodepth=1025"}) == "no value that it can have: --iodepth=1025");
  CHECK(complaint({disk, "--size=0%"}) == "no value that it can have: --size=0%");
  CHECK(complaint({disk, "--size=101%"}) == "no value that it can have: --size=101%");
  CHECK(complaint({disk, "--runtime=1y"}) == "no value that it can have: --runtime=1y");
  CHECK(complaint({disk, "--output-format=xml"}) ==
        "no value that it can have: --output-format=xml");
  CHECK(complaint({disk, "--time_based=2", "--runtime=1"}) ==
        "no value that it can have: --time_based=2");
  CHECK(complaint({disk, "--bs"}) == "needs a value: --bs");
  CHECK(complaint({disk, "job.fio"}) == "not an option: job.fio");
  CHECK(complaint({"--rw=read"}) == "an option is missing: --filename");
  CHECK(complaint({disk, "--time_based"}) == "--time_based needs an option: --runtime");
}

TEST_CASE("times have units") {
  CHECK(parse_duration_ns("3") == 3'000'000'000u);
  CHECK(parse_duration_ns("250ms") == 250'000'000u);
  CHECK(parse_duration_ns("2m") == 120'000'000'000u);
  CHECK_FALSE(parse_duration_ns(""));
  CHECK_FALSE(parse_duration_ns("ms"));
  CHECK_FALSE(parse_duration_ns("-1"));
  CHECK_FALSE(parse_duration_ns("99999999999999d"));
}

TEST_CASE("JSON is put together with commas and escapes") {
  std::string text(1000, ' ');
  BufferSink sink(text);
  JsonWriter json(sink);
  json.begin_object();
  json.text("a\"b", "c\\d\n");
  json.begin_array("list");
  json.text_item("x");
  json.text_item("y");
  json.end_array();
  json.begin_object("empty");
  json.end_object();
  json.number("n", 5);
  json.end_object();
  CHECK(sink.text() ==
        "{\n  \"a\\\"b\" : \"c\\\\d\\u000a\",\n  \"list\" : [\n    \"x\",\n    \"y\"\n  ],\n"
        "  \"empty\" : {},\n  \"n\" : 5\n}");
}
