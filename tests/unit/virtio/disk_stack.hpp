// The disk driver in front of one virtio-mmio slot, and who uses the disk: the base of what tests
// of drivers/virtio call a Machine.
#pragma once

#include <string>
#include <utility>

#include <sluice/drivers/block/disk.hpp>
#include <sluice/drivers/virtio/block.hpp>
#include <sluice/kernel/command_line.hpp>
#include <sluice/kernel/work.hpp>

#include "driver_stack.hpp"
#include "ios.hpp"
#include "tests/catch.hpp"

namespace sluice::test {

struct DiskStack : DriverStack<virtio::BlockDriver> {
  DiskStack(const Slot& slot, std::string command_line)
      : DriverStack(slot), words("partitions=0 " + std::move(command_line)) {
    command_line::set(words);
  }
  ~DiskStack() noexcept(false) { command_line::set({}); }

  void plug() { REQUIRE(DriverStack::plug().has_value()); }

  blk::Disk* vda() { return blk::find("vda"); }

  void submit(Io& io) { vda()->submit(io.bio); }
  // As the task of that hart.
  void submit_as(u32 hart, Io& io) {
    World::current().run_as(hart, [&] { submit(io); });
  }
  void submit(const Ios& ios) {
    List<blk::Bio> bios;
    for (const auto& io : ios) {
      bios.push_back(io->bio);
    }
    vda()->submit(bios);
  }
  // Submits and waits as a task would.
  blk::Status run(Io& io) {
    submit(io);
    wait_until([&] { return io.done(); });
    return io.bio.status;
  }
  void wait(const Ios& ios) {
    for (const auto& io : ios) {
      wait_until([&] { return io->done(); });
    }
  }

  std::string words;
};

}  // namespace sluice::test
