#include "../fat/image_builder.hpp"
#include "test_machine.hpp"

#include <sluice/drivers/block/block_device.hpp>

using namespace sluice;
using namespace sluice::test;

namespace {

Bytes volume_with(std::string_view text) {
  ImageBuilder image(fat12());
  image.add_file(image.root, "A       TXT", text_bytes(text));
  return image.bytes;
}

}  // namespace

TEST_CASE("all commands of a line run and the first failure is the status") {
  Machine machine;
  machine.add_disk("vda", volume_with("hello"));
  CHECK(machine.run("cat vda:/a.txt; cat vda:/a.txt") == 0);
  CHECK(machine.out == "hellohello");
  CHECK(machine.run("cat vda:/no; nonsense; cat vda:/a.txt") == 1);
  CHECK(machine.out == "hello");
  CHECK(machine.run("nonsense; cat vda:/no") == 2);
  CHECK(machine.run(" ;; ; cat vda:/a.txt ;") == 0);
  CHECK(machine.out == "hello");
  CHECK(machine.run("") == 0);
}

TEST_CASE("a line with an open quote runs nothing") {
  Machine machine;
  machine.add_disk("vda", volume_with("hello"));
  CHECK(machine.run("cat vda:/a.txt; cat 'x") == 2);
  CHECK(machine.out.empty());
}

TEST_CASE("a quoted semicolon separates nothing") {
  Machine machine;
  machine.add_disk("vda", volume_with("hello"));
  CHECK(machine.run("cat 'vda:/a;b'") == 1);
  CHECK(machine.error == "cat: vda:/a;b: not found\n");
}

TEST_CASE("a volume is mounted once and the one unused for longest makes room") {
  Machine machine;
  const usize many = app::Volumes::kMounts + 3;
  const auto name = [](usize i) { return "vd" + std::string(1, static_cast<char>('a' + i)); };
  const auto reads_of_cat = [&](usize i) {
    const usize before = machine.disks[i]->reads;
    REQUIRE(machine.run("cat " + name(i) + ":/a.txt") == 0);
    REQUIRE(machine.out == std::to_string(i));
    return machine.disks[i]->reads - before;
  };
  for (usize i = 0; i < many; ++i) {
    machine.add_disk(name(i), volume_with(std::to_string(i)));
  }
  const usize mounting = reads_of_cat(0);
  const usize mounted = reads_of_cat(0);
  CHECK(mounted < mounting);
  for (usize i = 1; i < app::Volumes::kMounts; ++i) {
    CHECK(reads_of_cat(i) == mounting);
  }
  CHECK(reads_of_cat(0) == mounted);
  CHECK(reads_of_cat(app::Volumes::kMounts) == mounting);
  CHECK(reads_of_cat(0) == mounted);
  CHECK(reads_of_cat(1) == mounting);
  for (usize i = 0; i < 2 * many; ++i) {
    reads_of_cat(i % many);
  }
}

TEST_CASE("a disk that is gone is not found, even where it was mounted") {
  Machine machine;
  machine.add_disk("vda", volume_with("hello"));
  CHECK(machine.run("cat vda:/a.txt") == 0);
  machine.disks.clear();
  CHECK(machine.run("cat vda:/a.txt") == 1);
  CHECK(machine.error ==
        "cat: vda: no such disk; there are none; run.sh's --disk gives the machine one (QEMU: "
        "-device virtio-blk-device,drive=...)\n");
  machine.add_disk("vda", volume_with("other"));
  CHECK(machine.run("cat vda:/a.txt") == 0);
  CHECK(machine.out == "other");
}

TEST_CASE("poweroff ends the machine with its status") {
  Machine machine;
  try {
    machine.run("poweroff 7; nonsense");
    FAIL("poweroff came back");
  } catch (const Exit& exit) {
    CHECK(exit.status == 7);
  }
  CHECK(machine.run("poweroff 1 2") == 2);
}

TEST_CASE("poweroff without a status ends with the line's so far") {
  Machine machine;
  CHECK(machine.run("cat vda:/nothing") == 1);
  const std::pair<std::string_view, u32> lines[] = {
      {"poweroff", 0}, {"cat vda:/nothing; help; poweroff", 1}, {"help; poweroff", 0}};
  for (const auto& [line, status] : lines) {
    try {
      machine.run(line);
      FAIL("poweroff came back");
    } catch (const Exit& exit) {
      CHECK(exit.status == status);
    }
  }
}

TEST_CASE("who asks for a suspended disk does not wait for ever") {
  Machine machine;
  MemoryDisk& disk = machine.add_disk("vda", volume_with("text"));
  for (int round = 0; round < 2; ++round) {  // not mounted yet, and mounted
    disk.disk().set_suspended(true);
    for (const char* line : {"cat vda:/a.txt", "hexdump vda -n 16", "fsinfo vda"}) {
      CHECK(machine.run(line) == 1);
      CHECK(machine.error.ends_with(": vda: suspended; `resume` wakes its device\n"));
    }
    CHECK(machine.run("iostat vda") == 0);  // which asks nothing of the disk
    disk.disk().set_suspended(false);
    CHECK(machine.run("cat vda:/a.txt") == 0);
  }
}

TEST_CASE("reboot starts the machine again, and takes no word") {
  Machine machine;
  try {
    machine.run("reboot; nonsense");
    FAIL("reboot came back");
  } catch (const Exit& exit) {
    CHECK(exit.reboots);
  }
  CHECK(machine.run("reboot now") == 2);
  CHECK(machine.error == "reboot: takes no word: now\nusage: reboot\n");
}

TEST_CASE("help lists every command and says how one is used") {
  Machine machine;
  CHECK(machine.run("help") == 0);
  for (const app::Command& command : app::commands()) {
    CHECK(machine.out.find("  " + std::string(command.name) + " ") != std::string::npos);
  }
  CHECK(machine.run("help dd") == 0);
  CHECK(machine.out.starts_with("usage: dd if=FROM"));
  CHECK(machine.run("help nonsense") == 2);
}

TEST_CASE("the prompt runs lines until the end of input") {
  Machine machine;
  machine.add_disk("vda", volume_with("hello"));
  machine.console.input = "cat vda:/a.txt\rnonsense\r\x04";
  CHECK(app::run_shell(machine.session) == 2);
  const std::string shown = machine.console.stream('o');
  CHECK(shown.find("sluice> cat vda:/a.txt\nhellosluice> ") != std::string::npos);
  machine.console.input += "cat vdx\x03ls vda:/\n\x04";
  CHECK(app::run_shell(machine.session) == 0);
}
