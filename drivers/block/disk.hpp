// Disk: a block device that drivers add and others find by name (Linux:
// gendisk). A driver owns the disk and the tag set beneath it. Order of calls:
// construct, add(); then submissions; remove() or the destructor, after which every bio has ended.
#pragma once

#include <array>

#include <sluice/drivers/block/block_device.hpp>
#include <sluice/drivers/block/tag_set.hpp>

namespace sluice::blk {

struct DiskListTag;

class Disk final : public BlockDevice, public ListNode<DiskListTag> {
 public:
  struct Options {
    u64 sectors = 0;
    Limits limits{};
    bool read_only = false;
    bool write_cache = false;
  };

  // `name` of at most 15 bytes: vda, ram0. The tag set outlives the disk. The capacity and the
  // limits in bytes are rounded down to whole logical blocks.
  Disk(TagSet& tag_set, std::string_view name, const Options& options);
  ~Disk();

  // Makes it visible by name. Exists; Invalid: limits that no request can keep, or no name, with
  // what is wrong in the log. Task.
  Result<void> add();

  // Invisible from now on; new bios and those that wait end with Removed, open handles are told,
  // the capacity is 0. Those in flight are the driver's to end (it resets the device) before the
  // destructor, where one left over is a checked crash. Task, not from an end_io.
  void remove();

  TagSet& tag_set() const { return tag_set_; }
  u32 open_count() const { return open_count_; }

  std::string_view name() const override { return {name_.data()}; }
  u64 sectors() const override { return options_.sectors; }
  const Limits& limits() const override { return options_.limits; }
  bool read_only() const override { return options_.read_only; }
  bool has_write_cache() const override { return options_.write_cache; }
  using BlockDevice::submit;
  void submit(List<Bio>& bios) override;
  unsigned poll() override;

 private:
  friend class HwQueue;
  friend class OpenDevice;
  friend class RequestBuilder;

  // Makes a plan for `bio`, with the status where it ends now. Any context.
  void admit(Bio& bio);
  void admit_any(Bio& bio);
  Status check(const Bio& bio, u64 bytes) const;
  // How long a request of `op` may be.
  u64 max_bytes(Op op) const { return max_bytes_[static_cast<u32>(op)]; }
  bool limits_make_sense() const;
  void round_to_blocks();

  TagSet& tag_set_;
  std::array<char, 16> name_{};
  Options options_;
  u64 block_mask_ = 0;              // the bits of an offset inside a logical block
  u64 max_bytes_in_one_piece_ = 0;  // of data in one piece, to be one request
  std::array<u64, kOps> max_bytes_{};
  std::array<Status, kOps> refusals_{};
  bool removed_ = false;
  u32 open_count_ = 0;
  List<OpenDevice> opens_;
};

// The disks that were added, in that order; `find` gives null where there is none of that name.
// Task.
Disk* find(std::string_view name);
void for_each_disk(void (*visit)(Disk& disk, void* context), void* context);

// The first free name of a kind of disk: vda, vdb, … vdz, vdaa for prefix "vd".
// Task.
std::array<char, 16> next_name(std::string_view prefix);

}  // namespace sluice::blk
