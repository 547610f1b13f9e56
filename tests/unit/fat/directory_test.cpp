// Directories (fs/fat/directory.hpp).
#include <algorithm>

#include <sluice/fs/fat/unicode.hpp>
#include "tests/unit/fat/mounted.hpp"

using namespace sluice;
using namespace sluice::fat;
using namespace sluice::test;

namespace {

constexpr u8 kArchive = 0x20;

std::array<u8, 32> raw_of(std::string_view name, u8 attributes) {
  std::array<u8, 32> raw{};
  std::copy_n(name.begin(), 11, raw.begin());
  raw[11] = attributes;
  return raw;
}

}  // namespace

TEST_CASE("an empty directory lists nothing, of every type") {
  for (const Layout& layout : {fat12(), fat16(), fat32(300)}) {
    ImageBuilder image(layout);
    image.add_dir(image.root, "EMPTY      ");
    Mounted disk(image.bytes);
    CHECK(disk.list("/") == Names{"EMPTY/"});
    CHECK(disk.list("/empty").empty());
  }
}

TEST_CASE("entries come in the order of the directory, with long names where they are whole") {
  ImageBuilder image(fat16());
  image.add_long_file(image.root, u"Zeichnung für Übermorgen.txt", "ZEICHN~1TXT", pattern(10));
  image.add_file(image.root, "B       TXT", pattern(10));
  image.add_short(image.root, "LOWER   TXT", kArchive, 0, 0, 0x18);
  image.add_long_file(image.root, u"日本語.bin", "FIRST~1 BIN", {});
  Mounted disk(image.bytes);
  CHECK(disk.list("/") ==
        Names{"Zeichnung für Übermorgen.txt", "B.TXT", "lower.txt", "日本語.bin"});
}

// F9, F14
TEST_CASE("labels, dots, deleted and nameless entries are no files") {
  ImageBuilder image(fat16());
  image.add_short(image.root, "MY LABEL   ", 0x08, 0, 0);
  image.add_short(image.root, "\xe5ONE       ", kArchive, 0, 0);
  image.add_short(image.root, "\x05IS HERE   ", kArchive, 0, 0);
  image.add_short(image.root, "           ", kArchive, 0, 0);
  image.add_short(image.root, "LABEL AGAIN", 0x28, 0, 0);
  image.add_short(image.root, "ODD        ", 0x18, 0, 0);  // a label and a directory at once
  image.add_short(image.root, "LAST       ", kArchive, 0, 0);
  Mounted disk(image.bytes);
  CHECK(disk.list("/") == Names{"σIS HERE", "LAST"});
}

// F9
TEST_CASE(
    "0xe5 in front of a name stands as 0x05 on the disk, and that is what its checksum is of") {
  ImageBuilder image(fat16());
  image.add_long_file(image.root, u"sigma in front", "\x05IGMAI~1   ", pattern(10));
  image.add_slots(image.root, u"checksum of what it stands for", "\xe5HECKS~1   ");
  image.add_short(image.root, "\x05HECKS~1   ", kArchive, 0, 0);
  image.add_short(image.root, "A\xe5\x05     \xe5  ", kArchive, 0, 0);  // elsewhere a letter
  Mounted disk(image.bytes);
  CHECK(disk.list("/") == Names{"sigma in front", "σHECKS~1", "Aσ_.σ"});
  CHECK((disk.read("/SIGMA IN FRONT") == pattern(10)));
  CHECK((disk.read("/Σigmai~1") == pattern(10)));
}

// F9
TEST_CASE("deleted slots and entries are passed over, also where they fill whole clusters") {
  ImageBuilder image(fat12());
  Dir dir = image.add_dir(image.root, "DIR        ");
  for (u32 i = 0; i < 40; ++i) {
    image.add_slots(dir, u"what is gone is gone", "WHATIS~1   ");
    image.add_short(dir, "WHATIS~1   ", kArchive, 5, 10);
    for (usize k = dir.used - 3; k < dir.used; ++k) {
      image.put8(image.entry_at(dir, k), 0xe5);
    }
  }
  image.add_short(dir, "WHATIS~1   ", kArchive, 0, 0);  // no name left for it
  image.add_dir(dir, "\xe5IR        ");
  image.add_short(dir, "LAST       ", kArchive, 0, 0);
  Mounted disk(image.bytes);
  CHECK(disk.list("/dir") == Names{"WHATIS~1", "LAST"});
  CHECK(disk.volume->lookup("/dir/what is gone is gone").error() == Errc::NotFound);
  CHECK(disk.volume->lookup("/dir/σir").error() == Errc::NotFound);
}

// F14
TEST_CASE("entries without a name are passed over, and what stands behind them is found") {
  for (const Layout& layout : {fat12(), fat16(), fat32(300)}) {
    ImageBuilder image(layout);
    Dir dir = image.add_dir(image.root, "DIR        ");
    for (Dir* const in : {&image.root, &dir}) {
      for (u32 i = 0; i < 20; ++i) {
        image.add_short(*in, "           ", kArchive, 5, 100);
        image.add_short(*in, "           ", 0x10, 0, 0, 0x18);
      }
      image.add_slots(*in, std::u16string(1, u'\0'), "EMPTY~1    ");
      image.add_short(*in, "EMPTY~1    ", kArchive, 0, 0);
      image.add_slots(*in, std::u16string(1, u'\0'), "           ");
      image.add_short(*in, "           ", kArchive, 0, 0);
      image.add_short(*in, "        TXT", kArchive, 0, 0);
      image.add_long_file(*in, u"the long one alone", "           ", text_bytes("long"));
    }
    Mounted disk(image.bytes);
    CHECK(disk.list("/") == Names{"DIR/", "EMPTY~1", ".TXT", "the long one alone"});
    CHECK(disk.list("/dir") == Names{"EMPTY~1", ".TXT", "the long one alone"});
    CHECK((disk.read("/dir/The Long One Alone") == text_bytes("long")));
    CHECK(disk.volume->lookup("/dir/ ").error() == Errc::NotFound);
    CHECK(disk.entry("/dir//").name.view() == "DIR");
  }
}

TEST_CASE("nothing behind the end of a directory is looked at") {
  ImageBuilder image(fat16());
  image.add_short(image.root, "A          ", kArchive, 0, 0);
  image.add_raw(image.root, {});
  image.add_short(image.root, "B          ", kArchive, 0, 0);
  Mounted disk(image.bytes);
  CHECK(disk.list("/") == Names{"A"});
}

// F6
TEST_CASE("a long name is shown for its own short name alone") {
  ImageBuilder image(fat16());
  image.add_slots(image.root, u"wrong checksum.txt", "WRONGC~1TXT", 0x77);
  image.add_short(image.root, "WRONGC~1TXT", kArchive, 0, 0);
  image.add_slots(image.root, u"orphan of a renamed file.txt", "ORPHAN~1TXT");
  image.add_short(image.root, "RENAMED TXT", kArchive, 0, 0);
  image.add_slots(image.root, u"cut off by a deleted one", "CUTOFF~1   ");
  image.add_short(image.root, "\xe5          ", kArchive, 0, 0);
  image.add_short(image.root, "CUTOFF~1   ", kArchive, 0, 0);
  image.add_slots(image.root, u"cut off by a label", "CUTOFF~2   ");
  image.add_short(image.root, "LABEL      ", 0x08, 0, 0);
  image.add_short(image.root, "CUTOFF~2   ", kArchive, 0, 0);
  image.add_slots(image.root, u"in between", "INBETW~1   ");
  image.add_long_file(image.root, u"the right one", "THERIG~1   ", {});
  Mounted disk(image.bytes);
  CHECK(disk.list("/") ==
        Names{"WRONGC~1.TXT", "RENAMED.TXT", "CUTOFF~1", "CUTOFF~2", "the right one"});
}

// F7
TEST_CASE("slots with stray attribute bits are slots, and no labels") {
  ImageBuilder image(fat16());
  image.add_slots(image.root, u"stray bits", "STRAYB~1   ");
  image.put8(image.entry_at(image.root, 0) + 11, 0xcf);
  image.add_short(image.root, "STRAYB~1   ", kArchive, 0, 0);
  Mounted disk(image.bytes);
  CHECK(disk.list("/") == Names{"stray bits"});
}

// F11
TEST_CASE("a directory of many scattered clusters is read whole, slots over their borders") {
  for (const Layout& layout : {fat12(3000), fat16(5000), fat32(5000)}) {
    ImageBuilder image(layout);
    Names expected;
    std::vector<u32> clusters;
    for (u32 i = 0; i < 60; ++i) {
      clusters.push_back(i < 20 ? 1000 - i * 3 : 1100 + i);
    }
    Dir dir = image.add_dir(image.root, "DIR        ", clusters);
    for (u32 i = 0; i < 200; ++i) {
      const std::string name = "a rather long name, number " + std::to_string(i);
      image.add_long_file(dir, std::u16string(name.begin(), name.end()), "ARATHE~1   ", {});
      expected.push_back(name);
    }
    Mounted disk(image.bytes);
    CHECK(disk.list("/dir") == expected);
  }
}

TEST_CASE("a fixed root is read to its last entry and no further") {
  Layout layout = fat12();
  layout.root_entries = 20;  // not a whole sector
  ImageBuilder image(layout);
  Names expected;
  for (u32 i = 0; i < 24; ++i) {  // four more, where no entry should be
    const std::string name = "F" + std::to_string(i) + std::string(i < 10 ? 9 : 8, ' ');
    image.add_raw(image.root, raw_of(name, kArchive));
    if (i < 20) {
      expected.push_back("F" + std::to_string(i));
    }
  }
  Mounted disk(image.bytes);
  CHECK(disk.list("/") == expected);
}

TEST_CASE("a full directory ends with its chain") {
  ImageBuilder image(fat12());
  Dir dir = image.add_dir(image.root, "DIR        ");
  for (u32 i = 0; i < 14; ++i) {
    image.add_raw(dir, raw_of("FILE       ", kArchive));
  }
  Mounted disk(image.bytes);
  CHECK(disk.list("/dir").size() == 14);
}

// F5
TEST_CASE("the upper half of a first cluster is FAT32's alone") {
  ImageBuilder small(fat16());
  small.add_short(small.root, "A          ", kArchive, 0x0003'0005, 100);
  CHECK(Mounted(small.bytes).entry("/a").first_cluster == 5);
  ImageBuilder large(fat32());
  large.add_short(large.root, "A          ", kArchive, 0xf001'0005, 100);
  Mounted disk(large.bytes);
  CHECK(disk.entry("/a").first_cluster == 0xf001'0005);  // all of it: there is no such cluster
  std::byte byte{};
  CHECK(disk.volume->open(disk.entry("/a"))->read(0, {&byte, 1}).error() == Errc::Malformed);
}

TEST_CASE("an entry tells attributes, size and times") {
  ImageBuilder image(fat16());
  image.add_short(image.root, "A          ", 0x27, 9, 0xfedc'ba98);
  image.add_dir(image.root, "D          ");
  Mounted disk(image.bytes);
  const Entry file = disk.entry("/a");
  CHECK(file.size_bytes == 0xfedc'ba98);
  const std::array<char, 5> text = file.attributes.text();
  CHECK(std::string_view(text.data(), text.size()) == "rhs-a");
  CHECK(file.created.text().view() == "2025-01-01 13:33:00");
  CHECK(file.modified.text().view() == "2025-01-03 17:35:02");
  CHECK(file.accessed.text().view() == "2025-01-02 00:00:00");
  const Entry directory = disk.entry("/d");
  CHECK(directory.is_directory());
  CHECK(directory.size_bytes == 0);
}

TEST_CASE("dates and times are decoded, and known for what they are not") {
  CHECK(decode_date_time(0x0021, 0).text().view() == "1980-01-01 00:00:00");
  CHECK(decode_date_time(0xff9f, 0xbf7d).text().view() == "2107-12-31 23:59:58");
  const DateTime later = decode_date_time(0x5a21, 0, 199);
  CHECK(later.second == 1);
  CHECK(later.centisecond == 99);
  CHECK(decode_date_time(0x28 << 9 | 2 << 5 | 29, 0).valid);        // 2020
  CHECK_FALSE(decode_date_time(0x29 << 9 | 2 << 5 | 29, 0).valid);  // 2021
  CHECK_FALSE(decode_date_time(0x78 << 9 | 2 << 5 | 29, 0).valid);  // 2100
  CHECK_FALSE(decode_date_time(0, 0).set);
  CHECK(decode_date_time(0, 0).text().view() == "---------- --:--:--");
  CHECK_FALSE(decode_date_time(0x0001, 0).valid);       // month 0
  CHECK_FALSE(decode_date_time(0x01a1, 0).valid);       // month 13
  CHECK_FALSE(decode_date_time(0x0020, 0).valid);       // day 0
  CHECK_FALSE(decode_date_time(0x0021, 0xc000).valid);  // 24 h
  CHECK_FALSE(decode_date_time(0x0021, 0x0780).valid);  // 60 min
  CHECK_FALSE(decode_date_time(0x0021, 0x001e).valid);  // 60 s
  CHECK_FALSE(decode_date_time(0x0021, 0, 200).valid);
}

// F1, F2
TEST_CASE("a cyclic, endless or missing directory fails, and no other") {
  ImageBuilder image(fat12(200));
  image.add_dir(image.root, "CYCLE      ", {10, 11, 12});
  image.set_entry(12, 11);
  image.add_dir(image.root, "SELF       ", {20});
  image.set_entry(20, 20);
  image.add_short(image.root, "NOWHERE    ", 0x10, 0, 0);
  image.add_short(image.root, "BEYOND     ", 0x10, 202, 0);
  image.add_dir(image.root, "GOOD       ", {30});
  Mounted disk(image.bytes);
  CHECK(disk.list("/cycle") == Names{"!malformed data"});
  CHECK(disk.list("/self") == Names{"!malformed data"});
  CHECK(disk.list("/nowhere") == Names{"!malformed data"});
  CHECK(disk.list("/beyond") == Names{"!malformed data"});
  CHECK(disk.list("/good").empty());
}

// F2
TEST_CASE("a directory that breaks off gives what stands before") {
  ImageBuilder image(fat12(200));
  Dir dir = image.add_dir(image.root, "DIR        ", {10, 12});
  for (u32 i = 0; i < 20; ++i) {
    image.add_raw(dir, raw_of("FILE       ", kArchive));
  }
  image.set_entry(10, 0xff7);
  Mounted disk(image.bytes);
  const Names names = disk.list("/dir");
  REQUIRE(names.size() == 15);
  CHECK(names.back() == "!malformed data");
}

// F13
TEST_CASE("after an error a directory gives nothing more") {
  ImageBuilder image(fat12(200));
  Dir dir = image.add_dir(image.root, "DIR        ", {10, 12});
  for (u32 i = 0; i < 20; ++i) {
    image.add_raw(dir, raw_of("FILE       ", kArchive));
  }
  Mounted disk(image.bytes);
  disk.device.bad_sectors = {image.cluster_at(12) / 512};
  Result<Directory> directory = disk.volume->open_directory(disk.entry("/dir"));
  REQUIRE(directory.has_value());
  Entry entry;
  for (u32 i = 0; i < 14; ++i) {
    REQUIRE(*directory->next(entry));
  }
  CHECK(directory->next(entry).error() == Errc::Io);
  disk.device.bad_sectors.clear();
  CHECK_FALSE(*directory->next(entry));
}

// F13
TEST_CASE("a name that may stand in a sector that cannot be read is not said to be missing") {
  ImageBuilder image(fat16());
  Dir dir = image.add_dir(image.root, "DIR        ", {10, 12});
  image.add_file(dir, "BEFORE     ", pattern(100), {20});
  for (u32 i = 0; i < 20; ++i) {
    image.add_raw(dir, raw_of("FILE       ", kArchive));
  }
  image.add_file(dir, "BEHIND     ", pattern(100), {21});
  Mounted disk(image.bytes);
  disk.device.bad_sectors = {image.cluster_at(12) / 512};
  CHECK((disk.read("/dir/before") == pattern(100)));
  CHECK(disk.volume->lookup("/dir/behind").error() == Errc::Io);
  CHECK(disk.volume->lookup("/dir/behind/more").error() == Errc::Io);
  CHECK(disk.list("/dir").back() == "!I/O error");
  disk.device.bad_sectors = {image.cluster_at(10) / 512};
  disk.device.reset_counters();
  CHECK(disk.volume->lookup("/dir/before").error() == Errc::Io);
  CHECK(disk.device.bios <= 8);
  disk.device.bad_sectors.clear();
  CHECK((disk.read("/dir/behind") == pattern(100)));
}

TEST_CASE("a directory of 65536 entries is read, one of more is refused") {
  Layout layout = fat16(5000);
  layout.sectors_per_cluster = 8;
  ImageBuilder image(layout);
  const auto fill = [&](std::string_view name, u32 first, u32 clusters) {
    std::vector<u32> chain;
    for (u32 i = 0; i < clusters; ++i) {
      chain.push_back(first + i);
    }
    Dir dir = image.add_dir(image.root, name, chain);
    for (u32 i = 2; i < clusters * 128; ++i) {
      image.add_raw(dir, raw_of("FILE       ", kArchive));
    }
  };
  fill("FULL       ", 10, 512);
  fill("MORE       ", 1000, 513);
  Mounted disk(image.bytes);
  CHECK(disk.list("/full").size() == 65534);
  CHECK(disk.list("/more") == Names{"!malformed data"});
}

namespace {

// Names of few and telling characters, so that many are nearly the same.
struct NameMaker {
  u32 state = 1;
  u32 below(u32 limit) {
    state = state * 1664525 + 1013904223;
    return (state >> 8) % limit;
  }
  std::u16string long_name() {
    static constexpr std::u16string_view kUnits = u"aAbBéÉßσΣς_. ~\xd83d\xde00\xfffd";
    std::u16string name;
    const u32 length = below(3) == 0 ? 12 + below(3) : 1 + below(4);
    while (name.size() < length) {
      name += kUnits[below(static_cast<u32>(kUnits.size()))];
    }
    return name;
  }
  std::string short_name() {
    static constexpr std::string_view kBytes = "AaB\x82\x90_./ \xe1";  // é and É, ß
    std::string name(11, ' ');
    for (const usize place : {0, 1, 2, 8}) {
      name[place] = kBytes[below(static_cast<u32>(kBytes.size()))];
    }
    return name;
  }
};

}  // namespace

TEST_CASE("a name is found exactly where reading all entries finds it") {
  NameMaker maker{.state = GENERATE(range(1u, 41u))};
  ImageBuilder image(fat16());
  for (u32 i = 0; i < 20; ++i) {
    const std::string short_name = maker.short_name();
    if (maker.below(2) == 0) {
      image.add_slots(image.root, maker.long_name(),
                      maker.below(8) == 0 ? "OTHER      " : short_name);
    }
    image.add_short(image.root, short_name, kArchive, 100 + i, 0);
  }
  Mounted disk(image.bytes);
  std::vector<Entry> entries;
  std::vector<std::string> queries{"", "a", "A.B", "é", "ÉÉ.é", "_", "\xef\xbf\xbd", "a\xff"};
  Result<Directory> all = disk.volume->open_directory(disk.volume->root());
  REQUIRE(all.has_value());
  for (Entry entry; *all->next(entry);) {
    entries.push_back(entry);
    queries.emplace_back(entry.name.view());
    queries.emplace_back(entry.short_name.view());
  }
  for (const std::string& query : queries) {
    INFO(query);
    const auto is_it = [&](const Entry& entry) {
      return equal_ignoring_case(query, entry.name) || equal_ignoring_case(query, entry.short_name);
    };
    const auto expected = std::ranges::find_if(entries, is_it);
    Result<Directory> directory = disk.volume->open_directory(disk.volume->root());
    REQUIRE(directory.has_value());
    Entry found;
    const Result<bool> is_there = directory->find(query, found);
    REQUIRE(is_there.has_value());
    REQUIRE(*is_there == (expected != entries.end()));
    if (*is_there) {
      CHECK(found.first_cluster == expected->first_cluster);
      CHECK(found.name.view() == expected->name.view());
    }
  }
}
