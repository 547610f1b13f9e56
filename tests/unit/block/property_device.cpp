// What the device of the property tests does with requests, and what it finds wrong with them.
#include "property_device.hpp"

#include <sluice/drivers/block/express_lane.hpp>

namespace sluice::test {

// One call at a time for one queue.
class PropertyDevice::Calling {
 public:
  Calling(PropertyDevice& device, const blk::HwQueue& queue) : device_(device), queue_(queue) {
    if (!device_.calling_.insert(&queue).second) {
      device_.complain("two calls of queue_rq for one queue at once");
    }
  }
  Calling(const Calling&) = delete;
  Calling& operator=(const Calling&) = delete;
  ~Calling() { device_.calling_.erase(&queue_); }

 private:
  PropertyDevice& device_;
  const blk::HwQueue& queue_;
};

usize PropertyDevice::complete(usize most, usize from, Status status, bool together, bool polls) {
  std::vector<Request*> ending = take_out(most, from, polls);
  if (ending.empty()) {
    return 0;
  }
  blk::CompletionBatch batch(ending.front()->hw_queue());
  for (Request* const request : ending) {
    const Status said = command_of(*request).stubborn ? Status::Transient : status;
    carry_out(*request, said);
    if (together) {
      batch.add(*request, said);
    } else {
      request->complete(said);
    }
  }
  return ending.size();
}

blk::QueueResult PropertyDevice::queue_rq(blk::HwQueue& queue, Request& request, bool last) {
  const Calling calling(*this, queue);
  const blk::QueueResult result = take(queue, request);
  if (result == blk::QueueResult::Ok && last) {
    tell(queue);
  }
  if (result == blk::QueueResult::Ok && ends_ != Ends::Later && !command_of(request).swallowed) {
    untold_.erase(&request);
    std::erase(started_, &request);
    command_of(request).started = false;
    carry_out(request, Status::Ok);
    if (ends_ == Ends::Inline) {
      request.complete(Status::Ok);
    } else {
      queue.inline_completions().add(request, Status::Ok);
    }
  }
  return result;
}

void PropertyDevice::queue_rqs(blk::HwQueue& queue, blk::FreshBios& bios) {
  const Calling calling(*this, queue);
  blk::ExpressLane lane(bios);
  blk::PlainRequest plain;
  while (lane.next(plain)) {
    if (plain.request->segment_count() != 1 || plain.request->polled() != lane.polled()) {
      complain("queue_rqs was given a request that is not plain");
    }
    if (fail_next > 0 || ends_ != Ends::Later ||
        take(queue, *plain.request) != blk::QueueResult::Ok) {
      blk::ExpressLane::hold_back(*plain.request);
      break;
    }
  }
  tell(queue);
}

unsigned PropertyDevice::poll(blk::HwQueue& queue) {
  const auto at = std::find_if(started_.begin(), started_.end(), [&](const Request* each) {
    return &each->hw_queue() == &queue && can_end(*each);
  });
  return at == started_.end()
             ? 0
             : static_cast<unsigned>(complete(~usize{0}, static_cast<usize>(at - started_.begin()),
                                              Status::Ok, true, true));
}

blk::TimeoutResult PropertyDevice::timeout(blk::HwQueue& queue, Request& request) {
  Command& command = command_of(request);
  if (!command.started || &request.hw_queue() != &queue) {
    complain("timeout of a request that the device does not have");
    return blk::TimeoutResult::Extend;
  }
  if (port::ticks() - request.started_ticks() < timeout_ns_) {
    complain("timeout before its time");
  }
  const u32 answer = timeout_answer++ % 4;
  if (answer == 0 && command.extensions < 2) {
    ++command.extensions;
    return blk::TimeoutResult::Extend;
  }
  std::erase(started_, &request);
  command.started = false;
  if (answer == 1) {
    request.requeue();
    return blk::TimeoutResult::Reset;
  }
  carry_out(request, answer == 2 ? Status::IoError : Status::TimedOut);
  if (answer == 2) {
    request.complete(Status::IoError);
    return blk::TimeoutResult::Reset;
  }
  return blk::TimeoutResult::Fail;
}

std::vector<Request*> PropertyDevice::take_out(usize most, usize from, bool polls) {
  std::vector<Request*> out;
  for (usize seen = 0; seen < started_.size() && out.size() < most; ++seen) {
    Request* const request = started_[(from + seen) % started_.size()];
    if (can_end(*request) && (polls || !request->polled()) &&
        (out.empty() || &out.front()->hw_queue() == &request->hw_queue())) {
      out.push_back(request);
    }
  }
  for (Request* const request : out) {
    std::erase(started_, request);
    command_of(*request).started = false;
  }
  return out;
}

blk::QueueResult PropertyDevice::take(blk::HwQueue& queue, Request& request) {
  if (on_offer) {
    std::exchange(on_offer, nullptr)();
  }
  check(queue, request);
  if (busy_next > 0 || started_.size() >= room) {
    busy_next -= busy_next > 0 ? 1 : 0;
    return blk::QueueResult::Busy;
  }
  Command& command = command_of(request);
  if (!command.alive) {
    command = {.request = &request, .alive = true, .stubborn = stubborn_next > 0};
    stubborn_next -= stubborn_next > 0 ? 1 : 0;
    commands_.insert(&command);
  }
  if (fail_next > 0) {
    --fail_next;
    carry_out(request, Status::IoError);
    return blk::QueueResult::Failed;
  }
  command.started = true;
  command.extensions = 0;
  command.swallowed = swallow_next > 0;
  swallow_next -= swallow_next > 0 ? 1 : 0;
  started_.push_back(&request);
  untold_.insert(&request);
  if (on_taken) {
    on_taken(request);
  }
  return blk::QueueResult::Ok;
}

void PropertyDevice::check(blk::HwQueue& queue, Request& request) {
  const blk::Limits& limits = request.disk().limits();
  const u64 first = request.sector().value() * blk::kSectorBytes;
  const u64 bytes = request.bytes();
  u64 in_memory = 0;
  u32 segments = 0;
  for (const Segment segment : request.segments()) {
    if (segment.data == nullptr || segment.bytes == 0 || segment.bytes > limits.max_segment_bytes) {
      complain("a segment breaks the limits");
    }
    in_memory += segment.bytes;
    ++segments;
  }
  const bool data = blk::carries_data(request.op());
  const u64 most = data                              ? limits.max_bytes
                   : request.op() == Op::Discard     ? limits.max_discard_bytes
                   : request.op() == Op::WriteZeroes ? limits.max_write_zeroes_bytes
                                                     : 0;
  const u64 boundary = limits.boundary_bytes;
  if (segments != request.segment_count() || segments > limits.max_segments) {
    complain("the number of segments is wrong, or too large");
  }
  if (in_memory != (data ? bytes : 0) || bytes > most || first % limits.logical_block_bytes != 0 ||
      bytes % limits.logical_block_bytes != 0 || first + bytes > kBytes ||
      (bytes > 0 && boundary != 0 && first / boundary != (first + bytes - 1) / boundary)) {
    complain("a request breaks the limits: " + std::to_string(first) + "+" + std::to_string(bytes));
  }
  if (request.fua() && !request.disk().has_fua()) {
    complain("FUA for a device that has none");
  }
  if (queue.type() == blk::QueueType::Read && request.op() != Op::Read) {
    complain("not a read, on a queue for reads");
  }
  if (queue.type() == blk::QueueType::Poll && !request.polled()) {
    complain("not polled for, on a queue that is");
  }
  if (&request.hw_queue() != &queue || queue.in_flight_request(request.tag()) != &request ||
      command_of(request).started) {
    complain("a request that the device has already, or of another queue");
  }
}

// The request ends, or is tried again; its data moves if that went well.
void PropertyDevice::carry_out(Request& request, Status status) {
  Command& command = command_of(request);
  if (status == Status::Transient && command.transients < Request::kRetries &&
      !request.disk().removed()) {
    ++command.transients;
    return;
  }
  command.alive = false;
  DiskState& state = state_of(request.disk());
  Tally& tally = state.tally[static_cast<usize>(blk::direction_of(request.op()))];
  ++tally.requests;
  tally.bytes += request.bytes();
  if (status != Status::Ok) {
    ++tally.errors;
    state.said.insert(status == Status::Transient ? Status::IoError : status);
    return;
  }
  std::byte* at = state.memory.data() + request.sector().value() * blk::kSectorBytes;
  if (request.op() == Op::WriteZeroes || request.op() == Op::Discard) {
    std::memset(at, 0, request.bytes());
  }
  for (const Segment segment : request.segments()) {
    if (request.op() == Op::Read) {
      std::memcpy(segment.data, at, segment.bytes);
    } else {
      std::memcpy(at, segment.data, segment.bytes);
    }
    at += segment.bytes;
  }
}

}  // namespace sluice::test
