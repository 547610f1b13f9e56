// The file allocation table; see table.hpp.
#include <sluice/fs/fat/table.hpp>

#include <algorithm>
#include <memory>

#include <sluice/kernel/endian.hpp>
#include <sluice/kernel/log.hpp>

namespace sluice::fat {

namespace {

constexpr u32 kFat32Mask = 0x0fff'ffff;  // the upper four bits of an entry are not ours

// The highest value of an entry.
u32 mask_of(Type type) {
  switch (type) {
    case Type::Fat12:
      return 0xfff;
    case Type::Fat16:
      return 0xffff;
    case Type::Fat32:
      break;
  }
  return kFat32Mask;
}

// One entry of FAT16 or FAT32, at an address that is a multiple of its size.
template <class Entry>
u32 decode(const std::byte* at) {
  Entry entry;
  // The builtin: -ffreestanding makes a call of std::memcpy, for each of perhaps a million entries.
  __builtin_memcpy(&entry, std::assume_aligned<sizeof(Entry)>(at), sizeof(Entry));
  return entry & kFat32Mask;
}

}  // namespace

std::string_view to_string(Link::Kind kind) {
  switch (kind) {
    case Link::Kind::Free:
      return "free";
    case Link::Kind::Next:
      return "a link";
    case Link::Kind::Bad:
      return "bad";
    case Link::Kind::Reserved:
      return "reserved";
    case Link::Kind::End:
      return "an end";
    case Link::Kind::OutOfRange:
      return "out of range";
  }
  return "unknown";
}

Link interpret(const Geometry& geometry, u32 value) {
  // First: on a volume as large as its type allows, the last clusters have "reserved" numbers.
  if (geometry.is_cluster(value)) {
    return {Link::Kind::Next, value};
  }
  if (value == 0) {
    return {Link::Kind::Free, value};
  }
  const u32 highest = mask_of(geometry.type);
  if (value > highest) {
    return {Link::Kind::OutOfRange, value};
  }
  if (value >= highest - 7) {
    return {Link::Kind::End, value};
  }
  if (value == highest - 8) {
    return {Link::Kind::Bad, value};
  }
  if (value == 1 || value >= highest - 15) {
    return {Link::Kind::Reserved, value};
  }
  return {Link::Kind::OutOfRange, value};
}

Result<Link> Table::link(u32 cluster) {
  if (!geometry_->is_cluster(cluster)) {
    return Link{Link::Kind::OutOfRange, cluster};
  }
  return interpret(*geometry_, TRY(value(cluster)));
}

// The bytes of entry `index` and of those behind it that are at hand, at most `limit` entries.
template <class Entry>
Result<std::span<const std::byte>> Table::entries(u32 index, u32 limit) {
  const std::span<const std::byte> bytes =
      TRY(reader_->window(geometry_->fat_byte() + u64{index} * sizeof(Entry)));
  return bytes.first(std::min<u64>(bytes.size() / sizeof(Entry), limit) * sizeof(Entry));
}

Result<u32> Table::fat12_value(u32 index) {
  // One and a half bytes an entry: the two bytes that hold it may lie in different windows.
  const u64 at = geometry_->fat_byte() + index + index / 2;
  const u32 low = static_cast<u32>(TRY(reader_->window(at))[0]);
  const u32 high = static_cast<u32>(TRY(reader_->window(at + 1))[0]);
  const u32 both = high << 8 | low;
  return index % 2 == 0 ? both & 0xfff : both >> 4;
}

Result<u32> Table::value(u32 index) {
  if (index >= geometry_->clusters + 2) {
    return fail(Errc::Malformed);
  }
  switch (geometry_->type) {
    case Type::Fat12:
      return fat12_value(index);
    case Type::Fat16:
      return decode<le16>(TRY(entries<le16>(index, 1)).data());
    case Type::Fat32:
      break;
  }
  return decode<le32>(TRY(entries<le32>(index, 1)).data());
}

// Counts the clusters from `cluster` on of which each names the one behind it; the value of the
// last one's entry.
template <class Entry>
Result<u32> Table::follow(u32 cluster, u32 limit, u32& count) {
  u32 value = 0;
  count = 0;
  while (count < limit) {
    const std::span<const std::byte> bytes = TRY(entries<Entry>(cluster + count, limit - count));
    for (usize at = 0; at < bytes.size(); at += sizeof(Entry)) {
      value = decode<Entry>(bytes.data() + at);
      ++count;
      if (value != cluster + count) {
        return value;
      }
    }
  }
  return value;
}

Result<u32> Table::follow_fat12(u32 cluster, u32 limit, u32& count) {
  u32 value = 0;
  count = 0;
  do {
    value = TRY(fat12_value(cluster + count));
    ++count;
  } while (count < limit && value == cluster + count);
  return value;
}

Result<Run> Table::run(u32 cluster, u32 limit) {
  SLUICE_ASSERT(geometry_->is_cluster(cluster) && limit > 0);
  limit = std::min(limit, geometry_->clusters + 2 - cluster);
  Run run{.cluster = cluster, .count = 0, .link = {}};
  u32 value = 0;
  switch (geometry_->type) {
    case Type::Fat12:
      value = TRY(follow_fat12(cluster, limit, run.count));
      break;
    case Type::Fat16:
      value = TRY(follow<le16>(cluster, limit, run.count));
      break;
    case Type::Fat32:
      value = TRY(follow<le32>(cluster, limit, run.count));
      break;
  }
  run.link = interpret(*geometry_, value);
  return run;
}

template <class Entry>
Result<u32> Table::copy_values(u32 index, std::span<u32> out) {
  const std::span<const std::byte> bytes = TRY(entries<Entry>(index, static_cast<u32>(out.size())));
  const u32 count = static_cast<u32>(bytes.size() / sizeof(Entry));
  for (u32 i = 0; i < count; ++i) {
    out[i] = decode<Entry>(bytes.data() + i * sizeof(Entry));
  }
  return count;
}

Result<u32> Table::read_values(u32 index, std::span<u32> out) {
  const u32 end = geometry_->clusters + 2;
  SLUICE_ASSERT(index < end && !out.empty());
  out = out.first(std::min<usize>(out.size(), end - index));
  switch (geometry_->type) {
    case Type::Fat12:
      break;
    case Type::Fat16:
      return copy_values<le16>(index, out);
    case Type::Fat32:
      return copy_values<le32>(index, out);
  }
  for (u32& value : out) {
    value = TRY(fat12_value(index++));
  }
  return static_cast<u32>(out.size());
}

Result<u32> Table::count_free() {
  std::array<u32, kManyValues> values;
  u32 zero = 0;
  for (u32 index = 2; index < geometry_->clusters + 2;) {
    const u32 count = TRY(read_values(index, values));
    zero += static_cast<u32>(std::count(values.begin(), values.begin() + count, 0u));
    index += count;
  }
  return zero;
}

Result<ChainWalk::Step> ChainWalk::advance(u32 limit) {
  if (run_.link.kind == Link::Kind::End) {
    return Step::End;
  }
  if (run_.link.kind != Link::Kind::Next) {
    return Step::Broken;
  }
  const u32 next = run_.link.value;
  // The rest of a run that a limit cut is no place to compare: another time it may be cut
  // elsewhere.
  const bool rest_of_run = runs_ != 0 && next == run_.cluster + run_.count;
  if (!rest_of_run && runs_ != 0 && next == tortoise_) {
    return Step::Cycle;
  }
  const Run run = TRY(table_->run(next, limit));
  if (!rest_of_run) {
    if (runs_ == rest_at_) {
      tortoise_ = next;
      rest_at_ = runs_ == 0 ? 1 : runs_ * 2;
    }
    ++runs_;
  }
  index_ += run_.count;
  run_ = run;
  return Step::Run;
}

void log_broken_chain(const Table& table, std::string_view what, const ChainWalk& walk,
                      ChainWalk::Step step) {
  const std::string_view device = table.device_name();
  const Link link = walk.link();
  if (step == ChainWalk::Step::Cycle) {
    log::error("{}: {}: its chain of clusters comes back to cluster {}", device, what, link.value);
  } else if (walk.clusters() == 0) {
    log::error("{}: {}: its first cluster is {:#x}, which the volume does not have", device, what,
               link.value);
  } else {
    log::error(
        "{}: {}: its chain breaks off after {} clusters: the entry of cluster {} is {} ({:#x})",
        device, what, walk.clusters(), walk.run().cluster + walk.run().count - 1,
        to_string(link.kind), link.value);
  }
}

}  // namespace sluice::fat
