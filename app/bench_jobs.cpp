// Several jobs at the same time, each on its hart; and what they did, taken together.
#include <algorithm>
#include <new>

#include "bench_device.hpp"

namespace sluice::app::bench {
namespace {

class Jobs {
 public:
  Result<void> prepare(const Options& options, std::span<const Plan> plans) {
    for (const Plan& plan : plans) {
      jobs_[count_].reset(new (std::nothrow) DeviceJob(options, plan, count_, tally_));
      if (jobs_[count_] == nullptr) {
        return fail(Errc::NoMemory);
      }
      TRY(jobs_[count_++]->prepare());
    }
    return {};
  }

  // This hart's own, the first, begins when the others have been sent on their way.
  void run(void (DeviceJob::*phase)()) {
    for (u32 i = count_; i > 0; --i) {
      jobs_[i - 1]->start(phase);
    }
    for (u32 i = 0; i < count_; ++i) {
      jobs_[i]->wait();
    }
  }

  bool any_failed() const {
    return std::any_of(jobs_.begin(), jobs_.begin() + count_,
                       [](const auto& job) { return job->outcome.failed; });
  }

  // All of them together, from now on that of the first.
  Outcome& sum_up() {
    Outcome& outcome = jobs_[0]->outcome;
    for (u32 i = 1; i < count_; ++i) {
      outcome.add(jobs_[i]->outcome);
    }
    return outcome;
  }

 private:
  Tally tally_;
  std::array<std::unique_ptr<DeviceJob>, kMaxHarts> jobs_;
  u32 count_ = 0;
};

}  // namespace

Result<void> run_on_device(const Options& options, std::span<const Plan> plans, Outcome& outcome,
                           Counters& counters) {
  Jobs jobs;
  TRY(jobs.prepare(options, plans));
  const Counters before = Counters::of(options.disk);
  jobs.run(&DeviceJob::measure);
  counters = Counters::of(options.disk) - before;
  if (options.verify && writes(options.mode) && !jobs.any_failed()) {
    jobs.run(&DeviceJob::read_back);
  }
  outcome = std::move(jobs.sum_up());
  return {};
}

}  // namespace sluice::app::bench
