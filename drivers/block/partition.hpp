// Partition: a part of a disk with a name of its own, vda1 or ram0p1, as the disk's table gives it
// (partition_table.hpp). Made by Disk; opened through OpenDevice.
#pragma once

#include <array>
#include <string_view>

#include <sluice/drivers/block/bio.hpp>
#include <sluice/kernel/list.hpp>

namespace sluice::blk {

// A range of a disk's sectors.
struct Window {
  u64 first = 0;
  u64 sectors = 0;
};

class Partition : public ListNode<> {
 public:
  Partition() = default;
  void set(std::string_view disk_name, u32 number, const Window& window);

  std::string_view name() const { return {name_.data()}; }
  u32 number() const { return number_; }
  const Window& window() const { return window_; }

 private:
  std::array<char, 24> name_{};
  u32 number_ = 0;
  Window window_;
};

}  // namespace sluice::blk
