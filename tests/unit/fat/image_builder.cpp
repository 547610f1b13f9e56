// Builds FAT images; see image_builder.hpp.
#include "tests/unit/fat/image_builder.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace sluice::test {

Bytes pattern(usize bytes, u32 seed) {
  Bytes result(bytes);
  for (usize i = 0; i < bytes; ++i) {
    result[i] = static_cast<std::byte>((i * 7 + i / 256 * 13 + i / 65536 * 29 + seed * 101) & 0xff);
  }
  return result;
}

Bytes slice(const Bytes& bytes, u64 from, u64 count) {
  return {bytes.begin() + static_cast<std::ptrdiff_t>(from),
          bytes.begin() + static_cast<std::ptrdiff_t>(from + count)};
}

Bytes text_bytes(std::string_view text) {
  Bytes result(text.size());
  std::memcpy(result.data(), text.data(), text.size());
  return result;
}

Layout fat12(u32 clusters) {
  return {.width = Width::Fat12, .clusters = clusters};
}
Layout fat16(u32 clusters) {
  return {.width = Width::Fat16, .clusters = clusters, .root_entries = 512};
}
Layout fat32(u32 clusters) {
  return {.width = Width::Fat32, .clusters = clusters, .reserved_sectors = 32, .root_entries = 0};
}

ImageBuilder::ImageBuilder(const Layout& layout, Backing backing)
    : layout_(layout), backing_(backing) {
  const u32 bits = static_cast<u32>(layout.width);
  const u32 fat_bytes = (layout.clusters + 2) * bits / 8 + 1;
  const u32 root_sectors =
      (layout.root_entries * 32 + layout.sector_bytes - 1) / layout.sector_bytes;
  fat_sectors_ =
      (fat_bytes + layout.sector_bytes - 1) / layout.sector_bytes + layout.spare_fat_sectors;
  const u32 root_sector = layout.reserved_sectors + layout.fats * fat_sectors_;
  const u32 data_sector = root_sector + root_sectors;
  const u32 total =
      data_sector + layout.clusters * layout.sectors_per_cluster + layout.spare_sectors;
  root_at_ = usize{root_sector} * layout.sector_bytes;
  data_at_ = usize{data_sector} * layout.sector_bytes;
  if (backing == Backing::Dense) {
    bytes.resize(usize{total} * layout.sector_bytes);
  } else {
    sparse.resize(u64{total} * layout.sector_bytes);
  }
  write_boot_sector(fat_sectors_, total);
  set_entry(0, end_mark() - 7);
  set_entry(1, end_mark());
  if (layout.width == Width::Fat32) {
    root.chain = {2};
    chain(root.chain);
  } else {
    root.fixed_root = true;
  }
}

void ImageBuilder::write_boot_sector(u32 fat_sectors, u32 total_sectors) {
  const bool large = layout_.width == Width::Fat32;
  put8(0, 0xeb);
  put8(1, 0x3c);
  put8(2, 0x90);
  put_text(3, "BUILDER ");
  put16(11, layout_.sector_bytes);
  put8(13, layout_.sectors_per_cluster);
  put16(14, layout_.reserved_sectors);
  put8(16, layout_.fats);
  put16(17, layout_.root_entries);
  put16(19, !large && total_sectors < 0x10000 ? total_sectors : 0);
  put8(21, 0xf8);
  put16(22, large ? 0 : fat_sectors);
  put32(32, !large && total_sectors < 0x10000 ? 0 : total_sectors);
  if (large) {
    put32(36, fat_sectors);
    put32(44, 2);
    put16(48, 1);
    const usize info = layout_.sector_bytes;
    put32(info, 0x41615252);
    put32(info + 484, 0x61417272);
    put32(info + 488, 0xffffffff);
    put32(info + 492, 0xffffffff);
    put32(info + 508, 0xaa550000);
  }
  const usize extended = large ? 64 : 36;
  put8(extended, 0x80);
  put8(extended + 2, 0x29);
  put32(extended + 3, 0x2826f9b3);
  put_text(extended + 7, "NO NAME    ");
  put_text(extended + 18, "FAT     ");
  put16(510, 0xaa55);
}

void ImageBuilder::put(usize at, std::span<const std::byte> from) {
  if (backing_ == Backing::Sparse) {
    sparse.write(at, from);
  } else if (!from.empty()) {
    (void)bytes.at(at + from.size() - 1);  // throws
    std::memcpy(&bytes[at], from.data(), from.size());
  }
}
u32 ImageBuilder::get8(usize at) const {
  return static_cast<u32>(backing_ == Backing::Sparse ? sparse.at(at) : bytes.at(at));
}

void ImageBuilder::put_text(usize at, std::string_view text) {
  put(at, std::as_bytes(std::span(text)));
}
void ImageBuilder::put8(usize at, u32 value) {
  const auto byte = static_cast<std::byte>(value);
  put(at, {&byte, 1});
}
void ImageBuilder::put16(usize at, u32 value) {
  put8(at, value & 0xff);
  put8(at + 1, value >> 8 & 0xff);
}
void ImageBuilder::put32(usize at, u32 value) {
  put16(at, value & 0xffff);
  put16(at + 2, value >> 16);
}

usize ImageBuilder::fat_at(u32 copy) const {
  return usize{layout_.reserved_sectors + copy * fat_sectors_} * layout_.sector_bytes;
}

void ImageBuilder::set_entry(u32 cluster, u32 value) {
  for (u32 copy = 0; copy < layout_.fats; ++copy) {
    set_entry_of_copy(copy, cluster, value);
  }
}

void ImageBuilder::set_entry_of_copy(u32 copy, u32 cluster, u32 value) {
  const usize fat = fat_at(copy);
  if (layout_.width == Width::Fat32) {
    put32(fat + usize{cluster} * 4, value);
  } else if (layout_.width == Width::Fat16) {
    put16(fat + usize{cluster} * 2, value);
  } else {
    const usize at = fat + cluster * 3 / 2;
    const u32 first = get8(at);
    const u32 second = get8(at + 1);
    if (cluster % 2 == 0) {
      put8(at, value & 0xff);
      put8(at + 1, (second & 0xf0) | (value >> 8 & 0x0f));
    } else {
      put8(at, (first & 0x0f) | (value << 4 & 0xf0));
      put8(at + 1, value >> 4 & 0xff);
    }
  }
}

u32 ImageBuilder::entry(u32 cluster) const {
  const usize fat = fat_at();
  if (layout_.width == Width::Fat32) {
    const usize at = fat + usize{cluster} * 4;
    return get8(at) | get8(at + 1) << 8 | get8(at + 2) << 16 | get8(at + 3) << 24;
  }
  if (layout_.width == Width::Fat16) {
    const usize at = fat + usize{cluster} * 2;
    return get8(at) | get8(at + 1) << 8;
  }
  const usize at = fat + cluster * 3 / 2;
  const u32 both = get8(at) | get8(at + 1) << 8;
  return cluster % 2 == 0 ? both & 0xfff : both >> 4;
}

u32 ImageBuilder::end_mark() const {
  return layout_.width == Width::Fat32   ? 0x0fffffff
         : layout_.width == Width::Fat16 ? 0xffff
                                         : 0xfff;
}

void ImageBuilder::chain(std::span<const u32> clusters) {
  for (usize i = 0; i < clusters.size(); ++i) {
    set_entry(clusters[i], i + 1 < clusters.size() ? clusters[i + 1] : end_mark());
  }
}

std::vector<u32> ImageBuilder::take_free(usize count) {
  std::vector<u32> taken;
  for (u32 cluster = 2; taken.size() < count; ++cluster) {
    if (cluster >= layout_.clusters + 2) {
      throw std::runtime_error("the image is full");
    }
    if (entry(cluster) == 0) {
      taken.push_back(cluster);
    }
  }
  return taken;
}

usize ImageBuilder::cluster_at(u32 cluster) const {
  return data_at_ + usize{cluster - 2} * cluster_bytes();
}

usize ImageBuilder::entry_at(const Dir& dir, usize index) const {
  if (dir.fixed_root) {
    return root_at_ + index * 32;
  }
  const usize in_cluster = cluster_bytes() / 32;
  return cluster_at(dir.chain.at(index / in_cluster)) + index % in_cluster * 32;
}

usize ImageBuilder::add_raw(Dir& dir, const std::array<u8, 32>& raw) {
  if (!dir.fixed_root && dir.used == dir.chain.size() * (cluster_bytes() / 32)) {
    dir.chain.push_back(take_free(1)[0]);
    chain(dir.chain);
  }
  const usize at = entry_at(dir, dir.used++);
  put(at, std::as_bytes(std::span(raw)));
  return at;
}

usize ImageBuilder::add_short(Dir& dir, std::string_view name, u8 attributes, u32 first_cluster,
                              u32 size, u8 nt_flags) {
  std::array<u8, 32> raw{};
  std::memcpy(raw.data(), name.data(), 11);
  raw[11] = attributes;
  raw[12] = nt_flags;
  const usize at = add_raw(dir, raw);
  put16(at + 14, 0x6c20);  // created 13:33:00
  put16(at + 16, 0x5a21);  // 2025-01-01
  put16(at + 18, 0x5a22);
  put16(at + 20, first_cluster >> 16);
  put16(at + 22, 0x8c61);  // written 17:35:02
  put16(at + 24, 0x5a23);
  put16(at + 26, first_cluster & 0xffff);
  put32(at + 28, size);
  return at;
}

u8 checksum_of(std::string_view short_name) {
  u8 sum = 0;
  for (const char c : short_name) {
    sum = static_cast<u8>((sum >> 1 | sum << 7) + static_cast<u8>(c));
  }
  return sum;
}

void ImageBuilder::add_slots(Dir& dir, std::u16string_view long_name, std::string_view short_name,
                             int checksum, u16 padding) {
  constexpr std::array<usize, 13> kPlaces{1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
  const usize slots = (long_name.size() + 12) / 13;
  for (usize slot = slots; slot > 0; --slot) {
    std::array<u8, 32> raw{};
    raw[0] = static_cast<u8>(slot | (slot == slots ? 0x40 : 0));
    raw[11] = 0x0f;
    raw[13] = checksum < 0 ? checksum_of(short_name) : static_cast<u8>(checksum);
    for (usize i = 0; i < 13; ++i) {
      const usize place = (slot - 1) * 13 + i;
      const u16 unit = place < long_name.size()    ? static_cast<u16>(long_name[place])
                       : place == long_name.size() ? u16{0}
                                                   : padding;
      raw[kPlaces[i]] = static_cast<u8>(unit);
      raw[kPlaces[i] + 1] = static_cast<u8>(unit >> 8);
    }
    add_raw(dir, raw);
  }
}

std::vector<u32> ImageBuilder::store(const Bytes& contents, std::vector<u32> clusters) {
  const usize needed = (contents.size() + cluster_bytes() - 1) / cluster_bytes();
  if (clusters.empty()) {
    clusters = take_free(needed);
  }
  for (usize i = 0; i < needed; ++i) {
    const usize from = i * cluster_bytes();
    const usize count = std::min<usize>(cluster_bytes(), contents.size() - from);
    put(cluster_at(clusters.at(i)), std::span(contents).subspan(from, count));
  }
  chain(clusters);
  return clusters;
}

void ImageBuilder::add_file(Dir& dir, std::string_view short_name, const Bytes& contents,
                            std::vector<u32> clusters) {
  clusters = store(contents, std::move(clusters));
  add_short(dir, short_name, 0x20, clusters.empty() ? 0 : clusters[0],
            static_cast<u32>(contents.size()));
}

void ImageBuilder::add_long_file(Dir& dir, std::u16string_view long_name,
                                 std::string_view short_name, const Bytes& contents) {
  add_slots(dir, long_name, short_name);
  add_file(dir, short_name, contents);
}

Dir ImageBuilder::add_dir(Dir& parent, std::string_view short_name, std::vector<u32> clusters) {
  Dir dir;
  dir.chain = clusters.empty() ? take_free(1) : std::move(clusters);
  chain(dir.chain);
  add_short(parent, short_name, 0x10, dir.chain[0], 0);
  add_short(dir, ".          ", 0x10, dir.chain[0], 0);
  add_short(dir, "..         ", 0x10, parent.fixed_root ? 0 : parent.chain[0], 0);
  return dir;
}

}  // namespace sluice::test
