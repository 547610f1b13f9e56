#include <atomic>
#include <iostream>

#include <referee/block_device.hpp>
#include <referee/mmio_device.hpp>

#include "driver.hpp"

// The driver's machine: registers that the referee answers, and memory that it may use.
struct Machine {
  referee::MmioDevice& device;
  std::byte* ram;
  std::uint64_t bus;
  std::uint32_t get(std::uint32_t reg) { return device.read(reg, 4); }
  void put(std::uint32_t reg, std::uint32_t value) { device.write(reg, 4, value); }
  void order() { std::atomic_thread_fence(std::memory_order_seq_cst); }
  void wait() { device.run(); }  // the device works until nothing is left
};

int main(int argc, char**) try {
  referee::MemoryBlock memory(0x8000'0000, 4096);  // a bus address is no pointer
  referee::BlockDevice disk({.sectors = 64});
  referee::MmioDevice device(disk, memory, {.version = 2, .queue_num_max = 16});
  disk.disk.fill = [](std::uint64_t, std::uint32_t) { return std::byte{0x5a}; };

  Machine machine{device, memory.data(), memory.bus()};
  const std::uint32_t wanted = argc > 1 ? 0 : 1;  // with a word behind it: without VERSION_1
  const bool read = read_first_sector(machine, wanted) && memory.data()[0x400] == std::byte{0x5a};
  device.check_end();  // what is left behind
  std::cout << (read ? "read, and no rule broken\n" : "not read\n");
  return read ? 0 : 1;
} catch (const referee::Violation& violation) {
  std::cout << violation.what() << "\n";
  return 1;
}
