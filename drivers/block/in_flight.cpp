// Reading other harts' requests while they are in use: what is printed may be half of what was and
// half of what comes.
#include <sluice/drivers/block/in_flight.hpp>

#include <sluice/drivers/block/disk.hpp>
#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/panic.hpp>

namespace sluice::blk {
namespace {

void report(Sink& out) {
  for_each_disk(
      [](Disk& disk, void* context) {
        auto& to = *static_cast<Sink*>(context);
        for (const HwQueue* queue : disk.tag_set().hw_queues()) {
          if (queue->in_flight() > 0) {
            format_to(to, "{}, queue {}: {} in flight\n", disk.name(), queue->index(),
                      queue->in_flight());
            put_in_flight(to, disk, *queue);
          }
        }
      },
      &out);
}

}  // namespace

void put_in_flight(Sink& out, const Disk& disk, const HwQueue& queue) {
  const u64 now_ticks = port::ticks();
  queue.for_each_in_flight([&](const Request& request, bool held_back) {
    if (&request.disk() == &disk) {
      const u64 ticks = now_ticks - request.submitted_ticks();
      format_to(out, "      tag {}: {} of sector {}, {} bytes, for {} ms, {}\n", request.tag(),
                to_string(request.op()), request.sector(), request.bytes(),
                clock::ticks_to_ns(ticks) / 1'000'000, held_back ? "held back" : "with the driver");
    }
  });
}

void tell_in_flight_in_panics() {
  static constinit PanicNote note{report};
  static constinit bool told = false;
  if (!told) {
    told = true;
    add_panic_note(note);
  }
}

}  // namespace sluice::blk
