// Verifier: what is written into the blocks of a job so that it can be checked later, and the check
// (fio: --verify=crc32c). Used by the engine on a device, each job with one of its own, on its
// hart.
//
// A block begins with a header: a magic number, the crc32c of all that follows, where the block
// belongs, how often it has been written in this run, and who wrote it. The rest is a function of
// these, so that a block of which only a part is new is found out. What is remembered is one word
// per block.
#pragma once

#include <optional>
#include <span>

#include "bench.hpp"

#include <sluice/kernel/memory.hpp>

namespace sluice::app::bench {

class Verifier {
 public:
  Verifier(const Plan& plan, u64 writer) : plan_(plan), writer_(writer) {}

  // For a job that writes: makes the record. NoMemory. Task.
  Result<void> remember();
  static u64 record_bytes(const Plan& plan) { return plan.blocks * sizeof(u32); }

  // An I/O on a block begins, and ends. Two at the same time could not be told apart: false, there
  // is one already.
  bool take(u64 block);
  void give_back(u64 block) {
    if (record_ != nullptr) {
      word(block) &= ~kTaken;
    }
  }

  // Makes what is to be written next into a block; and it was.
  void fill(u64 block, std::span<std::byte> memory) const;
  void written(u64 block) { ++word(block); }

  // Is there anything to hold against what is read? Where nothing is remembered, an earlier run may
  // have written it.
  bool knows(u64 block) const { return record_ == nullptr || generation(block) > 0; }
  // Nothing, where the block is as it was written.
  std::optional<Mismatch> check(u64 block, std::span<const std::byte> memory) const;

  // For reading back: the next block from `block` on that was written; plan.blocks: there is none.
  u64 next_written(u64 block) const;

 private:
  static constexpr u32 kTaken = u32{1} << 31;  // of a word; below it how often it was written

  u32& word(u64 block) const { return reinterpret_cast<u32*>(record_.get())[block]; }
  u32 generation(u64 block) const { return word(block) & ~kTaken; }
  u64 byte_of(u64 block) const { return plan_.first_byte + block * plan_.block_bytes; }

  const Plan& plan_;
  u64 writer_;
  Pages record_;
};

}  // namespace sluice::app::bench
