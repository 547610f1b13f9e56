// Reads the first sector of a virtio-blk disk, with registers and one ring by hand.
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <utility>

constexpr std::uint32_t kMagic = 0x00, kVersion = 0x04, kDevice = 0x08, kFeatures = 0x10,
                        kFeaturesSel = 0x14, kAccept = 0x20, kAcceptSel = 0x24, kQueueSel = 0x30,
                        kQueueMax = 0x34, kQueueNum = 0x38, kQueueReady = 0x44, kNotify = 0x50,
                        kIrq = 0x60, kIrqAck = 0x64, kStatus = 0x70, kQueueDesc = 0x80,
                        kQueueDriver = 0x90, kQueueDevice = 0xa0;
struct Descriptor {
  std::uint64_t addr;
  std::uint32_t len;
  std::uint16_t flags, next;
};

// A machine gets and puts a register, orders memory accesses, waits for the interrupt, and has a
// page of zeroes: `ram` for the driver, at `bus` for the device.
template <class Machine>
bool read_first_sector(Machine& m, std::uint32_t wanted_high = 1) {
  const auto put = [&m](std::initializer_list<std::pair<std::uint32_t, std::uint64_t>> writes) {
    for (const auto& [reg, value] : writes) {
      m.put(reg, static_cast<std::uint32_t>(value));
    }
  };
  if (m.get(kMagic) != 0x74726976 || m.get(kVersion) != 2 || m.get(kDevice) != 2) {
    return false;
  }
  put({{kStatus, 0}});
  while (m.get(kStatus) != 0) {  // until the reset is complete
  }
  put({{kStatus, 1}, {kStatus, 1 | 2}, {kFeaturesSel, 1}});  // ACKNOWLEDGE, DRIVER
  put({{kAcceptSel, 1}, {kAccept, m.get(kFeatures) & wanted_high}, {kStatus, 1 | 2 | 8}});
  put({{kQueueSel, 0}});
  if ((m.get(kStatus) & 8) == 0 || m.get(kQueueReady) != 0 || m.get(kQueueMax) < 4) {
    put({{kStatus, m.get(kStatus) | 128}});  // FEATURES_OK does not hold, or no queue: FAILED
    return false;
  }
  put({{kQueueNum, 4}, {kQueueDesc, m.bus}, {kQueueDesc + 4, m.bus >> 32}});
  put({{kQueueDriver, m.bus + 0x100}, {kQueueDriver + 4, m.bus >> 32}});
  put({{kQueueDevice, m.bus + 0x200}, {kQueueDevice + 4, m.bus >> 32}});
  put({{kQueueReady, 1}, {kStatus, 1 | 2 | 8 | 4}});  // DRIVER_OK

  const Descriptor chain[] = {{m.bus + 0x300, 16, 1, 1},       // header: IN of sector 0
                              {m.bus + 0x400, 512, 1 | 2, 2},  // data, which the device writes
                              {m.bus + 0x310, 1, 2, 0}};       // status
  std::memcpy(m.ram, chain, sizeof(chain));
  m.order();                    // the descriptors, then
  m.ram[0x102] = std::byte{1};  // the available index: chain 0 is in ring[0], then
  m.order();                    // the notification
  put({{kNotify, 0}});
  m.wait();
  put({{kIrqAck, m.get(kIrq) & 3}});
  return m.ram[0x202] == std::byte{1} && m.ram[0x310] == std::byte{0};  // used index, status
}
