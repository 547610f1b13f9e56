// What the request layer's tests with threads as harts share: workers, which keep bios on their way
// and check what comes back, and a device with a thread of its own, which is no hart.
#pragma once

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/port_threads/harts.hpp"

#include <sluice/drivers/block/completion_batch.hpp>
#include <sluice/drivers/block/disk.hpp>
#include <sluice/drivers/block/hw_queue.hpp>
#include <sluice/drivers/block/tag_set.hpp>
#include <sluice/kernel/panic.hpp>
#include <sluice/kernel/work.hpp>

namespace sluice::test {

using blk::Bio;
using blk::Op;
using blk::Request;
using blk::Sector;
using blk::Segment;
using blk::Status;

inline void require(bool holds, const char* what) {
  if (!holds) {
    panic(what);
  }
}

// A hart's bios: each writes to a place of its own, reads it back, and so on. It stops at the first
// that finds the disk gone; what had to be tried again at that time has failed.
class Worker {
 public:
  static constexpr u32 kSlots = 8;
  static constexpr u32 kSlotBytes = 2048;
  static constexpr u32 kSlotSectors = kSlotBytes / blk::kSectorBytes;
  static constexpr u64 bytes_for(u32 harts) { return u64{harts} * kSlots * kSlotBytes; }

  Worker(blk::BlockDevice& device, u32 hart_index, u8 flags)
      : device_(device), hart_(hart(hart_index)), flags_(flags), random_(hart_index + 1) {
    for (u32 index = 0; index < kSlots; ++index) {
      Slot& slot = slots_[index];
      slot.owner = this;
      slot.segment = {slot.memory.data(), kSlotBytes};
      slot.bio.sector = Sector(u64{hart_index * kSlots + index} * kSlotSectors);
      slot.bio.end_io = &Worker::ended;
      slot.bio.context = &slot;
    }
  }
  ~Worker() {
    for (const Slot& slot : slots_) {
      require(slot.ends.load() == slot.submissions, "a bio did not end exactly once");
    }
  }

  // Task of its hart. How many bios succeeded.
  u32 run(u32 bios) {
    u32 in_flight = 0;
    u32 succeeded = 0;
    while (true) {
      List<Bio> batch;
      for (Slot& slot : slots_) {
        if (slot.in_flight && slot.done.load(std::memory_order_acquire) != 0) {
          slot.in_flight = false;
          --in_flight;
          succeeded += judge(slot) ? 1 : 0;
        }
        if (!slot.in_flight && bios > 0 && !gone_) {
          --bios;
          ++in_flight;
          prepare(slot);
          batch.push_back(slot.bio);
        }
      }
      device_.submit(batch);
      if (in_flight == 0) {
        return succeeded;
      }
      wait_until([this] { return some_done(); });
    }
  }

 private:
  struct Slot {
    Worker* owner = nullptr;
    std::array<std::byte, kSlotBytes> memory{};
    Segment segment{};
    Bio bio;
    bool in_flight = false;
    bool written = false;
    std::byte content{};
    u32 submissions = 0;
    std::atomic<u32> ends{0};
    std::atomic<u32> done{0};
  };

  static void ended(Bio& bio) {
    Slot& slot = *static_cast<Slot*>(bio.context);
    Hart& hart = slot.owner->hart_;
    slot.ends.fetch_add(1);
    require(slot.done.exchange(1) == 0, "a bio ended twice");
    wake(hart);
  }

  bool some_done() const {
    for (const Slot& slot : slots_) {
      if (slot.in_flight && slot.done.load(std::memory_order_acquire) != 0) {
        return true;
      }
    }
    return false;
  }

  u32 next_random() { return random_ = random_ * 1664525 + 1013904223; }

  void prepare(Slot& slot) {
    const u32 random = next_random() >> 16;
    Bio& bio = slot.bio;
    bio.flags = 0;
    bio.segments = std::span(&slot.segment, 1);
    if (slot.written && random % 2 == 0) {
      bio.op = Op::Read;
      slot.memory.fill(std::byte{0xee});
    } else if (random % 32 == 1) {
      bio.op = Op::Flush;
      bio.segments = {};
    } else {
      bio.op = Op::Write;
      bio.flags = random % 4 == 3 ? flags_ : u8{0};
      slot.content = static_cast<std::byte>(random >> 4);
      slot.memory.fill(slot.content);
    }
    slot.in_flight = true;
    slot.done.store(0, std::memory_order_relaxed);
    ++slot.submissions;
  }

  bool judge(Slot& slot) {
    const Status status = slot.bio.status;
    if (status == Status::Removed || (status != Status::Ok && device_.sectors() == 0)) {
      gone_ = true;
      return false;
    }
    require(status == Status::Ok, "a bio failed");
    if (slot.bio.op == Op::Write) {
      slot.written = true;
    } else if (slot.bio.op == Op::Read) {
      for (const std::byte byte : slot.memory) {
        require(byte == slot.content, "a read brought what was not written");
      }
    }
    return true;
  }

  blk::BlockDevice& device_;
  Hart& hart_;
  const u8 flags_;
  u32 random_;
  bool gone_ = false;
  std::array<Slot, kSlots> slots_;
};

// Takes requests, carries them out in a thread of its own, in no order, and interrupts whichever
// hart it likes. Now and then it is busy, gives one back, asks to try again, or loses one.
class ThreadedDevice final : public blk::QueueOps {
 public:
  struct Payload {};

  explicit ThreadedDevice(u64 bytes, bool loses = false)
      : memory_(bytes), loses_(loses), thread_([this] { work(); }) {}
  ~ThreadedDevice() {
    {
      const std::lock_guard guard(mutex_);
      stopped_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

  // No request may come of a disk that stands still; none may be here of one that is frozen.
  void stands_still(const blk::Disk* disk) { still_.store(disk); }
  bool has_some_of(const blk::Disk& disk) {
    const auto is_of = [&disk](const Request* request) { return &request->disk() == &disk; };
    const std::lock_guard guard(mutex_);
    return std::any_of(taken_.begin(), taken_.end(), is_of) ||
           std::any_of(lost_.begin(), lost_.end(), is_of);
  }

  blk::QueueResult queue_rq(blk::HwQueue&, Request& request, bool last) override {
    require(&request.disk() != still_.load(), "a request of a disk that stands still");
    {
      const std::lock_guard guard(mutex_);
      if (taken_.size() >= kRoom) {
        return blk::QueueResult::Busy;
      }
      const bool loses = loses_ && ++offers_ % 64 == 0;
      (loses ? lost_ : taken_).push_back(&request);
    }
    if (last) {
      changed_.notify_one();
    }
    return blk::QueueResult::Ok;
  }
  void commit_rqs(blk::HwQueue&) override { changed_.notify_one(); }

  // What it lost is found again.
  blk::TimeoutResult timeout(blk::HwQueue&, Request& request) override {
    {
      const std::lock_guard guard(mutex_);
      if (std::erase(lost_, &request) == 0) {
        return blk::TimeoutResult::Extend;
      }
    }
    request.requeue();
    return blk::TimeoutResult::Reset;
  }

 private:
  static constexpr usize kRoom = 12;

  void work() {
    for (u32 round = 1;; ++round) {
      std::vector<Request*> done;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return stopped_ || !taken_.empty(); });
        if (taken_.empty()) {
          return;
        }
        const blk::HwQueue* const queue = &taken_.back()->hw_queue();
        for (auto at = taken_.end(); at != taken_.begin() && done.size() < 4;) {
          if (&(*--at)->hw_queue() == queue) {
            done.push_back(*at);
            at = taken_.erase(at);
          }
        }
      }
      Hart& target = hart(round % hart_count());
      if (round % 16 == 0) {
        Harts::interrupt(target, [request = done.back()] { request->requeue(); });
        done.pop_back();
      }
      const Status status = round % 16 == 8 ? Status::Transient : Status::Ok;
      for (Request* const request : done) {
        carry_out(*request);
      }
      Harts::interrupt(target, [done, status] {
        if (!done.empty()) {
          blk::CompletionBatch batch(done.front()->hw_queue());
          for (Request* const request : done) {
            batch.add(*request, status);
          }
          std::this_thread::yield();  // others may look while nothing of it has ended
        }
      });
    }
  }

  void carry_out(const Request& request) {
    std::byte* at = memory_.data() + request.sector().value() * blk::kSectorBytes;
    for (const Segment segment : request.segments()) {
      if (request.op() == Op::Read) {
        std::memcpy(segment.data, at, segment.bytes);
      } else {
        std::memcpy(at, segment.data, segment.bytes);
      }
      at += segment.bytes;
    }
  }

  std::vector<std::byte> memory_;
  const bool loses_;
  std::atomic<const blk::Disk*> still_{nullptr};
  std::mutex mutex_;  // protects the rest
  std::condition_variable changed_;
  std::deque<Request*> taken_;
  std::deque<Request*> lost_;
  u32 offers_ = 0;
  bool stopped_ = false;
  std::thread thread_;
};

// Lets this hart's interrupts in until nothing is with the driver any more.
inline void drain(const blk::TagSet& tags) {
  while (tags.in_flight() != 0) {
    port::irq_restore(true);
    run_pending_work();
    port::relax();
  }
}

}  // namespace sluice::test
