#include <algorithm>
#include <set>

#include "../base/log_lines.hpp"
#include "../fat/image_builder.hpp"
#include "test_machine.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

// The number behind `"key" : ` that follows `section`.
double json_number(const std::string& json, const std::string& section, const std::string& key) {
  const usize from = json.find("\"" + section + "\" : {");
  REQUIRE(from != std::string::npos);
  const usize at = json.find("\"" + key + "\" : ", from);
  REQUIRE(at != std::string::npos);
  return std::stod(json.substr(at + key.size() + 5));
}

}  // namespace

TEST_CASE("bench keeps as many I/Os in flight as it was told") {
  Machine machine;
  MemoryDisk& disk = machine.add_disk("vda", pattern(1 << 20));
  disk.deferred = true;
  CHECK(machine.run("bench --filename=vda --rw=randread --bs=4k --iodepth=16 --number_ios=100") ==
        0);
  CHECK(disk.reads == 100);
  CHECK(disk.most_in_flight == 16);
  CHECK(std::set<u64>(disk.sectors.begin(), disk.sectors.end()).size() == 100);
  CHECK(machine.out.find("issued rwts: total=100,0,0,0") != std::string::npos);
}

TEST_CASE("a sequential job covers its part of the disk in order") {
  Machine machine;
  MemoryDisk& disk = machine.add_disk("vda", pattern(1 << 20));
  CHECK(machine.run(
            "bench --filename=vda --rw=read --bs=8k --offset=64k --size=128k --iodepth=4") == 0);
  std::vector<u64> expected;
  for (u64 byte = 65536; byte < 65536 + 131072; byte += 8192) {
    expected.push_back(byte / 512);
  }
  CHECK(disk.sectors == expected);
}

TEST_CASE("without a bound a random job touches every block once") {
  Machine machine;
  MemoryDisk& disk = machine.add_disk("vda", Bytes(1 << 20));
  CHECK(machine.run("bench --filename=vda --rw=randwrite --bs=4k --iodepth=8") == 0);
  CHECK(disk.writes == 256);
  CHECK(std::set<u64>(disk.sectors.begin(), disk.sectors.end()).size() == 256);
}

TEST_CASE("a random job repeats unless it is told not to, and then the log has its seed") {
  Machine machine;
  MemoryDisk& disk = machine.add_disk("vda", pattern(1 << 20));
  const auto order = [&](const std::string& more) {
    disk.sectors.clear();
    CHECK(machine.run("bench --filename=vda --rw=randread --bs=4k " + more) == 0);
    return disk.sectors;
  };
  const auto usual = order("");
  CHECK(order("--randrepeat=1") == usual);
  CHECK(order("--randrepeat=0 --randseed=1") == usual);
  const LogLines lines;
  const auto other = order("--randrepeat=0");
  CHECK(other != usual);
  const std::string text = lines.text();
  const usize at = text.find("randseed=");
  REQUIRE(at != std::string::npos);
  CHECK(order("--" + text.substr(at, text.find('\n', at) - at)) == other);
  CHECK(order("--randrepeat=0") != other);
}

TEST_CASE("a job that is based on time goes round until it is over") {
  Machine machine;
  MemoryDisk& disk = machine.add_disk("vda", pattern(65536));
  disk.deferred = true;  // 1000 ns each
  CHECK(machine.run("bench --filename=vda --rw=read --bs=4k --time_based --runtime=1ms") == 0);
  CHECK(disk.reads >= 999);
  CHECK(disk.reads <= 1001);
  disk.reads = 0;
  CHECK(machine.run(
            "bench --filename=vda --rw=read --bs=4k --time_based --runtime=1s --number_ios=77") ==
        0);
  CHECK(disk.reads == 77);
  disk.reads = 0;
  CHECK(machine.run("bench --filename=vda --rw=read --bs=4k --runtime=5us") == 0);
  CHECK(disk.reads == 5);
}

TEST_CASE("mixed jobs do both and trim discards") {
  Machine machine;
  blk::Disk::Options options;
  options.limits.max_discard_bytes = 1 << 20;
  MemoryDisk& disk = machine.add_disk("vda", pattern(4 << 20), options);
  CHECK(machine.run("bench --filename=vda --rw=randrw --bs=4k --iodepth=8 --output-format=json") ==
        0);
  CHECK(disk.reads + disk.writes == 1024);
  CHECK(disk.reads > 400);
  CHECK(disk.writes > 400);
  CHECK(json_number(machine.out, "read", "total_ios") == static_cast<double>(disk.reads));
  CHECK(json_number(machine.out, "write", "total_ios") == static_cast<double>(disk.writes));
  CHECK(machine.run("bench --filename=vda --rw=trim --bs=64k") == 0);
  CHECK(disk.discards == 64);
  CHECK(std::ranges::count(disk.bytes, std::byte{0}) == 4 << 20);
}

TEST_CASE("the JSON has fio's keys with what was measured") {
  Machine machine;
  MemoryDisk& disk = machine.add_disk("vda", pattern(1 << 20));
  disk.deferred = true;
  CHECK(machine.run(
            "bench --filename=vda --rw=read --bs=4k --number_ios=200 --output-format=json") == 0);
  const std::string& json = machine.out;
  CHECK(json_number(json, "read", "iops") == Approx(1e6).epsilon(0.001));
  CHECK(json_number(json, "read", "bw_bytes") == Approx(4.096e9).epsilon(0.001));
  CHECK(json_number(json, "read", "io_bytes") == 200 * 4096);
  CHECK(json_number(json, "lat_ns", "mean") == Approx(1000));
  CHECK(json_number(json, "clat_ns", "min") == 1000);
  CHECK(json_number(json, "slat_ns", "N") == 0);
  CHECK(json_number(json, "percentile", "99.000000") == 1000);
  CHECK(json_number(json, "write", "total_ios") == 0);
}

TEST_CASE("an I/O error ends the run and names the sector") {
  Machine machine;
  MemoryDisk& disk = machine.add_disk("vda", pattern(1 << 20));
  disk.deferred = GENERATE(false, true);
  disk.bad_sectors.insert(101);
  CHECK(machine.run("bench --filename=vda --rw=read --bs=4k --iodepth=8") == 1);
  CHECK(machine.error == "bench: vda: read at sector 96: I/O error\n");
  CHECK(machine.out.find("err= 5") == std::string::npos);
  CHECK(disk.reads < 30);
}

TEST_CASE("jobs that cannot be are refused") {
  Machine machine;
  blk::Disk::Options read_only;
  read_only.read_only = true;
  machine.add_disk("vda", pattern(65536), read_only);
  blk::Disk::Options large;
  large.limits.logical_block_bytes = 4096;
  machine.add_disk("vdb", pattern(65536), large);
  struct Case {
    const char* line;
    int status;
    const char* error;
  };
  const Case cases[] = {
      {"bench --filename=vda --rw=write", 1, "bench: vda: the device is read-only\n"},
      {"bench --filename=vdb --rw=trim", 1,
       "bench: vdb: the device has no discard, which --rw=trim needs\n"},
      {"bench --filename=vdb --bs=512", 1,
       "bench: vdb: --bs=512 is no multiple of its block size, 4096\n"},
      {"bench --filename=vdb --size=1m", 1,
       "bench: vdb: --offset and --size reach beyond its end (65536 bytes)\n"},
      {"bench --filename=vdb --offset=1m", 1,
       "bench: vdb: --offset and --size reach beyond its end (65536 bytes)\n"},
      {"bench --filename=vdb --size=1k", 1, "bench: vdb: less than one --bs=4096 fits\n"},
      {"bench --filename=vdz", 1, "bench: vdz: no such disk; there are vda, vdb\n"},
      {"bench --filename=vda:/x --rw=write", 1,
       "bench: vda: files cannot be written, only devices\n"},
  };
  for (const Case& one : cases) {
    INFO(one.line);
    CHECK(machine.run(one.line) == one.status);
    CHECK(machine.error == one.error);
  }
  CHECK(machine.run("bench --filename=vda:/x --hipri") == 2);
  CHECK(machine.error.starts_with("bench: only for devices, not for files: --hipri\n"));
  CHECK(machine.run("bench --filename=vda --ioscheduler=bfq") == 2);
  CHECK(machine.error.starts_with("bench: no value that it can have: --ioscheduler=bfq\n"));
  CHECK(machine.run("bench --filename=vda --numjobs=2") == 2);
  CHECK(machine.error ==
        "bench: --numjobs=2: each job needs a hart of its own, and there are 1; more come with "
        "--smp\n");
}

TEST_CASE("bench reads a file through its volume") {
  Machine machine;
  ImageBuilder image(fat16(8000));
  std::vector<u32> scattered;
  for (u32 cluster = 100; cluster < 4100; cluster += 2) {
    scattered.push_back(cluster);
  }
  image.add_file(image.root, "A       BIN", pattern(scattered.size() * image.cluster_bytes()),
                 scattered);
  MemoryDisk& disk = machine.add_disk("vda", image.bytes);
  disk.deferred = GENERATE(false, true);
  CHECK(machine.run("bench '--filename=vda\\:/a.bin' --rw=randread --bs=16k --iodepth=4") == 0);
  CHECK(machine.out.find("issued rwts: total=62,0,0,0") != std::string::npos);
  // Every cluster of those 62 blocks was read, and once.
  usize clusters_read = 0;
  for (const u32 cluster : scattered) {
    const auto times = std::ranges::count(disk.sectors, image.cluster_at(cluster) / 512);
    CHECK(times <= 1);
    clusters_read += static_cast<usize>(times);
  }
  CHECK(clusters_read == usize{62} * 32);
  CHECK(machine.run("bench --filename=vda:/nope") == 1);
  disk.bad_sectors.insert(image.cluster_at(500) / 512);
  CHECK(machine.run("bench --filename=vda:/a.bin --bs=16k --iodepth=4") == 1);
  CHECK(machine.error.find("of the file: I/O error") != std::string::npos);
}

TEST_CASE("a disk that bench wrote is mounted anew") {
  Machine machine;
  ImageBuilder image(fat16());
  image.add_file(image.root, "A          ", text_bytes("a"));
  machine.add_disk("vda", image.bytes);
  CHECK(machine.run("ls vda:/") == 0);
  CHECK(machine.run("bench --filename=vda --rw=write --bs=512 --size=512") == 0);
  CHECK(machine.run("ls vda:/") == 1);
}

TEST_CASE("bench without memory says so") {
  Machine machine;
  machine.add_disk("vda", pattern(65536));
  machine.world.arena.allocations_left = 3;
  CHECK(machine.run("bench --filename=vda --iodepth=4") == 1);
  CHECK(machine.error == "bench: vda: out of memory\n");
}
