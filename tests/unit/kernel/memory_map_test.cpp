// What a device tree says of memory, and what is made of it (kernel/memory_map.hpp).
#include "tests/catch.hpp"

#include "tests/port/world.hpp"
#include "tests/unit/base/log_lines.hpp"
#include "tests/unit/base/tree_builder.hpp"

#include <random>
#include <set>
#include <string>
#include <vector>

#include <sluice/kernel/memory_map.hpp>

using namespace sluice;
using test::LogLines;
using test::TreeBuilder;

namespace {

constexpr u64 kMiB = u64{1} << 20;
constexpr u64 kLimit = u64{1} << 38;
constexpr AddressRange kImage{0x8020'0000, 0x802d'5000};
constexpr fdt::Range kRam{0x8000'0000, 128 * kMiB};

std::string text_of(const RangeSet& set) {
  std::string text;
  for (const AddressRange& range : set.all()) {
    std::array<char, 64> piece{};
    BufferSink sink(piece);
    format_to(sink, "{}{:x}-{:x}", text.empty() ? "" : " ", range.start, range.end);
    text += sink.text();
  }
  return text;
}

// The tree of a machine, and a map that is made from it step by step.
struct Told {
  std::vector<fdt::Range> memory{kRam};
  std::vector<fdt::Range> blocks{};    // in the memory reservation block
  std::vector<fdt::Range> reserved{};  // in /reserved-memory
  std::optional<AddressRange> initrd{};
  u64 limit = kLimit;

  TreeBuilder::Blob blob() const {
    TreeBuilder builder;
    builder.cells("#address-cells", {2}).cells("#size-cells", {2});
    for (const fdt::Range& range : memory) {
      builder.begin("memory@" + std::to_string(range.base)).text("device_type", "memory");
      builder.cells("reg", cells(range)).end();
    }
    for (const fdt::Range& range : blocks) {
      builder.reserve(range.base, range.bytes);
    }
    builder.begin("reserved-memory").cells("#address-cells", {2}).cells("#size-cells", {2});
    for (const fdt::Range& range : reserved) {
      builder.begin("kept@" + std::to_string(range.base)).cells("reg", cells(range)).end();
    }
    builder.end().begin("chosen");
    if (initrd) {
      const auto all = cells({initrd->start, initrd->end});
      builder.cells("linux,initrd-start", {all[0], all[1]});
      builder.cells("linux,initrd-end", {all[2], all[3]});
    }
    return builder.end().finish();
  }
  static TreeBuilder::Cells cells(const fdt::Range& range) {
    return {static_cast<u32>(range.base >> 32), static_cast<u32>(range.base),
            static_cast<u32>(range.bytes >> 32), static_cast<u32>(range.bytes)};
  }
};

// Start-up as far as the map goes, with the tree's place at 0x87e0_0000.
struct Map {
  explicit Map(const Told& told, AddressRange tree_place = {0x87e0'0000, 0x87e0'1234})
      : blob(told.blob()) {
    REQUIRE(tree.parse(blob));
    for (std::atomic<u64>& bytes : memory_usage::held_bytes) {
      bytes = 0;
    }
    map.find_memory(tree, told.limit, kImage);
    map.find_reserved(tree, kImage);
    map.take(kImage, Holder::Text);
    map.take_tree(tree_place, kImage);
    initrd = map.take_initrd(tree);
    map.take_reserved();
  }
  std::string free() const {
    RangeSet set;
    map.for_each_free([&](AddressRange range) { REQUIRE(set.add(range)); });
    return text_of(set);
  }
  TreeBuilder::Blob blob;
  fdt::Tree tree;
  MemoryMap map;
  AddressRange initrd;
};

std::string panic_of(const Told& told, AddressRange tree_place = {0x87e0'0000, 0x87e0'1234}) {
  try {
    const Map map(told, tree_place);
  } catch (const test::Panic& panic) {
    return panic.what();
  }
  return "no panic";
}

}  // namespace

TEST_CASE("range sets: what touches or overlaps is joined, and the order does not matter") {
  RangeSet set;
  REQUIRE(set.add({0x5000, 0x6000}));
  REQUIRE(set.add({0x1000, 0x2000}));
  REQUIRE(set.add({0x8000, 0x9000}));
  REQUIRE(set.add({0x3000, 0x3000}));
  CHECK(text_of(set) == "1000-2000 5000-6000 8000-9000");
  REQUIRE(set.add({0x2000, 0x3000}));
  CHECK(text_of(set) == "1000-3000 5000-6000 8000-9000");
  REQUIRE(set.add({0x2800, 0x8800}));
  CHECK(text_of(set) == "1000-9000");
  CHECK(set.bytes() == 0x8000);
  CHECK(set.covers({0x1000, 0x9000}));
  CHECK_FALSE(set.covers({0x1000, 0x9001}));
  CHECK_FALSE(set.covers({0x3000, 0x2000}));
  CHECK(set.overlaps({0, 0x1001}));
  CHECK_FALSE(set.overlaps({0, 0x1000}));
  CHECK_FALSE(set.overlaps({0x9000, ~u64{0}}));
}

TEST_CASE("range sets: a full one refuses what joins nothing") {
  RangeSet set;
  for (u64 i = 0; i < RangeSet::kMaxRanges; ++i) {
    REQUIRE(set.add({i * 0x2000, i * 0x2000 + 0x1000}));
  }
  CHECK_FALSE(set.add({0x100'0000, 0x100'1000}));
  CHECK(set.add({0x1000, 0x2000}));
  CHECK(set.add({0x100'0000, 0x100'1000}));
}

TEST_CASE("range sets: random ranges are as a set of pages") {
  std::mt19937 random(7);
  for (u32 round = 0; round < 300; ++round) {
    RangeSet set;
    std::set<u64> pages;
    for (u32 i = 0; i < 20; ++i) {
      const u64 start = random() % 90;
      const u64 count = random() % 9;
      REQUIRE(set.add({start, start + count}));
      for (u64 page = start; page < start + count; ++page) {
        pages.insert(page);
      }
    }
    CHECK(set.bytes() == pages.size());
    const AddressRange within{random() % 50, 50 + random() % 50};
    std::set<u64> beside;
    for (u64 page = within.start; page < within.end; ++page) {
      if (!pages.contains(page)) {
        beside.insert(page);
      }
    }
    std::set<u64> found;
    u64 last = 0;
    set.for_each_gap(within, [&](AddressRange gap) {
      REQUIRE((gap.start >= last && gap.start < gap.end));
      last = gap.end;
      for (u64 page = gap.start; page < gap.end; ++page) {
        found.insert(page);
      }
    });
    REQUIRE(found == beside);
  }
}

TEST_CASE("memory: what is not image, tree, initrd or reserved is free, and all of it is counted") {
  test::World world;
  const Map made(
      {.reserved = {{0x8000'0000, 0x8'0000}}, .initrd = AddressRange{0x8400'0000, 0x8400'0801}});
  CHECK(made.free() == "80080000-80200000 802d5000-84000000 84001000-87e00000 87e02000-88000000");
  CHECK(made.initrd == AddressRange{0x8400'0000, 0x8400'0801});
  CHECK(memory_usage::held(Holder::Reserved) == 0x8'0000);
  CHECK(memory_usage::held(Holder::Text) == kImage.bytes());
  CHECK(memory_usage::held(Holder::DeviceTree) == 0x2000);
  CHECK(memory_usage::held(Holder::Initrd) == 0x1000);
  CHECK(made.map.memory().bytes() == 128 * kMiB);
}

TEST_CASE("memory: nodes that overlap or touch are one piece, and the overlap is named") {
  test::World world;
  const LogLines log;
  const Map made(
      {.memory = {{0x8000'0000, 64 * kMiB}, {0x8400'0000, 64 * kMiB}, {0x8300'0000, 32 * kMiB}}});
  CHECK(text_of(made.map.memory()) == "80000000-88000000");
  CHECK(log.has("memory at 0x83000000 (0x2000000 bytes) is named twice"));
  CHECK(made.map.is_memory(0x83ff'ffff, 0x8400'0001));
  CHECK_FALSE(made.map.is_memory(0x87ff'ffff, 0x8800'0001));
}

TEST_CASE("memory: what paging cannot map is left out, and the rest of the range is used") {
  test::World world;
  for (const u64 bytes : {kLimit, ~u64{0} - 0x8000'0000, u64{1} << 63}) {
    const LogLines log;
    const Map made({.memory = {{0x8000'0000, bytes}}});
    CHECK(text_of(made.map.memory()) == "80000000-4000000000");
    CHECK(log.has("nothing beyond 0x4000000000 can be mapped"));
  }
  const LogLines log;
  const Map made({.memory = {kRam, {kLimit, kMiB}, {~u64{0}, 5}}});
  CHECK(text_of(made.map.memory()) == "80000000-88000000");
  CHECK(log.has("of memory at 0x4000000000 (0x100000 bytes) nothing"));
}

TEST_CASE("memory: pieces without a whole page go unused, and ragged ones lose their edges") {
  test::World world;
  const LogLines log;
  const Map made({.memory = {{0x8000'0800, 128 * kMiB}, {0x9000'0000, 0}, {0x9100'0001, 0x1ffe}}});
  CHECK(text_of(made.map.memory()) == "80001000-88000000");
  CHECK(log.has("memory at 0x90000000 has no whole page"));
  CHECK(log.has("memory at 0x91000001 has no whole page"));
}

TEST_CASE("memory: a piece far from the rest is not worth the table that it would need") {
  test::World world;
  const LogLines log;
  const Map made({.memory = {kRam, {0x30'0000'0000, 128 * kMiB}, {0x1000, 0x1000}}});
  CHECK(text_of(made.map.memory()) == "1000-2000 80000000-88000000");
  CHECK(log.has("memory at 0x3000000000 (0x8000000 bytes) is too far from the rest"));
}

TEST_CASE("memory: none, or none beneath the image, is a panic that says so") {
  test::World world;
  CHECK(panic_of({.memory = {}}).find("no usable memory node") != std::string::npos);
  CHECK(panic_of({.memory = {{0x9000'0000, kMiB}}}).find("do not hold the image at 0x80200000") !=
        std::string::npos);
  CHECK(panic_of({.memory = {{0x8000'0000, 0x2d'4000}}}).find("too little memory") !=
        std::string::npos);
}

TEST_CASE("memory: more pieces than fit go unused and are named, but reserved ones are a panic") {
  test::World world;
  std::vector<fdt::Range> many;
  for (u64 i = 0; i < 80; ++i) {
    many.push_back({0x8600'0000 + i * 0x2000, 0x1000});
  }
  Told told{.memory = many};
  told.memory.insert(told.memory.begin(), {0x8000'0000, 32 * kMiB});
  const LogLines log;
  const Map made(told, {0x8180'0000, 0x8180'1000});
  CHECK(made.map.memory().all().size() == RangeSet::kMaxRanges);
  CHECK(log.has("more than 64 pieces of memory; that at 0x8607e000 (0x1000 bytes) goes unused"));
  CHECK(panic_of({.blocks = many}).find("no room for reserved memory at 0x86080000") !=
        std::string::npos);
  CHECK(panic_of({.reserved = many}).find("no room for reserved memory at 0x86080000") !=
        std::string::npos);
}

TEST_CASE("memory: a reservation over the image is named, and the image stays") {
  test::World world;
  const LogLines log;
  const Map made({.reserved = {{0x8020'1000, 0x1000}, {0x8500'0000, 0}}});
  CHECK(
      log.has("reserved memory at 0x80201000 (0x1000 bytes) covers part of the image at "
              "0x80200000 to 0x802d5000"));
  CHECK(log.has("0 bytes of reserved memory at 0x85000000"));
  CHECK(made.free() == "80000000-80200000 802d5000-87e00000 87e02000-88000000");
  CHECK(memory_usage::held(Holder::Reserved) == 0);
}

TEST_CASE("memory: a reservation may reach around the end of all addresses, or cover the tree") {
  test::World world;
  const Map made({.blocks = {{0x8600'0800, ~u64{0}}, {0x87e0'0000, 0x1234}}});
  CHECK(made.free() == "80000000-80200000 802d5000-86000000");
  CHECK(memory_usage::held(Holder::DeviceTree) == 0x2000);
}

TEST_CASE("memory: a tree within the image is a panic that names both places") {
  test::World world;
  const std::string text = panic_of({}, {0x802d'4fff, 0x802d'5fff});
  CHECK(
      text.find("lies at 0x802d4fff to 0x802d5fff, within the image's 0x80200000 to 0x802d5000") !=
      std::string::npos);
}

TEST_CASE("memory: an initrd that cannot be where it is said to be is left out, and why is named") {
  test::World world;
  const auto trouble_of = [](AddressRange initrd) {
    const LogLines log;
    const Map made({.reserved = {{0x8700'0000, 0x1000}}, .initrd = initrd});
    CHECK(made.initrd.empty());
    CHECK(memory_usage::held(Holder::Initrd) == 0);
    return log.text();
  };
  const auto has = [](const std::string& text, std::string_view what) {
    return text.find(what) != std::string::npos;
  };
  CHECK(has(trouble_of({0x8500'0000, 0x8400'0000}), "0x85000000 to 0x84000000, which ends before"));
  CHECK(has(trouble_of({0x87ff'f000, 0x8800'0001}), "is not all memory"));
  CHECK(has(trouble_of({0, ~u64{0}}), "is not all memory"));
  CHECK(has(trouble_of({0x8000'0000, 0x8020'0001}), "overlaps the image"));
  // In the page of the tree's last bytes, where nothing can be written.
  CHECK(has(trouble_of({0x87e0'1800, 0x87e0'2800}), "overlaps the image or the device tree"));
  CHECK(has(trouble_of({0x86ff'f000, 0x8700'0001}), "overlaps reserved memory"));
  CHECK(trouble_of({0x8400'0000, 0x8400'0000}).empty());
}

TEST_CASE("memory: a free place is taken once, and none is a panic") {
  test::World world;
  Map made({});
  CHECK(made.map.take_free(0x3000, Holder::PageMap) == AddressRange{0x8000'0000, 0x8000'3000});
  CHECK(made.map.take_free(4 * kMiB, Holder::PageMap) == AddressRange{0x802d'5000, 0x806d'5000});
  CHECK(memory_usage::held(Holder::PageMap) == 4 * kMiB + 0x3000);
  CHECK_THROWS_WITH(made.map.take_free(256 * kMiB, Holder::PageMap),
                    "too little memory: no 268435456 free bytes for the page map");
}

TEST_CASE("memory: a tree that reserves all there is leaves nothing") {
  test::World world;
  Map made({.blocks = {{0, ~u64{0}}}});
  CHECK(made.free().empty());
  CHECK_THROWS_AS(made.map.take_free(1, Holder::PageMap), test::Panic);
}

TEST_CASE("memory: an entry of reg that wraps around is named, and the others count") {
  test::World world;
  const LogLines log;
  Told told{.memory = {{0x8000'0000, ~u64{0}}, kRam}};
  const Map made(told);
  CHECK(text_of(made.map.memory()) == "80000000-88000000");
  CHECK(log.has("memory@2147483648: entry 0 of its reg makes no sense"));
}
