#include <set>

#include "test_machine.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

constexpr usize kDiskBytes = 256 * 1024;  // 64 blocks

struct VerifyingMachine : Machine {
  explicit VerifyingMachine(u32 harts = 1, bool merge = false) : Machine(harts) {
    disk = &add_disk("vda", Bytes(kDiskBytes), {}, {.depth = 64, .merge = merge});
    disk->deferred = true;
  }
  // The run's status; --bs=4k --iodepth=8 --verify=crc32c besides what is said.
  int verify(const std::string& more) {
    return run("bench --filename=vda --bs=4k --iodepth=8 --verify=crc32c " + more);
  }
  MemoryDisk* disk;
};

bool begins_with(const std::string& text, std::string_view beginning) {
  return text.starts_with(beginning);
}

}  // namespace

TEST_CASE("everything that a job wrote is read back and found as it was written") {
  VerifyingMachine machine(1, GENERATE(false, true));
  CHECK(machine.verify("--rw=write") == 0);
  CHECK(machine.disk->writes > 0);
  CHECK(machine.out.find("verify: 64 blocks are as they were written\n") != std::string::npos);
  CHECK(machine.out.find("issued rwts: total=0,64,0,0") != std::string::npos);
  CHECK(machine.verify("--rw=randwrite --number_ios=10") == 0);
  CHECK(machine.out.find("verify: 10 blocks are as they were written\n") != std::string::npos);
}

TEST_CASE("a mixed job checks each block that it reads again, as often as it is written") {
  VerifyingMachine machine;
  CHECK(machine.verify("--rw=randrw --time_based --runtime=1s --number_ios=2000") == 0);
  // Some 1 000 reads, nearly all of blocks that were written before, and those of the end.
  const usize at = machine.out.find("verify: ");
  REQUIRE(at != std::string::npos);
  CHECK(std::stoul(machine.out.substr(at + 8)) > 800);
}

TEST_CASE("fewer blocks than the depth are never in flight twice") {
  VerifyingMachine machine;
  CHECK(machine.verify("--rw=randrw --size=12k --time_based --runtime=1s --number_ios=500") == 0);
  CHECK(machine.disk->most_in_flight <= 3);
  CHECK(machine.disk->reads + machine.disk->writes >= 500);
}

TEST_CASE("jobs that verify have parts of their own") {
  VerifyingMachine machine(3);
  CHECK(machine.verify("--rw=randrw --numjobs=3 --time_based --runtime=1s --number_ios=500") == 0);
  CHECK(machine.verify("--rw=write --numjobs=3") == 0);
  CHECK(machine.out.find("verify: 63 blocks are as they were written\n") != std::string::npos);
  CHECK(machine.verify("--rw=write --numjobs=2 --offset_increment=32k") == 0);
  CHECK(machine.out.find("verify: 16 blocks are") != std::string::npos);
}

TEST_CASE("what is not as it was written is found, and said where and how") {
  VerifyingMachine machine;
  const std::string mode = GENERATE("--rw=write", "--rw=randwrite",
                                    "--rw=randrw --number_ios=1000 "
                                    "--time_based --runtime=1s");
  SECTION("never written") {
    machine.disk->lost_writes.insert(96);
    CHECK(machine.verify(mode) == 1);
    CHECK(machine.error ==
          "bench: vda: verify failed at byte 49152 (sector 96): magic number "
          "0x4369756c expected, 0x0 found\n");
  }
  SECTION("another content") {
    machine.disk->wrong_writes.insert(96);
    CHECK(machine.verify(mode) == 1);
    CHECK(begins_with(machine.error,
                      "bench: vda: verify failed at byte 49152 (sector 96): crc32c 0x"));
  }
  SECTION("at another place") {
    machine.disk->stray_writes[96] = 104;
    machine.disk->stray_writes[104] = 96;
    CHECK(machine.verify(mode) == 1);
    // A mixed job may read one of the two before the other is written.
    const bool mixed = mode.starts_with("--rw=randrw");
    CHECK((machine.error.find(": place 0x") != std::string::npos ||
           (mixed && machine.error.find(": magic number 0x") != std::string::npos)));
  }
  SECTION("what had been there before") {
    CHECK(machine.verify("--rw=write --randseed=1") == 0);
    machine.disk->lost_writes.insert(96);
    CHECK(machine.verify(mode + " --randseed=7") == 1);
    CHECK(machine.error ==
          "bench: vda: verify failed at byte 49152 (sector 96): writer 0x7 "
          "expected, 0x1 found\n");
  }
}

TEST_CASE("a write that is lost later is found by its generation") {
  VerifyingMachine machine;
  // Some time after the first hundred.
  machine.world.steps.insert(machine.world.steps.begin(), [&machine] {
    if (machine.disk->writes > 100) {
      machine.disk->lost_writes.insert(96);
    }
    return false;
  });
  CHECK(machine.verify("--rw=randrw --number_ios=2000 --time_based --runtime=1s") == 1);
  CHECK(begins_with(machine.error,
                    "bench: vda: verify failed at byte 49152 (sector 96): generation 0x"));
  CHECK(machine.out.find("err=84\n") != std::string::npos);
}

TEST_CASE("a job that only reads checks what an earlier one has written") {
  VerifyingMachine machine;
  CHECK(machine.verify("--rw=write --randseed=5") == 0);
  CHECK(machine.verify("--rw=randread") == 0);
  CHECK(machine.out.find("verify: 64 blocks are as they were written\n") != std::string::npos);
  machine.disk->bytes[100'000] ^= std::byte{1};
  CHECK(machine.verify("--rw=read") == 1);
  CHECK(begins_with(machine.error, "bench: vda: verify failed at byte 98304 (sector 192): crc32c"));
}

TEST_CASE("an I/O error while verifying is said as such") {
  VerifyingMachine machine;
  machine.disk->bad_sectors.insert(96);
  CHECK(machine.verify("--rw=write") == 1);
  CHECK(machine.error == "bench: vda: write at sector 96: I/O error\n");
}

TEST_CASE("without memory for the record it is said how much would be needed") {
  VerifyingMachine machine;
  machine.world.arena.allocations_left = 0;
  CHECK(machine.verify("--rw=write") == 1);
  CHECK(machine.error ==
        "bench: --verify: no 256 bytes of memory to remember 64 blocks; --size= takes fewer\n"
        "bench: vda: out of memory\n");
}
