// Random bios through the whole request layer, on random machines, to a device that answers in
// every way that it may, while disks are frozen, resized, scheduled otherwise and removed: against
// a plain byte vector the content is equal, each bio ends exactly once and with a status that was
// to be expected, no tag is lost, and the statistics add up. By RapidCheck, from a fixed seed;
// RC_PARAMS in the environment sets another, SLUICE_PROPERTY_SEEDS how many the long test tries.
#include "property_bios.hpp"

#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <sstream>

#include "tests/catch.hpp"

namespace sluice::test {
namespace {

[[maybe_unused]] const int kFixedSeed = setenv("RC_PARAMS", "seed=7 max_success=400", 0);

class Run {
 public:
  explicit Run(const Machine& machine)
      : machine_(machine),
        world_(machine.harts),
        device_(machine.express, machine.ends, machine.timeout_ns) {
    tags_ = std::move(*TagSet::create<PropertyDevice::Command>(device_, machine.shape));
    static constexpr std::array<const char*, 2> kNames{"vda", "vdb"};
    device_.disks.resize(machine.disks);
    for (u32 index = 0; index < machine.disks; ++index) {
      disks_.push_back(std::make_unique<Disk>(
          *tags_, kNames[index],
          Disk::Options{.sectors = PropertyDevice::kBytes / blk::kSectorBytes,
                        .limits = machine.limits,
                        .write_cache = machine.write_cache,
                        .fua = machine.fua,
                        .timeout_ns = machine.timeout_ns}));
      device_.disks[index].disk = disks_.back().get();
      RC_ASSERT(disks_.back()->add().has_value());
      RC_ASSERT(disks_.back()->set_scheduler(kSchedulers[machine.scheduler]).has_value());
    }
    quiesced_.resize(machine.disks);
    world_.steps.push_back([this] {
      poll_for_all();  // each poller goes on
      return device_.complete(1, 0, Status::Ok, false) > 0;
    });
  }

  void take(const Step& step) {
    const u32 index = step.disk % machine_.disks;
    if (step.what != Do::Bio || plug_disk_ != index) {
      submit_plug();
    }
    // Who waits is the test's own hart: the others go on meanwhile.
    const bool waits =
        step.what == Do::Freeze || step.what == Do::Schedule || step.what == Do::Resize;
    as(waits ? 0 : step.hart, [&] { act(step, index); });
    check();
  }

  // Everything ends, and all is as it was.
  void finish() {
    submit_plug();
    for (u32 index = 0; index < machine_.disks; ++index) {
      for (; quiesced_[index] > 0; --quiesced_[index]) {
        disks_[index]->unquiesce();
      }
    }
    calm();
    for (u32 round = 0; round < 300 && !bios_.all_ended(); ++round) {
      poll_for_all();
      device_.complete(~usize{0}, 0, Status::Ok, true);
      world_.settle();
      world_.advance_ns(std::max<u64>(2'000'000, machine_.timeout_ns));
      world_.settle();
    }
    check();
    RC_ASSERT(bios_.all_ended());
    RC_ASSERT(tags_->in_flight() == 0u);
    for (u32 index = 0; index < machine_.disks; ++index) {
      RC_ASSERT(device_.disks[index].memory == bios_.model(index));
      check_statistics(index);
    }
    check_tags();
    check();
  }

  // Something went wrong: ends what there is, so that a simpler case can be tried.
  void abandon() {
    while (plug_.pop_front() != nullptr) {
    }
    calm();
    for (const auto& disk : disks_) {
      disk->remove();
    }
    for (u32 round = 0; round < 20; ++round) {
      device_.complete_everything();
      world_.settle();
    }
  }

 private:
  template <class Function>
  void as(u32 hart, Function function) {
    if (hart % machine_.harts == port::this_hart().index) {
      function();
    } else {
      world_.run_as(hart % machine_.harts, function);
    }
  }

  void act(const Step& step, u32 index) {
    Disk& disk = *disks_[index];
    switch (step.what) {
      case Do::Bio:
      case Do::BadBio:
        if (Io* const io =
                step.what == Do::Bio ? bios_.make(step, index) : bios_.make_bad(step, index)) {
          plug_.push_back(io->bio);
          plug_disk_ = index;
        }
        break;
      case Do::Complete:
        complete(step);
        break;
      case Do::Requeue:
        device_.requeue(step.where);
        break;
      case Do::Device:
        disturb(step);
        break;
      case Do::Time:
        world_.settle();
        world_.advance_ns(u64{step.where} * 1000);
        world_.settle();
        break;
      case Do::Poll:
        disk.poll();
        break;
      case Do::Schedule:
        RC_ASSERT(disk.set_scheduler(kSchedulers[step.how % kSchedulers.size()]).has_value());
        break;
      case Do::Quiesce:
        ++quiesced_[index];
        disk.quiesce();
        break;
      case Do::Unquiesce:
        if (quiesced_[index] > 0) {
          --quiesced_[index];
          disk.unquiesce();
        }
        break;
      case Do::Freeze:
        disk.freeze();
        RC_ASSERT_FALSE(device_.has_some_of(disk));
        disk.unfreeze();
        break;
      case Do::Resize:
        disk.resize(std::min<u64>(step.where + 8, PropertyDevice::kBytes / blk::kSectorBytes));
        break;
      case Do::Remove:
        device_.disks[index].said.insert(Status::Removed);
        disk.remove();
        device_.forget(disk);
        break;
    }
    if (!step.plugged()) {
      submit_plug();
    }
  }

  void submit_plug() {
    List<Bio> batch;
    batch.splice_back(plug_);
    for (Bio& bio : batch) {
      bios_.expect(bio);
    }
    if (!batch.empty()) {
      disks_[plug_disk_]->submit(batch);
    }
  }

  // Each hart polls for what it has submitted so.
  void poll_for_all() {
    for (usize at = 0; at < bios_.all().size(); ++at) {
      const Io& io = *bios_.all()[at];
      if (io.ends == 0 && io.polled() && io.submitted) {
        as(io.hart, [&] { disks_[io.disk]->poll(); });
      }
    }
  }
  // --- The device ---

  void complete(const Step& step) {
    const auto now = [&] {
      device_.complete(step.count, step.where, step.status(), step.together());
    };
    if (step.in_irq()) {
      const IrqContext irq;
      now();
    } else {
      now();
    }
    if ((step.how >> 7 & 1) != 0) {
      world_.settle();
    }
  }

  void disturb(const Step& step) {
    switch (step.how % 6) {
      case 0:
        device_.room = (step.how >> 3 & 1) != 0 ? step.count : ~0u;
        break;
      case 1:
        device_.busy_next = step.count;
        break;
      case 2:
        device_.fail_next = step.count % 4;
        break;
      case 3:
        device_.timeout_answer = step.how >> 3;
        device_.swallow_next = machine_.timeout_ns == 0 ? 0 : step.count % 4;
        break;
      case 4:
        device_.stubborn_next = step.count % 3;
        break;
      default:
        device_.on_offer = [this, step] { submit_meanwhile(step); };
        break;
    }
  }

  // Another hart submits while the device is offered a request.
  void submit_meanwhile(const Step& step) {
    const u32 hart = (port::this_hart().index + 1) % machine_.harts;
    const u32 index = step.where % machine_.disks;
    if (hart == port::this_hart().index) {
      return;
    }
    world_.run_as(hart, [&] {
      ++world_.now_ticks;  // though who is passing on looked at the clock before
      Step bio{.what = Do::Bio,
               .hart = hart,
               .disk = index,
               .where = step.where,
               .count = step.count,
               .how = step.how >> 3 & 1};
      if (Io* const io = bios_.make(bio, index)) {
        bios_.submit(*io);
      }
    });
  }

  void calm() {
    device_.busy_next = device_.fail_next = 0;
    device_.swallow_next = device_.stubborn_next = 0;
    device_.room = ~0u;
    device_.on_offer = nullptr;
    device_.timeout_answer = 2;
  }

  // --- What must hold ---

  void check() {
    device_.check_told();
    RC_ASSERT(device_.complaint == "");
  }

  bool was_removed(u32 index) const { return disks_[index]->removed(); }

  void check_statistics(u32 index) {
    u64 succeeded = 0, blocks = 0;
    for (const auto& io : bios_.all()) {
      const bool counts = io->disk == index && io->counted;
      succeeded += counts && io->bio.status == Status::Ok ? 1 : 0;
      blocks += counts ? io->blocks : 0;
    }
    u64 parts = 0;
    for (u32 at = 0; at < blk::kDirections; ++at) {
      const auto direction = static_cast<blk::Direction>(at);
      const blk::Totals totals = disks_[index]->totals(direction);
      const PropertyDevice::Tally& tally = device_.disks[index].tally[at];
      u64 latencies = 0;
      for (const u64 count : totals.latency) {
        latencies += count;
      }
      RC_ASSERT(latencies == totals.requests);
      RC_ASSERT(totals.queue_ticks <= totals.requests * world_.now_ticks);
      RC_ASSERT(totals.device_ticks <= totals.requests * world_.now_ticks);
      parts += direction == blk::Direction::Flush ? 0 : totals.requests + totals.merges;
      if (!was_removed(index)) {  // what was held back at that time, the device knows nothing of
        RC_ASSERT(totals.requests == tally.requests);
        RC_ASSERT(totals.bytes == tally.bytes);
        RC_ASSERT(totals.errors == tally.errors);
      }
    }
    RC_ASSERT(succeeded <= parts);
    RC_ASSERT(parts <= blocks);
  }

  // Each queue that a hart reaches can start as many requests as it has tags.
  void check_tags() {
    const auto alive = std::find_if(disks_.begin(), disks_.end(), [](const auto& disk) {
      return !disk->removed() && disk->sectors() >= 8;
    });
    if (alive == disks_.end() || machine_.ends != PropertyDevice::Ends::Later) {
      return;
    }
    RC_ASSERT((*alive)->set_scheduler("none").has_value());
    std::set<const blk::HwQueue*> checked;
    for (u32 hart = 0; hart < machine_.harts; ++hart) {
      for (const blk::QueueType type :
           {blk::QueueType::Default, blk::QueueType::Read, blk::QueueType::Poll}) {
        world_.run_as(hart, [&] {
          if (checked.insert(&tags_->queue_of_this_hart(type)).second) {
            check_tags_of(type, **alive);
          }
        });
      }
    }
  }
  void check_tags_of(blk::QueueType type, Disk& disk) {
    const usize first = bios_.all().size();
    for (u32 number = 0; number <= machine_.shape.depth; ++number) {
      disk.submit(bios_.make_filler(type, disks_[0].get() == &disk ? 0 : 1)->bio);
    }
    RC_ASSERT(device_.has() == usize{machine_.shape.depth});
    for (u32 round = 0; round < 3; ++round) {
      disk.poll();
      device_.complete(~usize{0}, 0, Status::Ok, true);
      world_.settle();
    }
    for (usize at = first; at < bios_.all().size(); ++at) {
      RC_ASSERT(bios_.all()[at]->ends == 1u);
    }
  }

  const Machine machine_;
  World world_;
  PropertyDevice device_;
  std::unique_ptr<TagSet> tags_;
  Disks disks_;
  PropertyBios bios_{machine_, device_, disks_};
  std::vector<u32> quiesced_;
  List<Bio> plug_;
  u32 plug_disk_ = 0;
};

// For a crash in the middle, after which nothing shrinks any more.
const Machine* current_machine = nullptr;
const std::vector<Step>* current_steps = nullptr;
const std::terminate_handler kOldTerminate = std::set_terminate([] {
  if (current_machine != nullptr) {
    std::cerr << *current_machine;
    for (const Step& step : *current_steps) {
      std::cerr << step;
    }
    std::cerr << std::endl;
  }
  kOldTerminate();
});

void property() {
  const Machine machine = *machines();
  const std::vector<Step> all_steps = *steps();
  current_machine = &machine;
  current_steps = &all_steps;
  Run run(machine);
  try {
    for (const Step& step : all_steps) {
      run.take(step);
    }
    run.finish();
  } catch (...) {
    run.abandon();
    current_machine = nullptr;
    throw;
  }
  current_machine = nullptr;
}

TEST_CASE("random bios on random machines keep the content, end once and leave no tag behind") {
  CHECK(rc::check(&property));
}

TEST_CASE("a bio that another hart submits during a pass waits no negative time") {
  Machine machine{.harts = 2, .scheduler = 1};
  machine.shape = {.hw_queues = 2, .depth = 2};
  Run run(machine);
  run.take({.hart = 1, .where = 0});  // two that leave hart 1's queue no tag
  run.take({.hart = 1, .where = 2});
  run.take({.what = Do::Device, .where = 20, .how = 5});  // at the next offer, hart 1 submits
  run.take({.hart = 0, .where = 10});
  CHECK_NOTHROW(run.finish());
}

TEST_CASE("random bios on random machines, from many seeds", "[.long]") {
  const char* const given = std::getenv("SLUICE_PROPERTY_SEEDS");
  const u64 seeds = given == nullptr ? 5 : std::strtoull(given, nullptr, 10);
  for (u64 seed = 1; seed <= seeds; ++seed) {
    rc::detail::TestParams params;
    params.seed = seed;
    params.maxSuccess = 400;
    rc::detail::TestMetadata metadata;
    metadata.id = "seed " + std::to_string(seed);
    const auto result = rc::detail::checkTestable(&property, metadata, params);
    INFO("seed " << seed);
    std::ostringstream said;
    rc::detail::printResultMessage(result, said);
    INFO(said.str());
    CHECK(result.is<rc::detail::SuccessResult>());
  }
}

}  // namespace
}  // namespace sluice::test
