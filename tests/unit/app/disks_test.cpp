#include "../fat/image_builder.hpp"
#include "test_machine.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

constexpr u32 kFirst = 2048;

// A disk whose MBR has one partition, and a FAT16 volume with a file in it.
Bytes partitioned() {
  ImageBuilder volume(fat16());
  volume.add_file(volume.root, "A       TXT", text_bytes("hello\n"));
  const u32 sectors = static_cast<u32>(volume.bytes.size() / 512);
  Bytes disk(usize{kFirst + sectors + 10} * 512);
  std::ranges::copy(volume.bytes, disk.begin() + kFirst * 512);
  const auto put = [&disk](usize at, u32 value, usize bytes) {
    for (usize i = 0; i < bytes; ++i) {
      disk[at + i] = std::byte(value >> 8 * i);
    }
  };
  put(0x1be + 4, 6, 1);
  put(0x1be + 8, kFirst, 4);
  put(0x1be + 12, sectors, 4);
  put(0x1fe, 0xaa55, 2);
  return disk;
}

struct PartitionedMachine : Machine {
  PartitionedMachine() {
    blk::Disk::Options options;
    options.partitioned = true;
    disk = &add_disk("vda", partitioned(), options);
  }
  MemoryDisk* disk;
};

// Two I/Os in flight on a disk that does not end them by itself.
struct Stuck {
  explicit Stuck(MemoryDisk& disk) : disk_(disk) {
    disk_.deferred = true;
    for (usize i = 0; i < 2; ++i) {
      bios[i].op = i == 0 ? blk::Op::Read : blk::Op::Write;
      bios[i].sector = blk::Sector(16 * (i + 1));
      bios[i].segments = {&segment, 1};
      bios[i].end_io = [](blk::Bio&) {};
      disk_.disk().submit(bios[i]);
    }
  }
  ~Stuck() {
    while (disk_.complete_one()) {
    }
  }
  Bytes memory = Bytes(4096);
  blk::Segment segment{memory.data(), 4096};
  std::array<blk::Bio, 2> bios;
  MemoryDisk& disk_;
};

}  // namespace

// --- Partitions ----------------------------------------------------------------------------------

TEST_CASE("a partition is a device by its name for every command") {
  PartitionedMachine machine;
  CHECK(machine.run("lsblk") == 0);
  CHECK(machine.out.find("\n  vda1 ") != std::string::npos);
  CHECK(machine.run("cat vda1:/a.txt") == 0);
  CHECK(machine.out == "hello\n");
  CHECK(machine.run("ls vda1:/; stat vda1:/a.txt; cksum vda1:/a.txt; fsinfo vda1") == 0);
  CHECK(machine.run("hexdump vda1 -n 3") == 0);
  CHECK(machine.out.starts_with("00000000  eb "));
  CHECK(machine.run("dd if=vda1 bs=3 count=1") == 0);
  CHECK(machine.out.size() == 3);
  machine.disk->sectors.clear();
  CHECK(machine.run("bench --filename=vda1 --rw=read --bs=512 --number_ios=2") == 0);
  CHECK(machine.disk->sectors == std::vector<u64>{kFirst, kFirst + 1});
  CHECK(machine.run("ls vda2:/") == 1);
  CHECK(machine.error == "ls: vda2: no such disk; there are vda, vda1\n");
}

TEST_CASE("a volume on a partition is mounted anew after either was written") {
  PartitionedMachine machine;
  const std::string name = GENERATE("vda", "vda1");
  CHECK(machine.run("ls vda1:/") == 0);
  CHECK(machine.run("bench --rw=write --bs=512 --size=4m --filename=" + name) == 1);
  CHECK(machine.run("bench --rw=write --bs=512 --size=1m --offset=1m --filename=" + name) == 0);
  CHECK(machine.run("ls vda1:/") == (name == "vda" ? 1 : 0));
}

// --- Statistics ----------------------------------------------------------------------------------

TEST_CASE("iostat has a line for each direction with what was done") {
  Machine machine;
  MemoryDisk& disk = machine.add_disk("vda", Bytes(1 << 20), {}, {.depth = 64});
  machine.add_disk("vdb", Bytes(1 << 20));
  disk.deferred = true;
  disk.bad_sectors.insert(2000);
  CHECK(machine.run("bench --filename=vda --rw=read --bs=4k --iodepth=4 --size=64k "
                    "--iodepth_batch_submit=4") == 0);
  CHECK(machine.run("bench --filename=vda --rw=write --bs=4k --offset=1000k --size=4k") == 1);
  CHECK(machine.run("iostat vda") == 0);
  CHECK(machine.out ==
        "DISK     OP        REQUESTS    BYTES   MERGES   ERRORS   QUEUE us  DEVICE us IN FLIGHT\n"
        "vda      read             4      64K       12        0        0.0        1.0         0\n"
        "vda      write            1       4K        0        1        0.0        1.0         0\n");
  CHECK(machine.run("iostat") == 0);
  CHECK(machine.out.find("\nvdb      write            0       0B ") != std::string::npos);
  CHECK(machine.run("iostat -v vda") == 0);
  CHECK(machine.out.find("    <         1.0 us          4 #####") != std::string::npos);
}

TEST_CASE("lsblk -v says of each tag in flight what it is, since when, and who has it") {
  Machine machine(2);
  MemoryDisk& disk =
      machine.add_disk("vda", Bytes(1 << 20), {}, {.hw_queues = 2, .depth = 8, .merge = false});
  const Stuck stuck(disk);
  machine.world.now_ticks += 7'000'000;
  CHECK(machine.run("lsblk -v") == 0);
  CHECK(machine.out.find("\n    queue 0: default, harts 0\n") != std::string::npos);
  CHECK(machine.out.find("\n    queue 1: default, harts 1\n") != std::string::npos);
  CHECK(machine.out.find(": read of sector 16, 4096 bytes, for 7 ms, with the driver\n") !=
        std::string::npos);
  CHECK(machine.out.find(": write of sector 32, 4096 bytes, for 7 ms, with the driver\n") !=
        std::string::npos);
  CHECK(machine.run("iostat") == 0);
  CHECK(machine.out.find("vda      read             0       0B        0        0        0.0        "
                         "0.0         1\n") != std::string::npos);
}
