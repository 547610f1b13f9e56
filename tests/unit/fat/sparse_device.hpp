// A disk over bytes of which most are zero, so that it may be as large as FAT allows.
// Used by the tests of large volumes, which make its contents with ImageBuilder.
#pragma once

#include <functional>

#include "tests/unit/fat/byte_device.hpp"
#include "tests/unit/fat/sparse_bytes.hpp"

namespace sluice::test {

class SparseDevice final : public JudgingDisk {
 public:
  using Contents = std::reference_wrapper<const SparseBytes>;  // they outlive the disk
  explicit SparseDevice(Contents contents, u32 logical_block_bytes = 512)
      : JudgingDisk(logical_block_bytes), contents_(contents) {}

 private:
  u64 size_bytes() const override { return contents_.get().size(); }
  void copy(u64 at, std::span<std::byte> to) const override { contents_.get().read(at, to); }

  Contents contents_;
};

}  // namespace sluice::test
