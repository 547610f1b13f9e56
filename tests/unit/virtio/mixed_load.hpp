// Reads and writes side by side, and time that passes: for tests of what happens to a disk under
// load.
#pragma once

#include "machine.hpp"

namespace sluice::test {

inline void pass(Machine& machine, u64 ns) {
  machine.world.advance_ns(ns);
  machine.world.settle();
}

// The device has them, as far as there is room, and does nothing.
inline void hold(Machine& machine, const Ios& ios) {
  machine.plug();
  machine.device().knobs.hold = true;
  machine.submit(ios);
  machine.world.settle();
}

// Reads and writes side by side; the writes carry what an untouched disk does not have there.
inline Ios mixed(u64 count) {
  Ios ios;
  for (u64 i = 0; i < count; ++i) {
    ios.push_back(
        std::make_unique<Io>(i % 2 == 0 ? blk::Op::Read : blk::Op::Write, i * 64, 4096, 1 + i % 3));
    if (i % 2 != 0) {
      std::ranges::fill(ios.back()->data, static_cast<std::byte>(0x40 + i));
    }
  }
  return ios;
}

inline void check_mixed(Machine& machine, const Ios& ios) {
  for (const auto& io : ios) {
    INFO("sector " << io->bio.sector.value() << ": " << blk::to_string(io->bio.status) << ", ends "
                   << io->ends);
    REQUIRE(io->ok());
    if (io->bio.op == blk::Op::Read) {
      CHECK(io->holds_pattern());
      continue;
    }
    for (u64 sector = 0; sector < 8; ++sector) {
      const auto on_disk = machine.disk.disk.read(io->bio.sector.value() + sector);
      CHECK(std::equal(on_disk.begin(), on_disk.end(),
                       io->data.begin() + static_cast<std::ptrdiff_t>(512 * sector)));
    }
  }
}

}  // namespace sluice::test
