#include "../fat/image_builder.hpp"
#include "app/tree_walk.hpp"
#include "test_machine.hpp"

using namespace sluice;
using namespace sluice::test;

TEST_CASE("ls prints names in directory order with a slash behind directories") {
  Machine machine;
  ImageBuilder image(fat12());
  image.add_file(image.root, "B       TXT", text_bytes("b"));
  Dir docs = image.add_dir(image.root, "DOCS       ");
  image.add_long_file(docs, u"Größe und Maß.txt", "GROESS~1TXT", text_bytes("12345"));
  image.add_file(image.root, "A       TXT", text_bytes("hello"));
  machine.add_disk("vda", image.bytes);
  CHECK(machine.run("ls vda:/") == 0);
  CHECK(machine.out == "B.TXT\nDOCS/\nA.TXT\n");
  CHECK(machine.run("ls -R vda:/") == 0);
  CHECK(machine.out == "B.TXT\nDOCS/\nDOCS/Größe und Maß.txt\nA.TXT\n");
  CHECK(machine.run("ls -R vda:/docs") == 0);
  CHECK(machine.out == "Größe und Maß.txt\n");
  CHECK(machine.run("ls 'vda:/docs/größe und Maß.txt'") == 0);
  CHECK(machine.out == "vda:/docs/größe und Maß.txt\n");
  CHECK(machine.run("cat vda:/A.TXT 'vda:/docs/Größe und Maß.txt' vda:b.txt") == 0);
  CHECK(machine.out == "hello12345b");
}

TEST_CASE("ls -l prints attributes, size and time") {
  Machine machine;
  ImageBuilder image(fat12());
  const usize at = image.add_short(image.root, "A       TXT", 0x21, 0, 0);
  image.put16(at + 22, 12 << 11 | 34 << 5 | 56 / 2);
  image.put16(at + 24, (2024 - 1980) << 9 | 2 << 5 | 29);
  machine.add_disk("vda", image.bytes);
  CHECK(machine.run("ls -l vda:/") == 0);
  CHECK(machine.out == "r---a          0 2024-02-29 12:34:56 A.TXT\n");
}

TEST_CASE("every failure names the thing and why") {
  Machine machine;
  ImageBuilder image(fat12());
  image.add_file(image.root, "A       TXT", text_bytes("hello"));
  image.add_dir(image.root, "DOCS       ");
  machine.add_disk("vda", image.bytes);
  machine.add_disk("vdb", Bytes(65536));
  struct Case {
    const char* line;
    int status;
    const char* error;
  };
  const Case cases[] = {
      {"ls vda:/nope", 1, "ls: vda:/nope: not found\n"},
      {"cat vda:/nope", 1, "cat: vda:/nope: not found\n"},
      {"cat vda:/docs", 1, "cat: vda:/docs: is a directory\n"},
      {"cksum vda:/docs", 1, "cksum: vda:/docs: is a directory\n"},
      {"ls vda:/a.txt/x", 1, "ls: vda:/a.txt/x: not a directory\n"},
      {"cat vda:/a.txt/", 1, "cat: vda:/a.txt/: not a directory\n"},
      {"stat vdc:/a", 1, "stat: vdc: no such disk; there are vda, vdb\n"},
      {"hexdump vdc", 1, "hexdump: vdc: no such disk; there are vda, vdb\n"},
      {"ls vda", 2, "ls: not a path like vda:/name: vda\nusage: ls [-l] [-R] PATH\n"},
      {"ls", 2, "ls: one path is needed\nusage: ls [-l] [-R] PATH\n"},
      {"ls -x vda:/", 2, "ls: unknown option: -x\nusage: ls [-l] [-R] PATH\n"},
      {"cat --all vda:/", 2, "cat: unknown option: --all\nusage: cat PATH...\n"},
      {"frobnicate vda:/", 2, "sluice: unknown command: frobnicate (help lists them)\n"},
      {"''", 2, "sluice: unknown command:  (help lists them)\n"},
      {"ls 'vda:/", 2, "sluice: a quote is not closed: ls 'vda:/\n"},
      {"lsblk -x", 2, "lsblk: unknown option: -x\nusage: lsblk [-v]\n"},
      {"iostat -x", 2, "iostat: unknown option: -x\nusage: iostat [-v] [DISK...]\n"},
      {"iostat vdq", 1, "iostat: vdq: no such disk; there are vda, vdb\n"},
      {"dmesg x", 2, "dmesg: takes no operand: x\nusage: dmesg\n"},
      {"poweroff 256", 2,
       "poweroff: one status is taken, 0 to 255: 256\nusage: poweroff [STATUS]\n"},
      {"fsinfo --chek vda", 2, "fsinfo: unknown option: --chek\nusage: fsinfo [--check] DEVICE\n"},
  };
  for (const Case& one : cases) {
    INFO(one.line);
    CHECK(machine.run(one.line) == one.status);
    CHECK(machine.error == one.error);
    CHECK(machine.out.empty());
  }
  CHECK(machine.run("ls vdb:/") == 1);
  CHECK(machine.error.starts_with("ls: vdb"));
}

TEST_CASE("directories that contain each other come to an end") {
  Machine machine;
  ImageBuilder image(fat16());
  const std::vector<u32> cluster = image.take_free(1);
  Dir a = image.add_dir(image.root, "A          ", cluster);
  image.add_short(a, "LOOP       ", 0x10, cluster[0], 0);
  image.add_file(a, "FILE       ", text_bytes("x"));
  machine.add_disk("vda", image.bytes);
  CHECK(machine.run("ls -R vda:/") == 1);
  CHECK(machine.out == "A/\nA/LOOP/\nA/FILE\n");
  CHECK(machine.error ==
        "ls: vda:/A/LOOP: a directory that was listed already: the volume is corrupt\n");
  CHECK(machine.run("cksum -r vda:/a") == 1);
  CHECK(machine.error.starts_with("cksum: vda:/a/LOOP: a directory that was listed already"));
}

TEST_CASE("directories that are linked from two places are entered once") {
  Machine machine;
  ImageBuilder image(fat16());
  // Each of twenty directories links the next one twice: a walk without memory would take 2^20
  // turns.
  const std::vector<u32> clusters = image.take_free(21);
  Dir dir = image.add_dir(image.root, "D          ", {clusters[0]});
  for (usize i = 1; i <= 20; ++i) {
    Dir next = image.add_dir(dir, "ONE        ", {clusters[i]});
    image.add_short(dir, "TWO        ", 0x10, clusters[i], 0);
    dir = next;
  }
  machine.add_disk("vda", image.bytes);
  CHECK(machine.run("ls -R vda:/") == 1);
  CHECK(std::count(machine.out.begin(), machine.out.end(), '\n') == 41);
  CHECK(std::count(machine.error.begin(), machine.error.end(), '\n') == 20);
}

TEST_CASE("directories whose chains run into one another are listed no longer than all can be") {
  Machine machine;
  ImageBuilder image(fat16());
  const std::vector<u32> tail = image.take_free(128);
  Dir files = image.add_dir(image.root, "FILES      ", tail);
  for (u32 i = 2; i < 128 * 16; ++i) {
    image.add_short(files, "F          ", 0x20, 0, 0);
  }
  for (u32 i = 0; i < 60; ++i) {
    const Dir dir = image.add_dir(image.root, "D" + std::to_string(10 + i) + "        ");
    for (u32 entry = 2; entry < 16; ++entry) {
      image.put8(image.entry_at(dir, entry), 0xe5);
    }
    image.set_entry(dir.chain[0], tail[0]);
  }
  machine.add_disk("vda", image.bytes);
  CHECK(machine.run("ls -R vda:/") == 1);
  const u32 room = 4085 * 16 + 64;
  CHECK(std::ranges::count(machine.out, '\n') < room + 2 * 128 * 16);
  CHECK(machine.error.ends_with(
      "ls: vda:/D69: directories share their clusters: the volume is corrupt\n"));
}

TEST_CASE("directories are followed down to a bound") {
  Machine machine;
  ImageBuilder image(fat16());
  Dir dir = image.root;
  for (u32 i = 0; i < app::TreeWalk::kMaxDepth; ++i) {
    dir = i == 0 ? image.add_dir(image.root, "D          ") : image.add_dir(dir, "D          ");
  }
  image.add_file(dir, "FILE       ", text_bytes("x"));
  machine.add_disk("vda", image.bytes);
  CHECK(machine.run("ls -R vda:/") == 1);
  CHECK(machine.error.ends_with("directories are nested too deeply\n"));
  CHECK(machine.run("ls -R vda:/d") == 0);
  CHECK(machine.out.ends_with("/D/FILE\n"));
}

TEST_CASE("an unreadable directory is named and the walk goes on") {
  Machine machine;
  ImageBuilder image(fat16());
  Dir bad = image.add_dir(image.root, "BAD        ", image.take_free(1));
  image.add_file(bad, "LOST       ", text_bytes("x"));
  Dir good = image.add_dir(image.root, "GOOD       ");
  image.add_file(good, "FILE       ", text_bytes("x"));
  MemoryDisk& disk = machine.add_disk("vda", image.bytes);
  disk.bad_sectors.insert(image.cluster_at(bad.chain[0]) / 512);
  CHECK(machine.run("ls -R vda:/") == 1);
  CHECK(machine.out == "BAD/\nGOOD/\nGOOD/FILE\n");
  CHECK(machine.error == "ls: vda:/BAD: I/O error\n");
}

TEST_CASE("a directory that breaks off in the middle is named after what it has") {
  Machine machine;
  ImageBuilder image(fat16());
  const std::vector<u32> clusters = {100, 200};
  Dir dir = image.add_dir(image.root, "DIR        ", clusters);
  for (char c = 'A'; c < 'X'; ++c) {
    image.add_file(dir, std::string(1, c) + "          ", {});
  }
  Dir good = image.add_dir(image.root, "GOOD       ");
  image.add_file(good, "FILE       ", text_bytes("x"));
  MemoryDisk& disk = machine.add_disk("vda", image.bytes);
  disk.bad_sectors.insert(image.cluster_at(200) / 512);
  CHECK(machine.run("ls -R vda:/") == 1);
  CHECK(machine.out.starts_with("DIR/\nDIR/A\n"));
  CHECK(machine.out.ends_with("DIR/N\nGOOD/\nGOOD/FILE\n"));
  CHECK(machine.error == "ls: vda:/DIR: I/O error\n");
  CHECK(machine.run("ls vda:/dir") == 1);
  CHECK(machine.out.ends_with("N\n"));
  CHECK(machine.error == "ls: vda:/dir: I/O error\n");
}

TEST_CASE("ls -R of 10 000 files reads each cluster of their directory once") {
  constexpr u32 kFiles = 10'000;
  Layout layout = fat16();
  layout.sectors_per_cluster = 8;
  ImageBuilder image(layout);
  std::vector<u32> clusters;
  for (u32 i = 0; i < kFiles / 128 + 1; ++i) {
    clusters.push_back(100 + 3 * i);  // each alone, so that it takes a request of its own
  }
  Dir dir = image.add_dir(image.root, "DIR        ", clusters);
  for (u32 i = 0; i < kFiles; ++i) {
    std::string name = "F0000000   ";
    name.replace(1, 5, std::to_string(10'000 + i));
    image.add_short(dir, name, 0x20, 0, 0);
  }
  Machine machine;
  const MemoryDisk& disk = machine.add_disk("vda", image.bytes);
  CHECK(machine.run("ls -R vda:/") == 0);
  CHECK(std::ranges::count(machine.out, '\n') == kFiles + 1);
  for (const u32 cluster : clusters) {
    if (std::ranges::count(disk.sectors, image.cluster_at(cluster) / 512) != 1) {
      FAIL_CHECK("cluster " << cluster << " is read more often, or never");
    }
  }
}
