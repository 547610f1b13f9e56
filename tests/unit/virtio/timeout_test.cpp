// An interrupt that is lost, and requests that are late (bug classes V3, V14, V16).
#include <sluice/kernel/work.hpp>

#include "machine.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

constexpr u64 kTimeoutNs = blk::Disk::kDefaultTimeoutNs;

void pass(Machine& machine, u64 ns) {
  machine.world.advance_ns(ns);
  machine.world.settle();
}

}  // namespace

TEST_CASE("A lost interrupt costs 30 s and nothing else") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  Ios ios;
  Machine machine({.sectors = 8192}, variant.setup());
  machine.plug();
  machine.world.controller.disable(1, machine.world.hart);
  for (u64 i = 0; i < 5; ++i) {
    ios.push_back(std::make_unique<Io>(blk::Op::Read, i * 16, 4096));
  }
  machine.submit(ios);
  machine.device().run();
  pass(machine, kTimeoutNs - 1);
  CHECK(ios[0]->ends == 0);
  pass(machine, 1);
  CHECK(all_hold_pattern(ios));
  CHECK(machine.virtio_device()->live());
  CHECK_FALSE(machine.log.has("out of service"));
}

// V12: who ends a request submits the next one from there, with every tag in use.
TEST_CASE("A lost interrupt with all tags in use, and bios that go on as they end, costs no more") {
  // As many readers as there are tags; whoever ends reads on, with a tag that has just come back.
  struct Reader {
    Io io{blk::Op::Read, 0, 4096};
    Machine* machine = nullptr;
    u32 left = 3;
    Reader(Machine& on, u64 sector) : machine(&on) {
      io.bio.sector = blk::Sector(sector);
      io.bio.context = this;
      io.bio.end_io = [](blk::Bio& ended) {
        auto& self = *static_cast<Reader*>(ended.context);
        REQUIRE(ended.status == blk::Status::Ok);
        if (--self.left > 0) {
          self.machine->submit(self.io);
        }
      };
    }
  };
  std::vector<std::unique_ptr<Reader>> readers;
  Machine machine({.sectors = 8192}, {.queue_num_max = 64});
  machine.plug();
  const u32 depth = machine.vda()->tag_set().shape().depth;
  REQUIRE(depth == 63);
  machine.world.controller.disable(1, machine.world.hart);
  for (u32 i = 0; i < depth; ++i) {
    readers.push_back(std::make_unique<Reader>(machine, 16 * i));
    machine.submit(readers.back()->io);
  }
  machine.device().run();
  pass(machine, kTimeoutNs);
  CHECK(machine.virtio_device()->live());
  machine.world.controller.enable(1, machine.world.hart);
  wait_until([&] {
    return std::all_of(readers.begin(), readers.end(),
                       [](const auto& reader) { return reader->left == 0; });
  });
  CHECK_FALSE(machine.log.has("out of service"));
}

// V16: the report says in which queue and under which tag a request is stuck.
TEST_CASE("A queue whose hart sleeps is looked after, too") {
  Io io(blk::Op::Read, 0, 4096);
  Machine machine({.sectors = 8192, .queues = 4}, {}, {}, 4);
  machine.plug();
  machine.device().knobs.hold = true;
  machine.submit_as(3, io);
  pass(machine, kTimeoutNs - 1);
  machine.device().knobs.hold = false;
  CHECK(io.ends == 0);
  pass(machine, 1);
  machine.world.settle();
  CHECK(io.ok());
  CHECK(machine.log.has("(queue 3, tag 0)"));
}

TEST_CASE("A request that ends just in time is no reason for a reset") {
  Io io(blk::Op::Read, 0, 4096);
  Machine machine({.sectors = 8192});
  machine.plug();
  machine.device().knobs.hold = true;
  machine.submit(io);
  machine.world.settle();
  machine.world.irqs_on = false;  // the interrupt is on its way when the timer's work looks
  machine.world.now_ticks += kTimeoutNs;
  machine.device().complete(0);
  machine.world.irqs_on = true;
  machine.world.settle();
  CHECK(io.ok());
  CHECK(machine.virtio_device()->live());
}
