// iostat: what the disks have done since boot, by direction, as the request layer counts it.
#include <algorithm>

#include "commands.hpp"
#include "quantity.hpp"

#include <sluice/drivers/block/disk.hpp>
#include <sluice/kernel/clock.hpp>

namespace sluice::app {
namespace {

constexpr std::string_view kRow = "{:<8} {:<7} {:>10} {:>8} {:>8} {:>8} {:>10} {:>10} {:>9}\n";
constexpr std::string_view kBar = "########################################";

// The mean, in µs with one digit behind the point.
QuantityText mean_us(u64 ticks, u64 requests) {
  return decimal(requests == 0 ? 0 : scale(clock::ticks_to_ns(ticks), 1, requests), 1);
}

u64 in_flight(const blk::Disk& disk, blk::Direction direction) {
  u64 count = 0;
  for (const blk::HwQueue* queue : disk.tag_set().hw_queues()) {
    queue->for_each_in_flight([&](const blk::Request& request, bool) {
      count += &request.disk() == &disk && blk::direction_of(request.op()) == direction ? 1 : 0;
    });
  }
  return count;
}

// A line per bucket between the first and the last that is not empty.
void put_latencies(Sink& out, const blk::Totals& totals) {
  const auto& counts = totals.latency;
  const auto used = [](u64 count) { return count != 0; };
  const auto first = std::ranges::find_if(counts, used);
  const auto last = std::find_if(counts.rbegin(), counts.rend(), used).base();
  const u64 most = *std::ranges::max_element(counts);
  for (auto at = first; at < last; ++at) {
    const u64 bound_ns = clock::ticks_to_ns(u64{1} << (at - counts.begin()));
    format_to(out, "    < {:>11} us {:>10} {}\n", decimal(bound_ns, 1).view(), *at,
              kBar.substr(0, static_cast<usize>(scale(*at, kBar.size(), most))));
  }
}

void put_disk(Sink& out, const blk::Disk& disk, bool verbose) {
  for (u32 index = 0; index < blk::kDirections; ++index) {
    const auto direction = static_cast<blk::Direction>(index);
    const blk::Totals totals = disk.totals(direction);
    const u64 flying = in_flight(disk, direction);
    const bool plain = direction == blk::Direction::Read || direction == blk::Direction::Write;
    if (!plain && totals.requests == 0 && flying == 0) {
      continue;
    }
    format_to(out, kRow, disk.name(), blk::to_string(direction), totals.requests,
              size_text(totals.bytes).view(), totals.merges, totals.errors,
              mean_us(totals.queue_ticks, totals.requests).view(),
              mean_us(totals.device_ticks, totals.requests).view(), flying);
    if (verbose && totals.requests > 0) {
      put_latencies(out, totals);
    }
  }
}

}  // namespace

int run_iostat(Session&, Words words) {
  bool verbose = false;
  OptionReader options(words);
  while (options.next()) {
    if (!options.is("v")) {
      return unknown_option("iostat", options);
    }
    verbose = true;
  }
  for (const std::string_view name : options.operands()) {
    blk::OpenDevice device;
    if (!find_disk("iostat", name, device)) {
      return kFailed;
    }
  }
  console::Writer out(console::Stream::Output);
  format_to(out, kRow, "DISK", "OP", "REQUESTS", "BYTES", "MERGES", "ERRORS", "QUEUE us",
            "DEVICE us", "IN FLIGHT");
  for (const std::string_view name : options.operands()) {
    if (const blk::Disk* const disk = disk_of(name); disk != nullptr) {
      put_disk(out, *disk, verbose);
    }
  }
  if (options.operands().empty()) {
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
  }
  return kSucceeded;
}

}  // namespace sluice::app
