// Fuzzes FAT directories: whatever their bytes are, the entries that come out have names that can
// be in a path, and a search by name gives the first entry that has it.
//
// Input: a byte for the directory's shape, one for the entry to search for, one that says how long
// another name to search for is, this name; the rest is the directory's bytes, 32 an entry.
#include <algorithm>
#include <array>
#include <ranges>
#include <string>
#include <vector>

#include <sluice/fs/fat/volume.hpp>

#include "fat_rules.hpp"
#include "input.hpp"
#include "require.hpp"
#include "tests/unit/fat/byte_device.hpp"
#include "tests/unit/fat/image_builder.hpp"

namespace sluice::fuzz {
namespace {

constexpr usize kMostEntries = 256;
constexpr usize kAttributesAt = 11, kSlotTypeAt = 12, kSlotChecksumAt = 13;
constexpr u8 kSlotAttributes = 0x0f;

using Raw = std::array<u8, 32>;

// What the input's first byte says.
struct Shape {
  explicit Shape(u8 byte)
      : fat32((byte & 1) != 0),
        in_root((byte & 2) != 0),
        descending((byte & 4) != 0),
        broken((byte & 8) != 0),
        honest_slots((byte & 16) != 0),
        block_bytes((byte & 32) != 0 ? 4096 : 512),
        sectors_per_cluster((byte & 64) != 0 ? 4 : 1) {}

  bool fixed_root() const { return in_root && !fat32; }

  bool fat32;
  bool in_root;       // else a directory that an entry names
  bool descending;    // its clusters follow each other from the highest to the lowest
  bool broken;        // its chain leads to a free cluster in the end
  bool honest_slots;  // all slots belong to the short name behind them
  u32 block_bytes;
  u32 sectors_per_cluster;
};

void belong_to_short_names(std::vector<Raw>& entries) {
  u8 checksum = 0;
  for (Raw& raw : std::views::reverse(entries)) {
    if ((raw[kAttributesAt] & 0x3f) == kSlotAttributes) {
      raw[kSlotTypeAt] = 0;
      raw[kSlotChecksumAt] = checksum;
    } else {
      checksum = test::checksum_of({reinterpret_cast<const char*>(raw.data()), 11});
    }
  }
}

std::vector<Raw> raw_entries(Input& input) {
  std::vector<Raw> entries;
  while (!input.empty() && entries.size() < kMostEntries) {
    for (u8& byte : entries.emplace_back()) {
      byte = input.take<u8>();
    }
  }
  return entries;
}

// A volume that holds nothing but the directory. `first_cluster`: where that begins.
test::Bytes make_image(const Shape& shape, const std::vector<Raw>& entries, u32& first_cluster) {
  const u32 per_cluster = shape.sectors_per_cluster * 512 / 32;
  const u32 clusters = static_cast<u32>(entries.size()) / per_cluster + 1;
  test::ImageBuilder image({.width = shape.fat32 ? test::Width::Fat32 : test::Width::Fat12,
                            .clusters = clusters + 1,
                            .sectors_per_cluster = shape.sectors_per_cluster,
                            .reserved_sectors = 2,
                            .fats = 1,
                            .root_entries = shape.fat32 ? 0 : u32{kMostEntries}});
  test::Dir dir = image.root;
  if (!shape.fixed_root()) {
    // From cluster 2 on, where FAT32's root begins.
    dir = {.fixed_root = false, .chain = {}, .used = 0};
    for (u32 i = 0; i < clusters; ++i) {
      dir.chain.push_back(shape.descending ? 1 + clusters - i : 2 + i);
    }
    image.chain(dir.chain);
    if (shape.broken) {
      image.set_entry(dir.chain.back(), 0);
    }
    first_cluster = dir.chain[0];
    if (shape.fat32 && shape.in_root) {
      image.put32(44, first_cluster);
    }
  }
  for (const Raw& raw : entries) {
    image.add_raw(dir, raw);
  }
  image.bytes.resize(align_up(image.bytes.size(), usize{shape.block_bytes}));
  return std::move(image.bytes);
}

class Listing {
 public:
  Listing(const Shape& shape, fat::Volume& volume, u32 first_cluster)
      : shape_(shape), volume_(volume), directory_(volume.root()) {
    if (!shape.in_root) {
      directory_.is_root = false;
      directory_.first_cluster = first_cluster;
    }
    list();
  }

  const std::vector<fat::Entry>& entries() const { return entries_; }

  // A search gives what the list says.
  void require_found(std::string_view name) {
    const fat::Entry* const first = first_of_name(entries_, name);
    fat::Directory directory = open();
    fat::Entry entry;
    const Result<bool> found = directory.find(name, entry);
    if (!found) {
      require(shape_.broken && first == nullptr, "a search fails");
      return;
    }
    require(*found == (first != nullptr), "a search finds what is not there, or the reverse");
    require(first == nullptr || same(entry, *first), "a search finds another entry");
  }

  void require_label() {
    fat::Directory directory = open();
    const Result<std::optional<fat::Label>> label = directory.find_label();
    require(label || shape_.broken, "the search for a label fails");
    if (label && *label) {
      require_text((*label)->view(), 33);
    }
  }

 private:
  fat::Directory open() {
    Result<fat::Directory> directory = volume_.open_directory(directory_);
    require(directory.has_value(), "a directory does not open");
    return std::move(*directory);
  }

  void list() {
    fat::Directory directory = open();
    fat::Entry entry;
    Result<bool> more = directory.next(entry);
    for (; more && *more; more = directory.next(entry)) {
      require_entry(entry);
      entries_.push_back(entry);
      require(entries_.size() <= kMostEntries, "there are more entries than there is room for");
    }
    require(more || shape_.broken, "a directory cannot be read");
    more = directory.next(entry);
    require(more && !*more, "there is an entry behind the end");
  }

  const Shape& shape_;
  fat::Volume& volume_;
  fat::Entry directory_;
  std::vector<fat::Entry> entries_;
};

void run(Input input) {
  const Shape shape(input.take<u8>());
  const usize pick = input.take<u8>();
  std::string wanted;
  for (Input name = input.split(input.take<u8>() % 32); !name.empty();) {
    wanted.push_back(static_cast<char>(name.take<u8>()));
  }
  std::vector<Raw> entries = raw_entries(input);
  if (shape.honest_slots) {
    belong_to_short_names(entries);
  }
  u32 first_cluster = 0;
  test::ByteDevice device(make_image(shape, entries, first_cluster), shape.block_bytes);
  const fat::Volume::MountResult volume = fat::Volume::mount(device);
  require(volume.has_value(), "a good volume does not mount");
  Listing listing(shape, **volume, first_cluster);
  if (!listing.entries().empty()) {
    const fat::Entry& entry = listing.entries()[pick % listing.entries().size()];
    listing.require_found(entry.name);
    listing.require_found(entry.short_name);
    require_date(entry.created);
    require_date(entry.accessed);
    require_date(entry.modified);
  }
  listing.require_found(wanted);
  listing.require_label();
  require(device.senseless == 0, "a read makes no sense");
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  sluice::fuzz::run(sluice::fuzz::Input({data, bytes}));
  return 0;
}
