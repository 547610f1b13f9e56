// Reading ahead (fs/fat/readahead.hpp), as File::read does for small reads in order.
#include "tests/unit/fat/mounted.hpp"

#include <algorithm>

using namespace sluice;
using namespace sluice::fat;
using namespace sluice::test;

TEST_CASE("who reads a file in order, bit by bit, is read ahead for in large pieces") {
  ImageBuilder image(fat16(9000));
  const Bytes contents = pattern(2'000'001);
  image.add_file(image.root, "F          ", contents);
  const u32 at_once = GENERATE(1u, 37u, 512u, 4096u, 16'383u);
  Mounted disk(image.bytes);
  File file = disk.open("/f");
  disk.device.reset_counters();
  Bytes out(at_once);
  const u64 most = std::min<u64>(contents.size(), 4000 * u64{at_once});
  for (u64 at = 0; at < most;) {
    const Result<usize> bytes = file.read(at, out);
    REQUIRE(bytes.has_value());
    REQUIRE(*bytes == std::min<u64>(at_once, contents.size() - at));
    REQUIRE(std::equal(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(*bytes),
                       contents.begin() + static_cast<std::ptrdiff_t>(at)));
    at += *bytes;
  }
  CHECK(disk.device.bios <= 4 + 2 + most / (64 * 1024) + 2);  // and the table
}

TEST_CASE("jumps, overlaps and the end are as without readahead") {
  ImageBuilder image(fat16(9000));
  const Bytes contents = pattern(300'000);
  image.add_file(image.root, "F          ", contents);
  Mounted disk(image.bytes);
  File file = disk.open("/f");
  u64 at = 0;
  u32 random = 1;
  Bytes out(20'000);
  for (u32 i = 0; i < 2000; ++i) {
    random = random * 1664525 + 1013904223;
    if (random >> 28 == 0) {
      at = (random >> 4) % 310'000;  // also beyond the end
    } else if (random >> 28 == 1) {
      at -= std::min<u64>(at, 100);
    }
    const usize wanted = 1 + (random >> 8) % (random >> 27 == 1 ? 20'000 : 3000);
    const Result<usize> bytes = file.read(at, std::span(out).first(wanted));
    REQUIRE(bytes.has_value());
    const u64 left = at < contents.size() ? contents.size() - at : 0;
    REQUIRE(*bytes == std::min<u64>(wanted, left));
    REQUIRE((slice(out, 0, *bytes) == slice(contents, at, *bytes)));
    at += *bytes;
  }
}

TEST_CASE("all sectors before one that cannot be read are given, with readahead, too") {
  ImageBuilder image(fat16(9000));
  const Bytes contents = pattern(200'000);
  image.add_file(image.root, "F          ", contents);
  Mounted disk(image.bytes);
  File file = disk.open("/f");
  disk.device.bad_sectors = {image.cluster_at(file.first_cluster()) / 512 + 300};
  Bytes out(512);
  for (u64 at = 0; at < 300 * 512; at += 512) {
    REQUIRE(file.read(at, out).value() == 512);
    REQUIRE((out == slice(contents, at, 512)));
  }
  CHECK(file.read(300 * 512, out).error() == Errc::Io);
  CHECK(file.read(301 * 512, out).value() == 512);
}
