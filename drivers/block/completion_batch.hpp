// CompletionBatch: ends requests many at a time (Linux: io_comp_batch). Used by drivers where they
// reap their device; Request::complete() is a batch of one. The tags come back and the statistics
// are counted once for the batch, and the clock is read once.
#pragma once

#include <sluice/drivers/block/request.hpp>
#include <sluice_port.hpp>

namespace sluice::blk {

// Requests of one hardware queue. Their bios end when it does. Any context, no lock held.
class CompletionBatch {
 public:
  explicit CompletionBatch(HwQueue& queue) : queue_(queue) {}
  CompletionBatch(const CompletionBatch&) = delete;
  CompletionBatch& operator=(const CompletionBatch&) = delete;
  ~CompletionBatch() { end_all(); }
  bool empty() const { return tail_ == &first_; }

  // Ends those that were added so far.
  void end_all() {
    if (!empty()) {
      end_chain();
    }
  }

  // Each request that queue_rq took is added once; twice is a checked crash.
  void add(Request& request, Status status) { Adder(*this).add(request, status); }

  // Adds many, and nothing else does meanwhile: it knows where the next goes.
  class Adder {
   public:
    explicit Adder(CompletionBatch& batch) : batch_(batch), tail_(batch.tail_) {}
    Adder(const Adder&) = delete;
    Adder& operator=(const Adder&) = delete;
    ~Adder() { batch_.tail_ = tail_; }
    [[gnu::always_inline]] void add(Request& request, Status status) {
      if (status != Status::Ok) [[unlikely]] {
        request.status_ = status;
        batch_.failed_ = true;
      }
      add_ok(request);
    }
    // Wherever it is first compiled: else its one copy may be one that was made to be small.
    [[gnu::always_inline]] void add_ok(Request& request) {
      SLUICE_ASSERT(request.state_.load(std::memory_order_relaxed) == Request::kStarted);
      port::store_relaxed(request.state_, u32{Request::kEnding});
      *tail_ = &request;
      tail_ = &request.next_;
    }

   private:
    CompletionBatch& batch_;
    Request** tail_;
  };

 private:
  void end_chain();
  void count_all(u64 now_ticks) const;
  void end_bios();
  void sort_out_failed();
  bool try_again(Request& request);
  bool tell_schedulers(u64 now_ticks);
  static void end_several(Bio* bio, Bio* last, Status status);

  HwQueue& queue_;
  Request* first_ = nullptr;
  Request** tail_ = &first_;  // where the next goes
  bool failed_ = false;       // one of them has
};

}  // namespace sluice::blk
