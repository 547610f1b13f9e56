// The steps of flushes and durable writes.
#include <sluice/drivers/block/flush.hpp>

#include <sluice/drivers/block/disk.hpp>

namespace sluice::blk {

FlushMachine::FlushMachine(Disk& disk)
    : disk_(disk),
      flush_(
          Op::Flush, Sector{}, {},
          [](Bio& bio) { static_cast<FlushMachine*>(bio.context)->flush_ended(); }, this),
      work_([](void* machine) { static_cast<FlushMachine*>(machine)->advance(); }, this) {}

FlushMachine::~FlushMachine() {
  advance();  // its steps end at once, and post
  cancel_and_wait(work_);
}

void FlushMachine::submit(List<Bio>& bios) {
  {
    const LockGuard guard(lock_);
    while (Bio* const bio = bios.pop_front()) {
      const bool before = bio->op == Op::Flush || (bio->flags & bio_flag::kPreflush) != 0;
      enter(*bio, before ? Bio::FlushStep::Before : Bio::FlushStep::Data, Status::Ok);
    }
  }
  advance();
}

void FlushMachine::step_ended(Bio& bio, Status status) {
  {
    const LockGuard guard(lock_);
    const bool after = (bio.flags & bio_flag::kFua) != 0 && !disk_.has_fua();
    enter(bio, after ? Bio::FlushStep::After : Bio::FlushStep::None, status);
  }
  go_on();
}

void FlushMachine::flush_ended() {
  {
    const LockGuard guard(lock_);
    flushing_ = false;
    while (Bio* const bio = covered_.pop_front()) {
      const bool writes = bio->flush_step_ == Bio::FlushStep::Before && bio->op != Op::Flush;
      enter(*bio, writes ? Bio::FlushStep::Data : Bio::FlushStep::None, flush_.status);
    }
  }
  go_on();
}

// Nothing is submitted in irq context.
void FlushMachine::go_on() {
  if (port::this_hart().context == Context::Irq) {
    post(work_);
  } else {
    advance();
  }
}

// Puts the bio where it waits for its next step; None: it ends. The lock is held.
void FlushMachine::enter(Bio& bio, Bio::FlushStep step, Status status) {
  const bool nothing_to_do = step == Bio::FlushStep::Data && bio.total_bytes() == 0;
  bio.status = status;
  bio.flush_step_ = status == Status::Ok && !nothing_to_do ? step : Bio::FlushStep::None;
  switch (bio.flush_step_) {
    case Bio::FlushStep::Before:
    case Bio::FlushStep::After:
      for_next_.push_back(bio);
      break;
    case Bio::FlushStep::Data:
      data_.push_back(bio);
      break;
    case Bio::FlushStep::None:
      ended_.push_back(bio);
      break;
  }
}

// Does what is to be done, the lock not held, and one at a time: what comes of it meanwhile is
// found in the next round. Task or work.
void FlushMachine::advance() {
  List<Bio> ended;
  List<Bio> steps;
  if (!begin_round(ended, steps, false)) {
    return;
  }
  do {
    if (!steps.empty()) {
      disk_.submit_steps(steps);
    }
    while (Bio* const bio = ended.pop_front()) {
      bio->end(bio->status);
    }
  } while (begin_round(ended, steps, true));
}

// False: there is nothing to do, or somebody else is at it. `again`: the caller is.
bool FlushMachine::begin_round(List<Bio>& ended, List<Bio>& steps, bool again) {
  const LockGuard guard(lock_);
  if (advancing_ && !again) {
    return false;
  }
  ended.splice_back(ended_);
  steps.splice_back(data_);
  if (!flushing_ && !for_next_.empty()) {
    flushing_ = true;
    covered_.splice_back(for_next_);
    steps.push_back(flush_);
  }
  advancing_ = !ended.empty() || !steps.empty();
  return advancing_;
}

}  // namespace sluice::blk
