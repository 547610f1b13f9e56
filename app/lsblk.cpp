// lsblk: the disks.
#include "commands.hpp"
#include "quantity.hpp"

#include <sluice/drivers/block/disk.hpp>

namespace sluice::app {
namespace {

void put_disk(Sink& out, blk::Disk& disk) {
  const blk::TagSet::Shape& shape = disk.tag_set().shape();
  fat::Text<24> queues;
  queues = fat::Text<24>::formatted("{}x{}", shape.hw_queues, shape.depth);
  format_to(out, "{:<8} {:>8} {:>6} {:>3} {:>8} {:<6} {}\n", disk.name(),
            size_text(disk.sectors() * blk::kSectorBytes).view(), disk.limits().logical_block_bytes,
            disk.read_only() ? "yes" : "no", queues.view(), "none",
            disk.has_write_cache() ? "write-back" : "write-through");
}

}  // namespace

int run_lsblk(Session&, Words words) {
  Words operands;
  if (!reject_options("lsblk", words, operands)) {
    return kUsage;
  }
  if (!operands.empty()) {
    return usage_error("lsblk", "takes no operand", operands[0]);
  }
  console::Writer out(console::Stream::Output);
  format_to(out, "{:<8} {:>8} {:>6} {:>3} {:>8} {:<6} {}\n", "NAME", "SIZE", "BLOCK", "RO",
            "QUEUES", "SCHED", "CACHE");
  blk::for_each_disk(
      [](blk::Disk& disk, void* sink) { put_disk(*static_cast<console::Writer*>(sink), disk); },
      &out);
  return kSucceeded;
}

}  // namespace sluice::app
