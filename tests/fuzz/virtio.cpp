// Fuzzes the virtio disk driver, from the registers to the request layer, by the device in front of
// it: whatever that does, no rule of C++ is broken, no assertion fails, each bio ends once, and all
// memory comes back.
//
// Input: a byte for the harness, the device's kind (virtio_device.cpp), a byte that says how many
// bytes of the user's deeds follow, these; the rest is the device's script. An input of zeroes is
// an honest device that a user plugs and unplugs.
#include <cstdlib>

#include <sluice/drivers/block/disk.hpp>
#include <sluice/drivers/virtio/block.hpp>
#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/command_line.hpp>
#include <sluice/kernel/work.hpp>

#include "require.hpp"
#include "tests/unit/virtio/driver_stack.hpp"
#include "tests/unit/virtio/ios.hpp"
#include "virtio_device.hpp"

namespace sluice::fuzz {
namespace {

using test::Io;
using test::Ios;

constexpr u32 kMostDeeds = 48;
constexpr PhysAddr kBase{0x1000'1000};

// The log tells of a device that did not reset, and may keep what it was lent, for ever: the bios
// ended meanwhile, so that nobody takes it back after a later reset.
bool deaf = false;

const char* command_line_for(u8 byte) {
  constexpr std::array kLines{"partitions=0", "partitions=1", "virtio_blk.poll_queues=1",
                              "virtio_blk.queue_size=4 partitions=0"};
  return kLines[byte % kLines.size()];
}

// The drivers, and somebody who uses them.
class User : private test::DriverStack<virtio::BlockDriver> {
 public:
  User() : DriverStack({kBase, VirtioDevice::kRegisterBytes, VirtioDevice::kIrqSource}) {}

  using DriverStack::plug;
  using DriverStack::unplug;
  void act(Input& deeds, Ios& ios);

 private:
  void submit(Ios& ios, blk::Op op, Input& deeds);
  bool bound() {
    return virtio_device() != nullptr && virtio_device()->state() == dev::State::Bound &&
           !virtio_device()->suspended();
  }
};

void User::submit(Ios& ios, blk::Op op, Input& deeds) {
  blk::Disk* const disk = blk::find("vda");
  const u8 place = deeds.take<u8>();
  const u8 size = deeds.take<u8>();
  if (disk == nullptr) {
    return;
  }
  const bool data = blk::carries_data(op);
  ios.push_back(std::make_unique<Io>(op, 8u * place, data ? 512u * (1 + size % 32) : 0,
                                     data ? 1 + size / 32u : 0));
  ios.back()->bio.range_bytes = data || op == blk::Op::Flush ? 0 : 512u * (1 + 16u * size);
  disk->submit(ios.back()->bio);
}

void User::act(Input& deeds, Ios& ios) {
  test::World& world = test::World::current();
  const u8 what = deeds.take<u8>() % 16;
  switch (what) {
    case 0:
      if (virtio_device() == nullptr ||
          !virtio_device()->suspended()) {  // else they wait for it to wake
        wait_until([&] { return std::ranges::all_of(ios, [](auto& io) { return io->done(); }); });
      }
      break;
    case 7:
      world.settle();
      break;
    case 8:
      world.advance_ns(u64{1} << deeds.take<u8>() % 40);
      break;
    case 9:
      if (bound()) {
        (void)virtio::BlockDriver::read_id(*virtio_device());
      }
      break;
    case 10:
      if (bound()) {
        (void)virtio::BlockDriver::read_lifetime(*virtio_device());
      }
      break;
    case 11:
      if (virtio_device() != nullptr) {
        (void)(virtio_device()->suspended() ? bus.resume(*virtio_device())
                                            : bus.suspend(*virtio_device()));
      }
      break;
    case 12:
      if (bound()) {
        (void)bus.unbind(*virtio_device());
      } else if (virtio_device() != nullptr && !virtio_device()->suspended()) {
        (void)bus.bind(*virtio_device());
      }
      break;
    case 13:
      if (bound()) {
        (void)virtio::BlockDriver::set_write_cache(*virtio_device(), deeds.take<u8>() % 2 != 0);
      }
      break;
    case 14:
      unplug();
      (void)plug();
      break;
    default:
      submit(ios, static_cast<blk::Op>(what % blk::kOps), deeds);
      break;
  }
}

void run(Input input) {
  const u8 setting = input.take<u8>();
  Ios ios;
  test::World world(1 + setting % 3);
  Input shape = input.split(83);
  Input deeds = input.split(input.take<u8>());
  VirtioDevice device(world, shape, input);
  world.add_registers(kBase, device);
  world.steps.emplace_back([&] { return device.step(); });
  command_line::set(command_line_for(static_cast<u8>(setting / 3)));
  User user;
  (void)user.plug();
  for (u32 deed = 0; deed < kMostDeeds && !deeds.empty(); ++deed) {
    user.act(deeds, ios);
  }
  if (setting % 2 == 0) {
    device.tame();
  }
  user.unplug();
  world.settle();
  device.tame();
  for (const auto& io : ios) {
    require(io->ends == 1, "a bio did not end once");
  }
  require(world.arena.live() == 0 || deaf, "memory is left over, and nobody said why");
  world.arena.forget();
  command_line::set({});
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  using namespace sluice;
  fuzz::deaf = false;
  log::set_level(log::Level::Debug);
  log::set_show([](const log::Line& line) {
    for (const std::string_view sign : {"not reset after", "its reset does not end"}) {
      fuzz::deaf |= line.text.find(sign) != std::string_view::npos;
    }
    if (std::getenv("SLUICE_FUZZ_LOG") != nullptr) {
      std::fprintf(stderr, "%.*s\n", static_cast<int>(line.text.size()), line.text.data());
    }
  });
  fuzz::run(fuzz::Input({data, bytes}));
  log::set_show(nullptr);
  return 0;
}
