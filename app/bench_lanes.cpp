// An I/O comes back and goes out again: the fast lane, for the many, and the other.
#include <algorithm>

#include "bench_device.hpp"

namespace sluice::app::bench {
namespace {

constexpr Direction direction_of(blk::Op op) {
  return op == blk::Op::Discard ? Direction::Trim
         : op == blk::Op::Write ? Direction::Write
                                : Direction::Read;
}

constexpr blk::Op op_of(Direction direction) {
  switch (direction) {
    case Direction::Read:
      return blk::Op::Read;
    case Direction::Write:
      return blk::Op::Write;
    case Direction::Trim:
      return blk::Op::Discard;
  }
  return blk::Op::Read;
}

}  // namespace

// Takes from the list of those that came back, as far as they are in order.
void DeviceJob::turn_round(Slot*& back) {
  const u64 room = std::min(group_ - ready_count_, limit_ - issued_);
  if (plain_ && room > 0) {
    back = sequence_.is_random() ? fast_lane(sequence_.random(), back, room)
                                 : fast_lane(sequence_.sequential(), back, room);
  }
  if (ready_count_ == group_) {
    submit();
  } else if (back != nullptr) {
    Slot& slot = *back;
    back = after(slot);
    take_back(slot);
    issue_idle();
  }
}

// All that bench adds to most I/Os beside end_io: no call and few variables, so that everything has
// a register. At most `most`, which is not 0; stops before one that is out of the ordinary.
template <class Order>
inline DeviceJob::Slot* DeviceJob::fast_lane(Order& order_here, Slot* back, u64 most) {
  Order order = order_here;
  Histogram& latency = *plain_latency_;
  Slot* const not_yet = not_yet_;
  const u64 first_sector = plan_.first_byte / blk::kSectorBytes;
  const u64 block_sectors = plan_.block_bytes / blk::kSectorBytes;
  const u64 now = now_ticks_;
  List<blk::Bio>::Appender ready(ready_);
  u64 room = most;
  do {
    Slot& slot = *back;
    Slot* const next = slot.next.load(std::memory_order_relaxed);
    if (next == not_yet || slot.status != blk::Status::Ok ||
        !latency.add_exact(now - slot.started_ticks)) [[unlikely]] {
      break;
    }
    slot.sector = blk::Sector(first_sector + order.next() * block_sectors);
    slot.started_ticks = now;
    port::store_relaxed(slot.next, not_yet);
    ready.push_back(slot);
    back = next;
    --room;
  } while (back != nullptr && room > 0);
  order_here.catch_up(order);
  ready_count_ += most - room;
  issued_ += most - room;
  return back;
}

// --- One by one ----------------------------------------------------------------------------------

// Makes of an idle slot an I/O of one direction on slot.block.
void DeviceJob::aim(Slot& slot, Direction direction) {
  slot.op = op_of(direction);
  slot.sector = blk::Sector(plan_.first_byte / blk::kSectorBytes +
                            slot.block * (plan_.block_bytes / blk::kSectorBytes));
  if (direction == Direction::Trim) {
    slot.range_bytes = plan_.block_bytes;
  } else {
    slot.segments = {&slot.segment, 1};
  }
}

// What comes next; false: nothing does, or it has to wait for one that is in flight.
bool DeviceJob::next_io(Slot& slot) {
  if (reading_back_) {
    slot.block = verifier_->next_written(next_to_read_back_);
    if (slot.block == plan_.blocks) {
      stop();
      return false;
    }
    next_to_read_back_ = slot.block + 1;
    aim(slot, Direction::Read);
    return true;
  }
  if (!postponed_) {
    postponed_ = sequence_.next_block();
    postponed_direction_ = !sequence_.mixed()            ? direction_
                           : sequence_.coin_says_write() ? Direction::Write
                                                         : Direction::Read;
  }
  if (verifier_ && !verifier_->take(*postponed_)) {
    return false;
  }
  slot.block = *postponed_;
  postponed_.reset();
  aim(slot, postponed_direction_);
  if (verifier_ && slot.op == blk::Op::Write) {
    verifier_->fill(slot.block, {slot.memory.get(), plan_.block_bytes});
  }
  return true;
}

void DeviceJob::issue_idle() {
  while (idle_ != nullptr && issued_ < limit_ && next_io(*idle_)) {
    Slot& slot = *idle_;
    idle_ = slot.next.load(std::memory_order_relaxed);
    --idle_count_;
    slot.started_ticks = now_ticks_;
    slot.next.store(not_yet_, std::memory_order_relaxed);
    ready_.push_back(slot);
    ++issued_;
    if (++ready_count_ == group_) {
      submit();
    }
  }
}

void DeviceJob::take_back(Slot& slot) {
  const Direction direction = direction_of(slot.op);
  if (verifier_ && !reading_back_) {
    verifier_->give_back(slot.block);
  }
  if (slot.status != blk::Status::Ok) {
    outcome.fail(slot.sector.value() * blk::kSectorBytes, direction, blk::to_string(slot.status));
    stop();
  } else {
    if (!reading_back_) {
      outcome.latency[static_cast<usize>(direction)]->add(now_ticks_ - slot.started_ticks);
    }
    if (verifier_) {
      verify(slot);
    }
  }
  put_away(slot);
}

void DeviceJob::put_away(Slot& slot) {
  slot.next.store(std::exchange(idle_, &slot), std::memory_order_relaxed);
  ++idle_count_;
}

void DeviceJob::verify(const Slot& slot) {
  if (slot.op == blk::Op::Write) {
    verifier_->written(slot.block);
  } else if (verifier_->knows(slot.block)) {
    const auto mismatch = verifier_->check(slot.block, {slot.memory.get(), plan_.block_bytes});
    if (mismatch) {
      outcome.fail(slot.sector.value() * blk::kSectorBytes, *mismatch);
      stop();
    } else {
      ++outcome.verified;
    }
  }
}

}  // namespace sluice::app::bench
