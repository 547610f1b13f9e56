#include <sluice/drivers/block/block_device.hpp>
#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/console.hpp>

int main(int argc, char** argv) {
  for (int i = 0; i < argc; ++i) {
    sluice::print("argument {}: {}\n", i, argv[i]);
  }
  sluice::blk::OpenDevice disk;
  if (!disk.open("ram0")) {
    return 1;
  }
  alignas(8) std::byte sector[512];
  const sluice::blk::Status status = sluice::blk::read(disk, {}, sector);
  sluice::print("ram0: {} sectors, first read: {}, {} ns after start\n", disk.sectors(),
                to_string(status), sluice::clock::now_ns());
  return 40 + argc;
}
