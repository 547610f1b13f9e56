// What QEMU says of its virtio disk over QMP, past every register: the witness beside the driver.
// Needs QEMU 7.2 or newer.
#pragma once

#include <cstdint>
#include <string>

#include "qmp_client.hpp"

namespace qemu {

struct DeviceState {
  std::uint64_t features = 0;  // that the driver has accepted
  bool driver_ok = false;
  bool broken = false;  // QEMU found a mistake in a ring
  std::uint64_t queues = 0;
};

struct QueueState {
  std::uint64_t size = 0;
  std::uint64_t in_use = 0;  // requests that QEMU has taken and not given back
  std::uint64_t used_index = 0;
  std::uint64_t descriptors = 0;  // where; likewise the next two
  std::uint64_t driver_area = 0;
  std::uint64_t device_area = 0;
};

// What the disk has done since QEMU started.
struct DiskCounts {
  std::uint64_t reads = 0, writes = 0, flushes = 0;
};

class Witness {
 public:
  explicit Witness(QmpClient& qmp) : qmp_(qmp) {}
  DeviceState device();
  QueueState queue(unsigned index);
  DiskCounts counts();
  // How many discards came to the image file, whether or not the host's file system makes holes.
  std::uint64_t discards();

 private:
  QmpClient& qmp_;
};

}  // namespace qemu
