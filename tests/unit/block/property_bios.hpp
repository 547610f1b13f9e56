// The bios of the property tests: made as a step says, over blocks that nobody else uses at the
// time, and judged when they end: by their status, and by their content against a byte vector.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "property_plan.hpp"

namespace sluice::test {

// A bio with its memory, and what is to be expected of it.
struct Io {
  Step step{};
  u32 disk = 0;
  std::vector<std::unique_ptr<std::byte[]>> memory;
  std::vector<Segment> segments;
  Bio bio;
  std::optional<Status> expected;   // where it is known beforehand
  bool too_fine = false;            // it has a block of more segments than the device takes
  u64 first_block = 0, blocks = 0;  // that nobody else may use meanwhile
  bool counted = false;             // it becomes requests
  bool submitted = false;
  u32 hart = 0;  // by
  unsigned ends = 0;

  u64 first_byte() const { return bio.sector.value() * blk::kSectorBytes; }
  bool polled() const { return (bio.flags & blk::bio_flag::kPolled) != 0; }
};

using Disks = std::vector<std::unique_ptr<Disk>>;

class PropertyBios {
 public:
  PropertyBios(const Machine& machine, PropertyDevice& device, Disks& disks);

  // Null where somebody uses the blocks: the order of the ends is never of matter.
  Io* make(const Step& step, u32 disk);
  // One that makes no sense.
  Io* make_bad(const Step& step, u32 disk);
  // One of a block, for a queue of that type, which nobody judges.
  Io* make_filler(blk::QueueType type, u32 disk);

  // At the moment of submission, on the hart that does it: what is known of the end?
  void expect(const Bio& bio);
  void submit(Io& io);

  // More may come while one looks at them.
  const std::vector<std::unique_ptr<Io>>& all() const { return ios_; }
  bool all_ended() const;
  const std::vector<std::byte>& model(u32 disk) const { return models_[disk]; }

 private:
  u32 block() const { return machine_.limits.logical_block_bytes; }
  u64 place_of(const Step& step) const;
  bool use(const Io& io, u32 disk);
  void cut(Io& io, u64 bytes);
  Io* add(std::unique_ptr<Io> io, u32 disk);
  std::optional<Status> refusal_of(const Io& io) const;
  bool is_too_fine(const Io& io) const;
  void ended(Bio& bio);
  void judge_status(const Io& io);
  void judge_content(const Io& io);

  const Machine machine_;
  PropertyDevice& device_;
  Disks& disks_;
  std::vector<std::vector<std::byte>> models_;
  std::vector<std::vector<int>> users_;  // of each block: so many readers, or −1: a writer
  std::vector<std::unique_ptr<Io>> ios_;
  std::map<const Bio*, Io*> by_bio_;
  u64 last_first_ = 0;  // the blocks of the last one that was made
  u64 last_end_ = 0;
  u32 content_ = 0;
};

}  // namespace sluice::test
