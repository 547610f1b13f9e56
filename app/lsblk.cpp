// lsblk: the disks with their partitions; and, with -v, what they did, their queues, and what is in
// flight in each.
#include "commands.hpp"
#include "quantity.hpp"

#include <sluice/drivers/block/disk.hpp>
#include <sluice/drivers/block/in_flight.hpp>

namespace sluice::app {
namespace {

constexpr std::string_view kRow = "{:<10} {:>8} {:>6} {:>3} {:>8} {:<11} {}\n";

void put_partition(Sink& out, const blk::Disk& disk, const blk::Partition& partition) {
  fat::Text<32> name("  ");
  name.append(partition.name());
  format_to(out, kRow, name.view(),
            size_text(partition.window().sectors * blk::kSectorBytes).view(),
            disk.limits().logical_block_bytes, disk.read_only() ? "yes" : "no", "", "", "");
}

// "queue 1: default, harts 1 3"
void put_queue(Sink& out, const blk::HwQueue& queue) {
  constexpr std::string_view kTypes[blk::kQueueTypes] = {"default", "read", "poll"};
  const blk::QueueType type = queue.type();
  format_to(out, "    queue {}: {}, harts", queue.index(), kTypes[static_cast<u32>(type)]);
  for (u32 index = 0; index < hart_count(); ++index) {
    if (queue.tag_set().map().queue_of(type, index) == queue.index()) {
      format_to(out, " {}", hart(index).id);
    }
  }
  out.put("\n");
}

void put_details(Sink& out, const blk::Disk& disk) {
  for (u32 index = 0; index < blk::kDirections; ++index) {
    const auto direction = static_cast<blk::Direction>(index);
    const blk::Totals totals = disk.totals(direction);
    if (totals.requests > 0) {
      format_to(out, "    {}: {} requests, {} bytes, {} merges, {} errors\n",
                blk::to_string(direction), totals.requests, totals.bytes, totals.merges,
                totals.errors);
    }
  }
  for (const blk::HwQueue* queue : disk.tag_set().hw_queues()) {
    put_queue(out, *queue);
    blk::put_in_flight(out, disk, *queue);
  }
}

void put_disk(Sink& out, const blk::Disk& disk, bool verbose) {
  const blk::TagSet::Shape& shape = disk.tag_set().shape();
  const auto queues = QuantityText::formatted("{}x{}", shape.hw_queues, shape.depth);
  format_to(out, kRow, disk.name(), size_text(disk.sectors() * blk::kSectorBytes).view(),
            disk.limits().logical_block_bytes, disk.read_only() ? "yes" : "no", queues.view(),
            disk.scheduler_name(), disk.has_write_cache() ? "write-back" : "write-through");
  for (const blk::Partition& partition : disk.partitions()) {
    put_partition(out, disk, partition);
  }
  if (verbose) {
    put_details(out, disk);
  }
}

}  // namespace

int run_lsblk(Session&, Words words) {
  bool verbose = false;
  OptionReader options(words);
  while (options.next()) {
    if (!options.is("v")) {
      return unknown_option("lsblk", options);
    }
    verbose = true;
  }
  if (!options.operands().empty()) {
    return usage_error("lsblk", "takes no operand", options.operands()[0]);
  }
  console::Writer out(console::Stream::Output);
  format_to(out, kRow, "NAME", "SIZE", "BLOCK", "RO", "QUEUES", "SCHED", "CACHE");
  struct Listing {
    Sink& out;
    bool verbose;
  } listing{out, verbose};
  blk::for_each_disk(
      [](blk::Disk& disk, void* context) {
        const auto& to = *static_cast<Listing*>(context);
        put_disk(to.out, disk, to.verbose);
      },
      &listing);
  out.flush();
  suggest_disks("lsblk");
  return kSucceeded;
}

}  // namespace sluice::app
