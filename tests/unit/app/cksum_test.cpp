#include "app/crc.hpp"

#include <algorithm>
#include <cstring>

#include "../fat/image_builder.hpp"
#include "test_machine.hpp"

using namespace sluice;
using namespace sluice::test;
using app::PosixCrc;

namespace {

// Bit by bit, straight from the definition.
u32 reference(const Bytes& data) {
  u32 crc = 0;
  const auto add = [&crc](u32 byte) {
    crc ^= byte << 24;
    for (int bit = 0; bit < 8; ++bit) {
      crc = crc << 1 ^ (crc >> 31 != 0 ? 0x04c11db7u : 0u);
    }
  };
  for (const std::byte byte : data) {
    add(std::to_integer<u32>(byte));
  }
  for (usize rest = data.size(); rest != 0; rest >>= 8) {
    add(rest & 0xff);
  }
  return ~crc;
}

std::string line_of(const Bytes& data, std::string_view path) {
  return std::to_string(reference(data)) + " " + std::to_string(data.size()) + " " +
         std::string(path) + "\n";
}

}  // namespace

TEST_CASE("the CRC of known texts is that of POSIX cksum") {
  PosixCrc empty;
  CHECK(empty.value() == 4294967295u);
  PosixCrc digits;
  digits.add(text_bytes("123456789"));
  CHECK(digits.value() == 930766865u);
}

TEST_CASE("the CRC does not depend on pieces and alignment") {
  const Bytes data = pattern(4099);
  for (usize first = 0; first < 40; ++first) {
    for (const usize second : {0, 1, 7, 8, 9, 100}) {
      PosixCrc crc;
      const std::span<const std::byte> all(data);
      crc.add(all.first(first));
      crc.add(all.subspan(first, second));
      crc.add(all.subspan(first + second));
      REQUIRE(crc.value() == reference(data));
      REQUIRE(crc.bytes() == data.size());
    }
  }
}

TEST_CASE("cksum prints checksum, size and the path as given") {
  Machine machine;
  ImageBuilder image(fat16());
  const Bytes contents = pattern(70000);
  image.add_file(image.root, "A       BIN", contents);
  image.add_file(image.root, "EMPTY   BIN", {});
  machine.add_disk("vda", image.bytes);
  CHECK(machine.run("cksum vda:/a.bin vda:EMPTY.bin") == 0);
  CHECK(machine.out == line_of(contents, "vda:/a.bin") + line_of({}, "vda:EMPTY.bin"));
  CHECK(machine.error.empty());
}

TEST_CASE("cksum -r sorts by the bytes of whole paths") {
  Machine machine;
  ImageBuilder image(fat16());
  const Bytes contents = pattern(5000);
  image.add_file(image.root, "Z          ", contents);
  Dir a = image.add_dir(image.root, "A          ");
  image.add_file(image.root, "A-B        ", contents);
  image.add_file(image.root, "A0         ", contents);
  image.add_file(a, "C          ", contents);
  Dir deep = image.add_dir(a, "DEEP       ");
  image.add_file(deep, "X       Y  ", contents);
  image.add_long_file(image.root, u"ä", "UMLAUT     ", contents);
  machine.add_disk("vda", image.bytes);
  CHECK(machine.run("cksum -r vda:/") == 0);
  std::string expected;
  for (const char* path : {"A-B", "A/C", "A/DEEP/X.Y", "A0", "Z", "ä"}) {
    expected += line_of(contents, path);
  }
  CHECK(machine.out == expected);
  CHECK(machine.run("cksum -r vda:/a") == 0);
  CHECK(machine.out == line_of(contents, "C") + line_of(contents, "DEEP/X.Y"));
}

TEST_CASE("cksum reads files in many pieces, large and small, with reads in flight") {
  Machine machine;
  ImageBuilder image(fat16(8000));
  std::vector<u32> every_second;
  for (u32 cluster = 100; cluster < 3000; cluster += 2) {
    every_second.push_back(cluster);
  }
  const Bytes scattered = pattern(every_second.size() * image.cluster_bytes() - 3);
  image.add_file(image.root, "SCATTER BIN", scattered, every_second);
  const Bytes large = pattern(1'400'000, 2);
  image.add_file(image.root, "LARGE   BIN", large);
  MemoryDisk& disk = machine.add_disk("vda", image.bytes);
  disk.deferred = GENERATE(false, true);
  CHECK(machine.run("cksum -r vda:/") == 0);
  CHECK(machine.out == line_of(large, "LARGE.BIN") + line_of(scattered, "SCATTER.BIN"));
  // What is read ahead in vain stays a small part.
  usize run_clusters = 0;
  for (const u32 cluster : every_second) {
    run_clusters += static_cast<usize>(
        std::count(disk.sectors.begin(), disk.sectors.end(), image.cluster_at(cluster) / 512));
  }
  CHECK(run_clusters < every_second.size() * 5 / 4);
}

TEST_CASE("a bad sector fails its file alone") {
  Machine machine;
  ImageBuilder image(fat16());
  const Bytes contents = pattern(20000);
  image.add_file(image.root, "A          ", contents);
  const std::vector<u32> clusters = image.take_free(40);
  image.add_file(image.root, "B          ", contents, clusters);
  image.add_file(image.root, "C          ", contents);
  MemoryDisk& disk = machine.add_disk("vda", image.bytes);
  disk.deferred = GENERATE(false, true);
  disk.bad_sectors.insert(image.cluster_at(clusters[20]) / 512);
  CHECK(machine.run("cksum -r vda:/") == 1);
  CHECK(machine.out == line_of(contents, "A") + line_of(contents, "C"));
  CHECK(machine.error == "cksum: vda:/B: I/O error\n");
  CHECK(machine.run("cksum vda:/b vda:/c") == 1);
  CHECK(machine.out == line_of(contents, "vda:/c"));
  CHECK(machine.run("cat vda:/b") == 1);
  CHECK(machine.out.size() == 20 * 512);  // up to the bad sector
  CHECK(std::memcmp(machine.out.data(), contents.data(), 20 * 512) == 0);
  CHECK(machine.error == "cat: vda:/b: I/O error\n");
}

TEST_CASE("cksum without memory says so") {
  Machine machine;
  ImageBuilder image(fat16());
  image.add_file(image.root, "A          ", pattern(20000));
  machine.add_disk("vda", image.bytes);
  REQUIRE(machine.run("ls vda:/") == 0);
  machine.world.arena.allocations_left = 0;
  CHECK(machine.run("cksum -r vda:/") == 1);
  CHECK(machine.error == "cksum: vda:/A: out of memory\n");
  machine.world.arena.allocations_left = 100;
  CHECK(machine.run("cksum -r vda:/") == 0);
}
