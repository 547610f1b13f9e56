// A program that takes all memory below 4 GiB, starts the first disk anew, and copies its first
// 64 KiB through buffers above to its standard output and behind themselves on the disk. Used by
// the tests of QEMU. Status 0: it went well; 1: it did not, and what did not is said.
#include <array>
#include <cstring>
#include <string_view>

#include <sluice/drivers/base/bus.hpp>
#include <sluice/drivers/block/disk_list.hpp>
#include <sluice/kernel/console.hpp>
#include <sluice/kernel/memory.hpp>
#include <sluice/kernel/memory_usage.hpp>

using namespace sluice;

namespace {

constexpr u64 kFourGiB = u64{1} << 32;
constexpr usize kLargestPages = usize{1} << 18;  // 1 GiB
constexpr usize kBytes = 64 * 1024;

struct Block {
  Block* next;
  usize pages;
};

struct Blocks {
  Block* first = nullptr;
  u64 bytes = 0;
  void push(std::byte* pages, usize count) {
    first = new (pages) Block{first, count};
    bytes += count * kPageBytes;
  }
};

bool expect(bool good, std::string_view what) {
  if (!good) {
    print_error("memory_test: {}\n", what);
  }
  return good;
}

bool is_high(const std::byte* memory) {
  return reinterpret_cast<u64>(memory) >= kFourGiB;
}

// Large blocks first, so that few pages of the host's are touched. What lies below stays taken.
bool take_low_memory() {
  const u64 free_bytes = memory_usage::totals().free_bytes;
  Blocks low;
  Blocks high;
  for (usize count = kLargestPages; count > 0; count /= 2) {
    while (std::byte* const pages = port::allocate_pages(count)) {
      (is_high(pages) ? high : low).push(pages, count);
    }
  }
  if (!expect(low.bytes + high.bytes == free_bytes && memory_usage::totals().free_bytes == 0,
              "not all that is free can be taken") ||
      !expect(high.bytes > 0, "there is no memory above 4 GiB")) {
    return false;
  }
  while (high.first != nullptr) {
    Block* const block = high.first;
    high.first = block->next;
    port::free_pages(reinterpret_cast<std::byte*>(block), block->pages);
  }
  return true;
}

}  // namespace

int main(int, char**) {
  // Its rings are allocated anew.
  dev::Bus* const bus = dev::find_bus("virtio");
  dev::Device* const device = bus == nullptr ? nullptr : bus->find_device("virtio0");
  if (!expect(device != nullptr && bus->unbind(*device), "there is no disk to stop") ||
      !take_low_memory() || !expect(bus->bind(*device).has_value(), "it does not start again")) {
    return 1;
  }
  const Pages data = allocate_pages(pages_for(kBytes));
  const Pages copy = allocate_pages(pages_for(kBytes));
  if (!expect(data != nullptr && is_high(data.get()) && copy != nullptr && is_high(copy.get()),
              "a buffer does not lie above 4 GiB")) {
    return 1;
  }
  const std::span<std::byte> bytes(data.get(), kBytes);
  const std::span<std::byte> copied(copy.get(), kBytes);
  blk::OpenDevice disk;
  constexpr blk::Sector kBehind(kBytes / 512);
  if (!expect(disk.open("vda").has_value(), "there is no vda") ||
      !expect(blk::read(disk, blk::Sector(0), bytes) == blk::Status::Ok, "vda cannot be read") ||
      !expect(blk::write(disk, kBehind, bytes) == blk::Status::Ok, "vda cannot be written") ||
      !expect(blk::read(disk, kBehind, copied) == blk::Status::Ok, "what was written is gone") ||
      !expect(std::memcmp(data.get(), copy.get(), kBytes) == 0, "something else was written")) {
    return 1;
  }
  console::write(console::Stream::Output, {reinterpret_cast<const char*>(data.get()), kBytes});
  return 0;
}
