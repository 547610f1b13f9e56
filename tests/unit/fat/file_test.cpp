// Files (fs/fat/file.hpp).
#include "tests/unit/fat/mounted.hpp"

#include <algorithm>
#include <random>

using namespace sluice;
using namespace sluice::fat;
using namespace sluice::test;

namespace {

// Clusters first, first + step, …
std::vector<u32> every(u32 first, u32 step, u32 count) {
  std::vector<u32> clusters;
  for (u32 i = 0; i < count; ++i) {
    clusters.push_back(first + i * step);
  }
  return clusters;
}

}  // namespace

TEST_CASE("files of every length around a cluster are read whole") {
  for (const Layout& layout : {fat12(), fat16(), fat32(300)}) {
    ImageBuilder image(layout);
    std::vector<Bytes> contents;
    for (const usize bytes : {0u, 1u, 511u, 512u, 513u, 1024u, 5000u}) {
      contents.push_back(pattern(bytes, static_cast<u32>(bytes)));
      image.add_file(image.root, "F" + std::to_string(contents.size()) + "         ",
                     contents.back());
    }
    Mounted disk(image.bytes);
    for (usize i = 0; i < contents.size(); ++i) {
      REQUIRE((disk.read("/f" + std::to_string(i + 1)) == contents[i]));
    }
  }
}

TEST_CASE("a read ends at the end of the file") {
  ImageBuilder image(fat12());
  const Bytes contents = pattern(1000);
  image.add_file(image.root, "F          ", contents);
  Mounted disk(image.bytes);
  File file = disk.open("/f");
  Bytes out(2000, std::byte{0xee});
  CHECK(file.read(0, out) == 1000);
  CHECK((slice(out, 0, 1000) == contents));
  CHECK((slice(out, 1000, 1000) == Bytes(1000, std::byte{0xee})));
  CHECK(file.read(999, out) == 1);
  CHECK(file.read(1000, out) == 0);
  CHECK(file.read(~u64{0}, out) == 0);
  CHECK(file.read(u64{1} << 32, out) == 0);
  CHECK(file.read(5, {}) == 0);
}

// F11: no cluster is read on into the next one of the disk.
TEST_CASE("any part of a fragmented file is read right, on disks of any block size") {
  std::mt19937 random(3);
  const Bytes contents = pattern(200'000);
  for (const u32 block : {512u, 1024u, 4096u, 65536u}) {
    for (const bool whole_sectors : {false, true}) {
      ImageBuilder image(fat16(9000));  // the data begins at no multiple of 4096
      std::vector<u32> clusters = every(1000, 1, 391);
      std::shuffle(clusters.begin() + 100, clusters.begin() + 250, random);
      image.add_file(image.root, "F          ", contents, clusters);
      image.bytes.resize(align_up(image.bytes.size(), 65536));
      Mounted disk(image.bytes, block);
      File file = disk.open("/f");
      for (int i = 0; i < 60; ++i) {
        const u64 unit = whole_sectors ? 512 : 1;
        const u64 from = random() % (contents.size() / unit) * unit;
        const u64 bytes = std::min((random() % 40'000 / unit + 1) * unit, contents.size() - from);
        Bytes out(bytes);
        REQUIRE(file.read(from, out) == bytes);
        REQUIRE((out == slice(contents, from, bytes)));
      }
      CHECK(*file.count_extents() > 100);
    }
  }
}

// F12
TEST_CASE("whole blocks go straight to the caller, in as few bios as there are runs") {
  ImageBuilder image(fat16(9000));
  const Bytes contents = pattern(1 << 20);
  std::vector<u32> clusters = every(100, 1, 1000);
  const std::vector<u32> rest = every(3000, 1, 1048);
  clusters.insert(clusters.end(), rest.begin(), rest.end());
  image.add_file(image.root, "F          ", contents, clusters);
  Mounted disk(image.bytes);
  File file = disk.open("/f");
  CHECK(*file.count_extents() == 2);  // and the chain is known
  disk.device.reset_counters();
  Bytes out(contents.size());
  CHECK(file.read(0, out) == contents.size());
  CHECK((out == contents));
  CHECK(disk.device.bios == 2);
  CHECK(disk.device.batches == 1);
  CHECK(disk.device.bytes_read == contents.size());
  disk.device.reset_counters();
  CHECK(file.read(100, std::span(out).first(8192)) == 8192);
  CHECK(disk.device.bios == 1);
  CHECK(disk.device.bytes_read == 8192 + 512);
}

// F12
TEST_CASE("a contiguous file of 100 MiB is read with hardly more bios than reads") {
  Layout layout = fat32(26'000);
  layout.sectors_per_cluster = 8;
  ImageBuilder image(layout);
  constexpr u32 kBytes = 100 << 20;
  const std::vector<u32> clusters = every(10, 1, kBytes / 4096);
  image.chain(clusters);
  image.add_short(image.root, "BIG        ", 0x20, 10, kBytes);
  Mounted disk(std::move(image.bytes));
  File file = disk.open("/big");
  disk.device.reset_counters();
  Bytes out(1 << 20);
  for (u64 at = 0; at < kBytes; at += out.size()) {
    REQUIRE(file.read(at, out) == out.size());
  }
  CHECK(disk.device.bios <= 100 + 8);  // the table: 100 KiB in windows
  CHECK(disk.device.bytes_read <= kBytes + 5 * 32768);
  CHECK(*file.count_extents() == 1);
}

// F12
TEST_CASE("all runs of a read are one batch, those that do not fit follow in another") {
  ImageBuilder image(fat16(9000));
  const Bytes contents = pattern(100 * 512);
  image.add_file(image.root, "F          ", contents, every(100, 2, 100));
  Mounted disk(image.bytes);
  File file = disk.open("/f");
  CHECK(*file.count_extents() == 100);
  disk.device.reset_counters();
  Bytes out(32 * 512);
  CHECK(file.read(0, out) == out.size());
  CHECK(disk.device.batches == 1);
  CHECK(disk.device.bios == 32);
  disk.device.reset_counters();
  Bytes all(contents.size());
  CHECK(file.read(0, all) == all.size());
  CHECK((all == contents));
  CHECK(disk.device.batches == 4);
  CHECK(disk.device.bios == 100);
}

TEST_CASE("ragged runs share the bounce blocks of a batch") {
  ImageBuilder image(fat16(9000));
  const Bytes contents = pattern(100 * 512);
  image.add_file(image.root, "F          ", contents, every(100, 20, 100));
  image.bytes.resize(align_up(image.bytes.size(), 4096));
  Mounted disk(image.bytes, 4096);  // each run is a part of a block
  File file = disk.open("/f");
  CHECK(*file.count_extents() == 100);
  disk.device.reset_counters();
  Bytes all(contents.size());
  CHECK(file.read(0, all) == all.size());
  CHECK((all == contents));
  CHECK(disk.device.bios == 100);
  CHECK(disk.device.batches == 7);  // 16 blocks each
}

TEST_CASE("several reads are in flight at the same time and end in any order") {
  for (const bool newest_first : {false, true}) {
    ImageBuilder image(fat16(9000));
    const Bytes contents = pattern(100 * 512);
    image.add_file(image.root, "F          ", contents, every(100, 2, 100));
    Mounted disk(image.bytes);
    disk.world.steps.push_back([&disk] { return disk.device.complete_one(); });
    File file = disk.open("/f");
    REQUIRE(file.count_extents().has_value());
    disk.device.hold = true;
    disk.device.newest_first = newest_first;

    struct Read {
      std::unique_ptr<ReadJob> job;
      Completion done;
      Bytes out = Bytes(3000);
    };
    std::array<Read, 4> reads;
    for (usize i = 0; i < reads.size(); ++i) {
      reads[i].job = *disk.volume->make_read_job();
      REQUIRE(
          file.read_async(*reads[i].job, 100 + i * 5000, reads[i].out, reads[i].done).has_value());
      CHECK_FALSE(reads[i].done.done());
    }
    CHECK(disk.device.held() == 4 * 7);
    for (usize i = 0; i < reads.size(); ++i) {
      reads[i].done.wait();
      CHECK(reads[i].job->result() == 3000);
      CHECK((reads[i].out == slice(contents, 100 + i * 5000, 3000)));
    }
    CHECK(disk.device.held() == 0);
  }
}

TEST_CASE("an asynchronous read beyond the end completes at once with nothing") {
  ImageBuilder image(fat12());
  image.add_file(image.root, "F          ", pattern(10));
  Mounted disk(image.bytes);
  File file = disk.open("/f");
  const std::unique_ptr<ReadJob> job = *disk.volume->make_read_job();
  Completion done;
  Bytes out(10);
  REQUIRE(file.read_async(*job, 10, out, done).has_value());
  CHECK(done.done());
  CHECK(job->result() == 0);
}

// F13
TEST_CASE("a sector that cannot be read fails the reads that need it and no other") {
  ImageBuilder image(fat16(9000));
  const Bytes contents = pattern(20 * 512);
  image.add_file(image.root, "F          ", contents, every(100, 2, 20));
  image.add_file(image.root, "G          ", contents, every(101, 2, 20));
  Mounted disk(image.bytes);
  disk.device.bad_sectors = {image.cluster_at(110) / 512};  // the sixth of F
  File file = disk.open("/f");
  Bytes out(contents.size());
  CHECK(file.read(0, out).error() == Errc::Io);
  CHECK(file.read(5 * 512, std::span(out).first(1)).error() == Errc::Io);
  CHECK(file.read(0, std::span(out).first(5 * 512)) == 5 * 512);
  CHECK(file.read(6 * 512, out) == 14 * 512);
  CHECK((slice(out, 0, 14 * 512) == slice(contents, 6 * 512, 14 * 512)));
  CHECK((disk.read("/g") == contents));
  disk.device.bad_sectors.clear();
  CHECK(file.read(0, out) == contents.size());
  CHECK((out == contents));
}

// F13
TEST_CASE("a sector of the table that cannot be read fails the files that need it, until it can") {
  ImageBuilder image(fat16(9000));
  const Bytes contents = pattern(20 * 512);
  std::vector<u32> clusters = every(100, 2, 10);
  const std::vector<u32> rest = every(2000, 1, 10);
  clusters.insert(clusters.end(), rest.begin(), rest.end());
  image.add_file(image.root, "F          ", contents, clusters);
  image.add_file(image.root, "G          ", contents, every(4000, 1, 20));
  Mounted disk(image.bytes);
  disk.device.bad_sectors = {(image.fat_at() + 2000 * 2) / 512};
  File file = disk.open("/f");
  Bytes out(contents.size());
  CHECK(file.read(0, out).error() == Errc::Io);
  CHECK(file.count_extents().error() == Errc::Io);
  CHECK(file.read(0, std::span(out).first(10 * 512)) == 10 * 512);
  CHECK((slice(out, 0, 10 * 512) == slice(contents, 0, 10 * 512)));
  CHECK((disk.read("/g") == contents));
  disk.device.bad_sectors.clear();
  CHECK(file.read(0, out) == contents.size());
  CHECK((out == contents));
  for (u32 i = 0; i < 20; ++i) {
    CHECK(file.read(i * 512, std::span(out).first(512)) == 512);
    CHECK((slice(out, 0, 512) == slice(contents, i * 512, 512)));
  }
}

// F2
TEST_CASE("a broken chain gives what lies before the break, and an error for the rest") {
  struct Case {
    std::string what;
    u32 value;
  };
  for (const Case& one : {Case{"free", 0},
                          {"reserved", 1},
                          {"beyond", 9002},
                          {"bad", 0xfff7},
                          {"too early", 0xffff}}) {
    ImageBuilder image(fat16(9000));
    const Bytes contents = pattern(20 * 512);
    image.add_file(image.root, "F          ", contents, every(100, 2, 20));
    image.set_entry(118, one.value);  // the tenth
    Mounted disk(image.bytes);
    File file = disk.open("/f");
    Bytes out(contents.size());
    INFO(one.what);
    CHECK(file.read(0, out).error() == Errc::Malformed);
    CHECK(file.read(10 * 512, std::span(out).first(1)).error() == Errc::Malformed);
    CHECK(file.count_extents().error() == Errc::Malformed);
    REQUIRE(file.read(100, std::span(out).first(10 * 512 - 100)) == 10 * 512 - 100);
    CHECK((slice(out, 0, 10 * 512 - 100) == slice(contents, 100, 10 * 512 - 100)));
  }
}

// F1
TEST_CASE("a file whose chain is a cycle ends soon, and gives nothing from then on") {
  ImageBuilder image(fat16(9000));
  image.chain(every(100, 2, 50));
  image.set_entry(198, 140);
  image.add_short(image.root, "F          ", 0x20, 100, 0xffff'ffff);
  Mounted disk(image.bytes);
  File file = disk.open("/f");
  Bytes out(512);
  u64 at = 0;
  Result<usize> count = file.read(at, out);
  while (count && *count != 0) {
    at += *count;
    REQUIRE(at <= 3 * 50 * 512);
    count = file.read(at, out);
  }
  REQUIRE_FALSE(count.has_value());
  CHECK(count.error() == Errc::Malformed);
  CHECK(at >= 50 * 512);
  CHECK(file.read(0, out).error() == Errc::Malformed);
  CHECK(file.count_extents().error() == Errc::Malformed);
  CHECK(disk.open("/f").read(0xffff'fffe, out).error() == Errc::Malformed);
}

// F1
TEST_CASE("a cycle is found as soon, however the reads cut its runs") {
  ImageBuilder image(fat16(9000));
  std::vector<u32> clusters = every(100, 1, 40);
  const std::vector<u32> rest = every(1000, 1, 13);
  clusters.insert(clusters.end(), rest.begin(), rest.end());
  image.chain(clusters);
  image.set_entry(1012, 121);  // into the middle of the first run
  Mounted disk(image.bytes);
  std::mt19937 random(9);
  for (u32 longest = 1; longest < 40; ++longest) {
    ChainWalk walk(disk.volume->table(), 100);
    while (*walk.advance(static_cast<u32>(random() % longest + 1)) == ChainWalk::Step::Run) {
      REQUIRE(walk.clusters() <= 40 + 13 + 19 + 13);
    }
    CHECK(*walk.advance() == ChainWalk::Step::Cycle);
  }
}

// F1
TEST_CASE("a chain that comes back before its file ends never gives the same bytes twice") {
  const u32 size_clusters = GENERATE(range(1u, 9u));
  ImageBuilder image(fat12());
  image.set_entry(20, 22);
  image.set_entry(22, 24);
  image.set_entry(24, 20);
  image.add_short(image.root, "F          ", 0x20, 20, size_clusters * 512);
  Mounted disk(image.bytes);
  File file = disk.open("/f");
  Bytes out(size_clusters * 512);
  if (size_clusters <= 3) {
    CHECK(file.read(0, out) == out.size());  // three clusters are there, whatever follows
    return;
  }
  CHECK(file.read(0, std::span(out).first(512)) == 512);
  CHECK(file.read(0, out).error() == Errc::Malformed);
  CHECK(file.count_extents().error() == Errc::Malformed);
}

// F1
TEST_CASE("a cycle of one long run behind many short ones is found before it is read twice") {
  ImageBuilder image(fat16(9000));
  std::vector<u32> clusters = every(100, 2, 65);
  const std::vector<u32> loop = every(1000, 1, 60);
  clusters.insert(clusters.end(), loop.begin(), loop.end());
  image.chain(clusters);
  image.set_entry(1059, 1000);
  image.add_short(image.root, "F          ", 0x20, 100, 3905 * 512);
  Mounted disk(image.bytes);
  File file = disk.open("/f");
  Bytes out(512);
  CHECK(file.read(124 * 512, out) == 512);  // the last before it comes back
  CHECK(file.read(125 * 512, out).error() == Errc::Malformed);
  CHECK(file.read(0, out).error() == Errc::Malformed);
}

// F12
TEST_CASE("the chain is walked as far as the reads reach") {
  Layout layout = fat32(120'000);
  ImageBuilder image(layout);
  const std::vector<u32> clusters = every(100, 1, 100'000);
  const Bytes contents = pattern(100'000 * 512);
  image.add_file(image.root, "F          ", contents, clusters);
  Mounted disk(std::move(image.bytes));
  File file = disk.open("/f");
  disk.device.reset_counters();
  Bytes out(1000);
  CHECK(file.read(0, out) == 1000);
  CHECK(disk.device.bios == 2);  // the table and the data
  for (const u64 at : {u64{40'000'000}, u64{3'000'000}, u64{50'000'000}, u64{0}}) {
    CHECK(file.read(at, out) == 1000);
    CHECK((out == slice(contents, at, 1000)));
  }
  CHECK(*file.count_extents() == 1);
  CHECK(disk.device.bios <= 5 + 14);
}

// F2
TEST_CASE("a file that begins nowhere fails, an empty one does not") {
  ImageBuilder image(fat16(9000));
  image.add_short(image.root, "ZERO       ", 0x20, 0, 5);
  image.add_short(image.root, "ONE        ", 0x20, 1, 5);
  image.add_short(image.root, "BEYOND     ", 0x20, 9002, 5);
  image.add_short(image.root, "END        ", 0x20, 0xffff, 5);
  image.add_short(image.root, "EMPTY      ", 0x20, 9002, 0);
  Mounted disk(image.bytes);
  for (const char* path : {"/zero", "/one", "/beyond", "/end"}) {
    CHECK(disk.read(path).error() == Errc::Malformed);
  }
  CHECK((disk.read("/empty") == Bytes()));
  CHECK(*disk.open("/empty").count_extents() == 0);
}

TEST_CASE("a chain longer than its file is no mistake") {
  ImageBuilder image(fat16(9000));
  const Bytes contents = pattern(700);
  image.add_file(image.root, "F          ", contents, every(100, 2, 9));
  Mounted disk(image.bytes);
  CHECK((disk.read("/f") == contents));
  CHECK(*disk.open("/f").count_extents() == 2);
}

TEST_CASE("two files that share clusters both read, whatever it means") {
  ImageBuilder image(fat16(9000));
  const Bytes contents = pattern(4 * 512);
  image.add_file(image.root, "F          ", contents, {10, 11, 12, 13});
  image.set_entry(20, 12);
  image.add_short(image.root, "G          ", 0x20, 20, 3 * 512);
  Mounted disk(image.bytes);
  CHECK((disk.read("/f") == contents));
  const Bytes shared = *disk.read("/g");
  CHECK((slice(shared, 512, 1024) == slice(contents, 1024, 1024)));
}

TEST_CASE("a file beyond the end of a disk that was cut short fails alone") {
  ImageBuilder image(fat16(9000));
  const Bytes contents = pattern(4 * 512);
  image.add_file(image.root, "NEAR       ", contents, every(10, 1, 4));
  image.add_file(image.root, "FAR        ", contents, every(8000, 1, 4));
  image.bytes.resize(image.cluster_at(8002));
  Mounted disk(image.bytes);
  CHECK((disk.read("/near") == contents));
  CHECK(disk.read("/far").error() == Errc::Malformed);
}

TEST_CASE("a file of more runs than the map keeps is read right at any place") {
  Layout layout = fat32(70'000);
  ImageBuilder image(layout);
  const std::vector<u32> clusters = every(100, 2, 20'000);
  const Bytes contents = pattern(20'000 * 512);
  image.add_file(image.root, "F          ", contents, clusters);
  Mounted disk(image.bytes);
  File file = disk.open("/f");
  CHECK(*file.count_extents() == 20'000);
  std::mt19937 random(5);
  for (int i = 0; i < 50; ++i) {
    const u64 from = random() % contents.size();
    Bytes out(std::min<u64>(random() % 30'000 + 1, contents.size() - from));
    REQUIRE(file.read(from, out) == out.size());
    REQUIRE((out == slice(contents, from, out.size())));
  }
}
