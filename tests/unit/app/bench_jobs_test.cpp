#include <algorithm>
#include <set>

#include "test_machine.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

// The number behind `"key" : `.
double json_number(const std::string& json, const std::string& key) {
  const usize at = json.find("\"" + key + "\" : ");
  REQUIRE(at != std::string::npos);
  return std::stod(json.substr(at + key.size() + 5));
}

Bytes zeroes(usize bytes) {
  return Bytes(bytes);
}

}  // namespace

// --- Several harts -------------------------------------------------------------------------------

TEST_CASE("each job runs on its hart and the report is of all together") {
  Machine machine(4);
  MemoryDisk& disk =
      machine.add_disk("vda", zeroes(1 << 20), {}, {.hw_queues = 2, .depth = 16, .merge = false});
  disk.deferred = true;
  CHECK(machine.run("bench --filename=vda --rw=randread --bs=4k --iodepth=8 --numjobs=3 "
                    "--number_ios=50") == 0);
  CHECK(disk.reads == 150);
  CHECK(disk.most_in_flight == 24);
  CHECK(machine.out.find("(groupid=0, jobs=3): err=0\n") != std::string::npos);
  CHECK(machine.out.find("issued rwts: total=150,0,0,0") != std::string::npos);
  // Each in an order of its own: three times the same 50 blocks would be 50.
  CHECK(std::set<u64>(disk.sectors.begin(), disk.sectors.end()).size() > 80);
}

TEST_CASE("jobs begin an increment apart") {
  Machine machine(2);
  MemoryDisk& disk = machine.add_disk("vda", zeroes(1 << 20));
  CHECK(machine.run("bench --filename=vda --rw=read --bs=4k --size=64k --offset=128k "
                    "--offset_increment=256k --numjobs=2") == 0);
  std::set<u64> expected;
  for (u64 i = 0; i < 16; ++i) {
    expected.insert({(131072 + i * 4096) / 512, (393216 + i * 4096) / 512});
  }
  CHECK(std::set<u64>(disk.sectors.begin(), disk.sectors.end()) == expected);
  CHECK(disk.reads == 32);
  CHECK(machine.run("bench --filename=vda --bs=4k --offset_increment=1m --numjobs=2") == 1);
  CHECK(machine.error == "bench: vda: less than one --bs=4096 fits\n");
}

TEST_CASE("a failure on any hart is the failure of the run") {
  Machine machine(2);
  MemoryDisk& disk = machine.add_disk("vda", zeroes(1 << 20));
  disk.bad_sectors.insert(1024 + 8);
  CHECK(machine.run("bench --filename=vda --rw=read --bs=4k --size=512k --offset_increment=512k "
                    "--numjobs=2") == 1);
  CHECK(machine.error == "bench: vda: read at sector 1032: I/O error\n");
}

// --- Batches, polling, schedulers ----------------------------------------------------------------

TEST_CASE("a sequential read of 1 MiB pieces tells the device once per piece") {
  Machine machine;
  MemoryDisk& disk = machine.add_disk("vda", zeroes(16 << 20), {}, {.depth = 64});
  disk.deferred = true;
  CHECK(machine.run("bench --filename=vda --rw=read --bs=1m --output-format=json") == 0);
  CHECK(disk.reads == 16);
  CHECK(json_number(machine.out, "notifies_per_1000") == 1000);
  CHECK(json_number(machine.out, "merges_per_1000") == 0);
}

TEST_CASE("a batch of sixteen tells the device once") {
  Machine machine;
  const bool merge = GENERATE(false, true);
  MemoryDisk& disk = machine.add_disk("vda", zeroes(1 << 20), {}, {.depth = 64, .merge = merge});
  disk.deferred = GENERATE(false, true);
  CHECK(machine.run("bench --filename=vda --rw=read --bs=4k --iodepth=16 --number_ios=256 "
                    "--iodepth_batch_submit=16 --output-format=json") == 0);
  CHECK(json_number(machine.out, "total_ios") == 256);
  CHECK(json_number(machine.out, "notifies_per_1000") == 62.5);
  CHECK(json_number(machine.out, "merges_per_1000") == (merge ? 937.5 : 0));
  CHECK(disk.reads == (merge ? 16 : 256));
}

TEST_CASE("a batch waits until so many are ready, or nothing is in flight") {
  Machine machine;
  MemoryDisk& disk = machine.add_disk("vda", zeroes(1 << 20));
  disk.deferred = true;
  CHECK(machine.run("bench --filename=vda --rw=randread --bs=4k --iodepth=10 --number_ios=100 "
                    "--iodepth_batch_submit=4 --output-format=json") == 0);
  CHECK(disk.reads == 100);
  CHECK(json_number(machine.out, "notifies_per_1000") <= 270);  // 4, 4 and 2 at first
  CHECK(machine.run("bench --filename=vda --rw=randread --bs=4k --iodepth=4 --number_ios=10 "
                    "--iodepth_batch_submit=100 --output-format=json") == 0);
  CHECK(json_number(machine.out, "notifies_per_1000") == 300);  // 4, 4 and 2
}

TEST_CASE("so many come back before anything goes out again") {
  Machine machine;
  MemoryDisk& disk = machine.add_disk("vda", zeroes(1 << 20));
  disk.deferred = true;
  CHECK(machine.run("bench --filename=vda --rw=randread --bs=4k --iodepth=16 --number_ios=256 "
                    "--iodepth_batch_complete_min=8 --output-format=json") == 0);
  CHECK(disk.reads == 256);
  CHECK(json_number(machine.out, "notifies_per_1000") == 125);
}

TEST_CASE("a polled job reaps its I/Os itself") {
  Machine machine;
  MemoryDisk& disk = machine.add_disk("vda", zeroes(1 << 20));
  disk.deferred = true;
  CHECK(machine.run("bench --filename=vda --rw=randread --bs=4k --iodepth=4 --number_ios=100 "
                    "--hipri") == 0);
  CHECK(disk.reads == 100);
  CHECK(disk.polled == 100);
}

TEST_CASE("the scheduler that a job asks for stays the disk's") {
  Machine machine;
  MemoryDisk& disk = machine.add_disk("vda", zeroes(1 << 20));
  for (const std::string name : {"mq-deadline", "kyber", "none"}) {
    CHECK(machine.run("bench --filename=vda --rw=randrw --bs=4k --iodepth=16 --number_ios=100 "
                      "--ioscheduler=" +
                      name) == 0);
    CHECK(disk.disk().scheduler_name() == name);
    CHECK(machine.run("lsblk") == 0);
    CHECK(machine.out.find(" 1x64 " + name + " ") != std::string::npos);
  }
  CHECK(disk.reads + disk.writes == 300);
}
