#include <algorithm>
#include <cstring>

#include "../fat/image_builder.hpp"
#include "test_machine.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

blk::Disk::Options block_of(u32 bytes) {
  blk::Disk::Options options;
  options.limits.logical_block_bytes = bytes;
  return options;
}

}  // namespace

TEST_CASE("dd copies a whole disk in large bios") {
  Machine machine;
  const Bytes bytes = pattern(4 << 20);
  MemoryDisk& from = machine.add_disk("vda", bytes, block_of(GENERATE(512, 4096)));
  MemoryDisk& to = machine.add_disk("ram0", Bytes(4 << 20), block_of(GENERATE(512, 4096)));
  CHECK(machine.run("dd if=vda of=ram0") == 0);
  CHECK(to.bytes == bytes);
  CHECK(from.reads == 4);
  CHECK(machine.out.empty());
  CHECK(machine.error.starts_with(
      "8192+0 records in\n8192+0 records out\n4194304 bytes (4.19 MB, 4.00 MiB) copied, 0."));
  CHECK(machine.error.ends_with("B/s\n"));
}

TEST_CASE("dd keeps to bs, count, skip and seek") {
  Machine machine;
  const Bytes bytes = pattern(65536);
  machine.add_disk("vda", bytes);
  MemoryDisk& to = machine.add_disk("vdb", Bytes(65536), block_of(GENERATE(512, 4096)));
  CHECK(machine.run("dd if=vda of=vdb bs=1000 skip=3 seek=7 count=5") == 0);
  Bytes expected(65536);
  std::copy_n(bytes.begin() + 3000, 5000, expected.begin() + 7000);
  CHECK(to.bytes == expected);
  CHECK(machine.error.starts_with("5+0 records in\n5+0 records out\n5000 bytes"));
  CHECK(machine.run("dd if=vda of=vdb bs=4k count=0") == 0);
  CHECK(to.bytes == expected);
}

TEST_CASE("dd writes a file to a disk and leaves what is behind it") {
  Machine machine;
  ImageBuilder image(fat16());
  const Bytes contents = pattern(10001);
  image.add_file(image.root, "A       BIN", contents);
  machine.add_disk("vda", image.bytes);
  Bytes before = pattern(65536, 9);
  MemoryDisk& to = machine.add_disk("vdb", before);
  CHECK(machine.run("dd if=vda:/a.bin of=vdb bs=4k") == 0);
  std::copy(contents.begin(), contents.end(), before.begin());
  CHECK(to.bytes == before);
  CHECK(machine.error.starts_with("2+1 records in\n2+1 records out\n10001 bytes"));
}

TEST_CASE("dd without of= writes to standard output") {
  Machine machine;
  Bytes bytes = pattern(65536);
  machine.add_disk("vda", bytes);
  CHECK(machine.run("dd if=vda bs=1k count=3 skip=1") == 0);
  CHECK(machine.out.size() == 3072);
  CHECK(std::memcmp(machine.out.data(), bytes.data() + 1024, 3072) == 0);
}

TEST_CASE("dd says where it stopped") {
  Machine machine;
  MemoryDisk& from = machine.add_disk("vda", pattern(3 << 20));
  machine.add_disk("vdb", Bytes(65536));
  blk::Disk::Options read_only;
  read_only.read_only = true;
  machine.add_disk("vdc", Bytes(65536), read_only);
  CHECK(machine.run("dd if=vda of=vdb bs=32k") == 1);
  CHECK(machine.error.starts_with(
      "dd: vdb: no space left on the device\n32+0 records in\n2+0 records out\n65536 bytes"));
  CHECK(machine.run("dd if=vda of=vdc") == 1);
  CHECK(machine.error == "dd: vdc: the device is read-only\n");
  CHECK(machine.run("dd if=vda of=vda:/x") == 1);
  CHECK(machine.error == "dd: vda:/x: files cannot be written, only devices\n");
  CHECK(machine.run("dd if=vda of=vdb skip=100000") == 1);
  CHECK(machine.error.starts_with("dd: vda: skip= goes beyond its end\n0+0 records in\n"));
  CHECK(machine.run("dd if=vda of=vdb seek=18446744073709551615 bs=1M") == 1);
  CHECK(machine.error.starts_with("dd: vdb: seek= goes beyond its end\n"));
  from.bad_sectors.insert(5000);
  CHECK(machine.run("dd if=vda bs=1M") == 1);
  CHECK(machine.error.starts_with("dd: vda: byte 2097152: I/O error\n2+0 records in\n"));
  for (const char* line :
       {"dd of=vdb", "dd if=vda bs=0", "dd if=vda bs=x", "dd if=vda conv=sync", "dd vda"}) {
    INFO(line);
    CHECK(machine.run(line) == 2);
  }
}

TEST_CASE("a disk that dd wrote is mounted anew") {
  Machine machine;
  ImageBuilder one(fat16());
  one.add_file(one.root, "OLD        ", text_bytes("old"));
  ImageBuilder two(fat12());  // laid out otherwise
  two.add_file(two.root, "NEW        ", text_bytes("new"));
  machine.add_disk("vda", one.bytes);
  machine.add_disk("vdb", two.bytes);
  CHECK(machine.run("ls vda:/; dd if=vdb of=vda; ls vda:/; cat vda:/new") == 0);
  CHECK(machine.out == "OLD\nNEW\nnew");
}

TEST_CASE("dd of a file over its own volume does not outlive the volume") {
  Machine machine;
  ImageBuilder image(fat16());
  image.add_file(image.root, "A       BIN", pattern(100000));
  MemoryDisk& disk = machine.add_disk("vda", image.bytes);
  CHECK(machine.run("dd if=vda:/a.bin of=vda seek=3000 bs=512") == 0);
  CHECK(disk.bytes != image.bytes);
}

TEST_CASE("dd flushes a write cache") {
  Machine machine;
  machine.add_disk("vda", pattern(65536));
  blk::Disk::Options cached;
  cached.write_cache = true;
  MemoryDisk& to = machine.add_disk("vdb", Bytes(65536), cached);
  CHECK(machine.run("dd if=vda of=vdb") == 0);
  CHECK(to.flushes == 1);
}
