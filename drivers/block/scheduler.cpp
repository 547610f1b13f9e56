// The schedulers that there are.
#include <sluice/drivers/block/scheduler.hpp>

#include <array>
#include <utility>

#include <sluice/drivers/block/disk.hpp>
#include <sluice/drivers/block/kyber.hpp>
#include <sluice/drivers/block/mq_deadline.hpp>
#include <sluice/kernel/log.hpp>

namespace sluice::blk {
namespace {

constexpr std::array kNames = {kNoScheduler, MqDeadline::kName, Kyber::kName};

}  // namespace

std::span<const std::string_view> scheduler_names() {
  return kNames;
}

Result<std::unique_ptr<Scheduler>> make_scheduler(std::string_view name, Disk& disk) {
  if (name == kNoScheduler) {
    return nullptr;
  }
  if (name == MqDeadline::kName) {
    std::unique_ptr<Scheduler> made(new (std::nothrow) MqDeadline(disk));
    return made != nullptr ? Result<std::unique_ptr<Scheduler>>(std::move(made))
                           : fail(Errc::NoMemory);
  }
  if (name == Kyber::kName) {
    return Kyber::create(disk);
  }
  log::error("{}: no scheduler is called {}; there are none, mq-deadline and kyber", disk.name(),
             name);
  return fail(Errc::NotFound);
}

}  // namespace sluice::blk
