// Filling blocks and checking them.
#include "bench_verify.hpp"

#include <cstring>

#include <sluice/kernel/crc.hpp>
#include <sluice/kernel/endian.hpp>

namespace sluice::app::bench {
namespace {

constexpr u32 kMagic = 0x4369'756c;  // "luiC"

struct Header {
  le32 magic;
  le32 crc;  // of all that follows
  le64 byte;
  le64 generation;
  le64 writer;
};
static_assert(sizeof(Header) == 32);
constexpr usize kCrcStart = offsetof(Header, byte);

u32 crc_of(std::span<const std::byte> block) {
  return crc32c(block.subspan(kCrcStart));
}

}  // namespace

Result<void> Verifier::remember() {
  record_ = allocate_pages(pages_for(record_bytes(plan_)));
  if (record_ == nullptr) {
    return fail(Errc::NoMemory);
  }
  std::memset(record_.get(), 0, record_bytes(plan_));
  return {};
}

bool Verifier::take(u64 block) {
  if (record_ == nullptr) {
    return true;
  }
  const bool free = (word(block) & kTaken) == 0;
  word(block) |= kTaken;
  return free;
}

void Verifier::fill(u64 block, std::span<std::byte> memory) const {
  Header header;
  header.magic = kMagic;
  header.byte = byte_of(block);
  header.generation = u64{generation(block)} + 1;
  header.writer = writer_;
  XorShift filler(header.byte * 3 + header.generation * 5 + writer_);
  for (usize at = sizeof(Header); at < memory.size(); at += sizeof(u64)) {
    const u64 next = filler.next();
    std::memcpy(memory.data() + at, &next, sizeof(next));
  }
  std::memcpy(memory.data(), &header, sizeof(header));
  header.crc = crc_of(memory);
  std::memcpy(memory.data(), &header, sizeof(header));
}

std::optional<Mismatch> Verifier::check(u64 block, std::span<const std::byte> memory) const {
  Header header;
  std::memcpy(&header, memory.data(), sizeof(header));
  if (header.magic != kMagic) {
    return Mismatch{"magic number", kMagic, header.magic};
  }
  if (const u32 crc = crc_of(memory); header.crc != crc) {
    return Mismatch{"crc32c", header.crc, crc};
  }
  if (header.byte != byte_of(block)) {
    return Mismatch{"place", byte_of(block), header.byte};
  }
  if (record_ == nullptr) {
    return std::nullopt;
  }
  if (header.writer != writer_) {
    return Mismatch{"writer", writer_, header.writer};
  }
  if (header.generation != generation(block)) {
    return Mismatch{"generation", generation(block), header.generation};
  }
  return std::nullopt;
}

u64 Verifier::next_written(u64 block) const {
  while (block < plan_.blocks && generation(block) == 0) {
    ++block;
  }
  return block;
}

}  // namespace sluice::app::bench
