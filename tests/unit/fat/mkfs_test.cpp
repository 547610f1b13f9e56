// Images made by mkfs.fat and mtools, compared with the files they were made from.
#include "tests/unit/fat/mounted.hpp"

#if defined(SLUICE_MKFS_FAT) && defined(SLUICE_MCOPY)

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>

using namespace sluice;
using namespace sluice::fat;
using namespace sluice::test;
namespace fs = std::filesystem;

namespace {

// A folder that goes away with the test.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "sluice-fat-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { fs::remove_all(path); }
  fs::path path;
};

void run(const std::string& command) {
  INFO(command);
  REQUIRE(std::system(("LC_ALL=C.UTF-8 MTOOLS_SKIP_CHECK=1 " + command + " >/dev/null").c_str()) ==
          0);
}

using Tree = std::map<std::string, Bytes>;  // contents by path; a directory ends with '/'

// What the image is to hold: names and sizes that have made trouble elsewhere.
Tree test_tree(usize cluster_bytes) {
  Tree tree;
  u32 seed = 0;
  const auto add = [&](const std::string& path, usize bytes) {
    tree[path] = pattern(bytes, ++seed);
  };
  add("empty", 0);
  add("one.bin", 1);
  add("cluster.bin", cluster_bytes);
  add("cluster and a byte.bin", cluster_bytes + 1);
  add("UPPER.TXT", 100);
  add("lower.txt", 100);
  add("Mixed.Txt", 100);
  tree["nested/"] = {};
  tree["nested/empty folder/"] = {};
  tree["nested/tiefer gelegen/"] = {};
  tree["nested/tiefer gelegen/Größe und Übermut/"] = {};
  add("nested/tiefer gelegen/Größe und Übermut/äöü ÄÖÜ ß.txt", 3000);
  add("nested/Привет, мир.txt", 2000);
  add("nested/日本語のファイル名.txt", 1000);
  add("nested/" + std::string(200, 'n') + ".txt", 700);
  tree["many/"] = {};
  for (int i = 0; i < 100; ++i) {
    add("many/file with the number " + std::to_string(i) + ".dat", static_cast<usize>(i) * 37);
  }
  return tree;
}

void write_tree(const Tree& tree, const fs::path& to) {
  for (const auto& [path, contents] : tree) {
    if (path.back() == '/') {
      fs::create_directories(to / path);
    } else {
      fs::create_directories((to / path).parent_path());
      std::ofstream file(to / path, std::ios::binary);
      file.write(reinterpret_cast<const char*>(contents.data()),
                 static_cast<std::streamsize>(contents.size()));
    }
  }
}

void read_tree(Mounted& disk, const Entry& directory_entry, const std::string& prefix, Tree& tree) {
  Result<Directory> directory = disk.volume->open_directory(directory_entry);
  REQUIRE(directory.has_value());
  Entry entry;
  while (true) {
    const Result<bool> more = directory->next(entry);
    REQUIRE(more.has_value());
    if (!*more) {
      return;
    }
    const std::string path = prefix + std::string(entry.name.view());
    if (entry.is_directory()) {
      tree[path + "/"] = {};
      read_tree(disk, entry, path + "/", tree);
    } else {
      const Result<Bytes> contents = disk.read(path);
      REQUIRE(contents.has_value());
      tree[path] = *contents;
    }
  }
}

Bytes load(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  Bytes bytes(fs::file_size(path));
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  REQUIRE(file.good());
  return bytes;
}

// Compares path by path, so that a failure names the file and not its bytes.
void compare(const Tree& found, const Tree& expected) {
  Names found_names;
  Names expected_names;
  for (const auto& [path, contents] : expected) {
    expected_names.push_back(path);
    const auto other = found.find(path);
    if (other != found.end() && other->second != contents) {
      FAIL_CHECK(path << " has other contents");
    }
  }
  for (const auto& [path, contents] : found) {
    found_names.push_back(path);
  }
  CHECK(found_names == expected_names);
}

struct Format {
  std::string options;  // for mkfs.fat
  usize kibibytes;
  usize cluster_bytes;
  Type type;
  u32 block_bytes = 512;
  u32 serial = 0x2826f9b3;
};

void copy_and_compare(const Format& format) {
  INFO("mkfs.fat " << format.options);
  const Folder folder;
  const Tree tree = test_tree(format.cluster_bytes);
  write_tree(tree, folder.path / "tree");
  const std::string image = (folder.path / "image").string();
  run(std::string(SLUICE_MKFS_FAT) + " " + format.options + " -i 2826F9B3 -n TESTDISK -C " + image +
      " " + std::to_string(format.kibibytes));
  run(std::string(SLUICE_MCOPY) + " -s -i " + image + " " + (folder.path / "tree").string() +
      "/* ::/");
  Mounted disk(load(image), format.block_bytes);
  const Result<VolumeInfo> info = disk.volume->info();
  REQUIRE(info.has_value());
  CHECK(info->type == format.type);
  CHECK(info->cluster_bytes == format.cluster_bytes);
  CHECK(info->label.view() == "TESTDISK");
  CHECK(info->serial == format.serial);
  CHECK_FALSE(info->dirty);
  CHECK(disk.volume->table().count_free() == info->free_clusters);
  Tree found;
  read_tree(disk, disk.volume->root(), "", found);
  compare(found, tree);
  CHECK((disk.read("/NESTED/ПРИВЕТ, МИР.TXT") == tree.at("nested/Привет, мир.txt")));
}

}  // namespace

TEST_CASE("what mcopy put on a volume of mkfs.fat is read back byte by byte") {
  for (const Format& format : {Format{"-F 12", 1440, 512, Type::Fat12},
                               {"-F 12 -s 8", 2880, 4096, Type::Fat12},
                               {"-F 16 -s 1", 8192, 512, Type::Fat16},
                               {"-F 16 -s 4 -S 1024", 32768, 4096, Type::Fat16},
                               {"-F 32 -s 1", 40960, 512, Type::Fat32},
                               {"-F 32 -s 1 -f 1 -R 35", 40960, 512, Type::Fat32},
                               {"-F 16 -s 2 -S 2048 -a", 32768, 4096, Type::Fat16, 2048},
                               {"-F 16 -s 1 -a -R 3", 8192, 512, Type::Fat16, 4096}}) {
    copy_and_compare(format);
  }
}

// F14: an Atari keeps its serial number elsewhere.
TEST_CASE("what mcopy put on an Atari's volume of mkfs.fat is read back byte by byte") {
  for (const Format& format : {Format{"-A", 1440, 1024, Type::Fat12, 512, 0},
                               {"-A -S 1024", 16384, 2048, Type::Fat16, 512, 0},
                               {"-A -S 2048", 32768, 4096, Type::Fat16, 4096, 0}}) {
    copy_and_compare(format);
  }
}

TEST_CASE("files that mcopy fragmented by refilling gaps are read back") {
  const Folder folder;
  const std::string image = (folder.path / "image").string();
  run(std::string(SLUICE_MKFS_FAT) + " -F 16 -s 1 -C " + image + " 8192");
  Tree tree;
  for (int i = 0; i < 40; ++i) {
    tree["gap" + std::to_string(i)] = pattern(30'000, static_cast<u32>(i));
  }
  write_tree(tree, folder.path / "tree");
  run(std::string(SLUICE_MCOPY) + " -i " + image + " " + (folder.path / "tree").string() +
      "/* ::/");
  // Emptying every second one makes the gaps.
  Tree emptied;
  for (int i = 0; i < 40; i += 2) {
    const std::string name = "gap" + std::to_string(i);
    emptied[name] = {};
    tree[name] = {};
  }
  write_tree(emptied, folder.path / "emptied");
  run(std::string(SLUICE_MCOPY) + " -D o -i " + image + " " + (folder.path / "emptied").string() +
      "/* ::/");
  Tree large;
  large["large"] = pattern(7'200'000, 99);
  write_tree(large, folder.path / "large");
  run(std::string(SLUICE_MCOPY) + " -i " + image + " " + (folder.path / "large").string() +
      "/* ::/");
  tree.merge(large);
  Mounted disk(load(image));
  Tree found;
  read_tree(disk, disk.volume->root(), "", found);
  compare(found, tree);
  CHECK(*disk.open("/large").count_extents() > 10);
}

#endif
