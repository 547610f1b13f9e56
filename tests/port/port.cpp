// The host's port and the World behind it.
#include <sluice_port.hpp>

#include "world.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/timer.hpp>
#include <sluice/kernel/work.hpp>

namespace sluice::test {
namespace {

World* current_world = nullptr;
World* fallback_world =
    nullptr;  // for code that only needs a hart and a clock; gives way to a test's own
constexpr std::byte kPoison{0xdb};

}  // namespace

// --- Arena
// -----------------------------------------------------------------------------------------------------------

u64 Arena::place(usize bytes, usize alignment) {
  const u64 bus = align_up(next_bus_, std::max<usize>(alignment, 16));
  next_bus_ = bus + bytes + 64;  // nothing lives directly behind it
  return bus;
}

Result<port::DmaBlock> Arena::allocate(usize bytes, usize alignment, u64 mask) {
  if (allocations_left == 0) {
    return fail(Errc::NoMemory);
  }
  --allocations_left;
  const u64 bus = place(bytes, alignment);
  if (bus + bytes - 1 > mask) {
    return fail(Errc::OutOfRange);
  }
  Region region{std::make_unique<std::byte[]>(bytes), bytes, false};
  std::fill_n(region.storage.get(), bytes, kPoison);
  std::byte* data = region.storage.get();
  regions_.emplace(bus, std::move(region));
  return port::DmaBlock{data, BusAddr(bus), bytes};
}

void Arena::free(const port::DmaBlock& block) {
  if (regions_.erase(block.bus.value()) != 1) {
    throw Panic("DMA memory freed that was not allocated");
  }
}

Result<BusAddr> Arena::map(std::byte* data, u32 bytes, port::DmaDirection direction, u64 mask) {
  if (bytes == 0) {
    throw Panic("mapping of no bytes");
  }
  if (allocations_left == 0) {
    return fail(Errc::NoMemory);
  }
  --allocations_left;
  // An odd offset, so that nobody counts on the alignment of a caller's memory.
  const u64 bus = place(bytes, 1) + 1;
  next_bus_ += 1;
  if (bus + bytes - 1 > mask) {
    return fail(Errc::OutOfRange);
  }
  Region region{std::make_unique<std::byte[]>(bytes), bytes, true};
  if (direction == port::DmaDirection::ToDevice) {
    std::memcpy(region.storage.get(), data, bytes);
  } else {
    std::fill_n(region.storage.get(), bytes, kPoison);
  }
  regions_.emplace(bus, std::move(region));
  return BusAddr(bus);
}

void Arena::unmap(BusAddr bus, std::byte* data, u32 bytes, port::DmaDirection direction) {
  const auto found = regions_.find(bus.value());
  if (found == regions_.end() || !found->second.mapping || found->second.bytes != bytes) {
    throw Panic("unmapping of what is not mapped");
  }
  if (direction == port::DmaDirection::FromDevice) {
    std::memcpy(data, found->second.storage.get(), bytes);
  }
  regions_.erase(found);
}

std::span<std::byte> Arena::at(u64 bus, u64 bytes) {
  auto after = regions_.upper_bound(bus);
  if (after == regions_.begin()) {
    return {};
  }
  const auto& [start, region] = *--after;
  if (bus - start > region.bytes || region.bytes - (bus - start) < bytes) {
    return {};
  }
  return {region.storage.get() + (bus - start), bytes};
}

usize Arena::live_mappings() const {
  return static_cast<usize>(std::count_if(regions_.begin(), regions_.end(),
                                          [](const auto& entry) { return entry.second.mapping; }));
}

// --- FakeController
// --------------------------------------------------------------------------------------------------

FakeController::FakeController(u32 phandle) : Controller("fake-irqchip", phandle, actions_) {}
FakeController::~FakeController() = default;

bool FakeController::deliverable() const {
  for (u32 source = 0; source < kSources; ++source) {
    if (pending_[source] && enabled_[source]) {
      return true;
    }
  }
  return false;
}

void FakeController::handle_pending() {
  for (u32 source = 0; source < kSources; ++source) {
    if (pending_[source] && enabled_[source]) {
      pending_[source] = false;  // a level that stays up is raised again by its device
      dispatch(source);
    }
  }
}

// --- World
// -----------------------------------------------------------------------------------------------------------

World::World() {
  if (current_world != fallback_world) {
    throw Panic("two worlds at once");
  }
  current_world = this;
  clock::set_frequency(1'000'000'000);
  irq::add_controller(controller);
}

World::~World() noexcept(false) {
  irq::remove_controller(controller);
  current_world = fallback_world;
  if (arena.live() != 0 && std::uncaught_exceptions() == 0) {
    throw Panic("DMA memory or mappings left over: " + std::to_string(arena.live()));
  }
}

World& World::current() {
  if (current_world == nullptr) {
    fallback_world = new World;  // lives as long as the process
    irq::remove_controller(fallback_world->controller);
  }
  return *current_world;
}

void World::deliver() {
  const Context interrupted = hart.context;
  while (irqs_on && (controller.deliverable() || timer_ticks <= now_ticks)) {
    hart.context = Context::Irq;
    irqs_on = false;
    ++hart.interrupts;
    if (timer_ticks <= now_ticks) {
      timer_ticks = ~u64{0};
      run_expired_timers();
    }
    irq::handle_external();
    irqs_on = true;
    hart.context = interrupted;
  }
}

void World::advance_ns(u64 ns) {
  now_ticks += ns;
  deliver();
}

void World::settle() {
  bool again = true;
  while (again) {
    deliver();
    again = run_pending_work();
    for (const auto& step : steps) {
      again = step() || again;
    }
    again = again || (irqs_on && controller.deliverable());
  }
}

}  // namespace sluice::test

namespace sluice::port {

using test::World;

bool irq_save() {
  return std::exchange(World::current().irqs_on, false);
}

void irq_restore(bool were_on) {
  World::current().irqs_on = were_on;
  if (were_on && test::World::current().hart.context != Context::Irq) {
    World::current().deliver();
  }
}

Hart& this_hart() {
  return World::current().hart;
}
u64 ticks() {
  return World::current().now_ticks;
}
void set_timer(u64 ticks) {
  World::current().timer_ticks = ticks;
}
void wake(Hart&) {}

void idle() {
  World& world = World::current();
  if (world.controller.deliverable()) {
    return;
  }
  for (const auto& step : world.steps) {
    if (step() || world.controller.deliverable()) {
      return;
    }
  }
  if (world.timer_ticks == ~u64{0}) {
    throw test::Panic("idle for ever: no device has anything to do and no timer is armed");
  }
  world.now_ticks = std::max(world.now_ticks, world.timer_ticks);
}

Result<MmioRegion*> map_device(PhysAddr base, u64 bytes) {
  const auto& registers = World::current().registers_;
  const auto found = registers.find(base.value());
  if (found == registers.end() || bytes > found->second->bytes()) {
    return fail(Errc::NotFound);
  }
  return found->second;
}

void unmap_device(MmioRegion*) {}

std::byte* allocate_pages(usize count) {
  test::Arena& arena = World::current().arena;
  if (arena.allocations_left == 0) {
    return nullptr;
  }
  --arena.allocations_left;
  return static_cast<std::byte*>(std::aligned_alloc(4096, count * 4096));
}
void free_pages(std::byte* pages, usize) {
  std::free(pages);
}

Result<DmaBlock> dma_allocate(usize bytes, usize alignment, u64 mask) {
  return World::current().arena.allocate(bytes, alignment, mask);
}
void dma_free(const DmaBlock& block) {
  World::current().arena.free(block);
}
Result<BusAddr> dma_map(std::byte* data, u32 bytes, DmaDirection direction, u64 mask) {
  return World::current().arena.map(data, bytes, direction, mask);
}
void dma_unmap(BusAddr bus, std::byte* data, u32 bytes, DmaDirection direction) {
  World::current().arena.unmap(bus, data, bytes, direction);
}

void exit(u32 status) {
  throw test::Exit{status};
}
void panic(std::string_view message) {
  throw test::Panic(std::string(message));
}

}  // namespace sluice::port
