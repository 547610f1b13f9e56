// The host's port: what the kernel asks of the machine, passed on to the World.
#include <sluice_port.hpp>

#include "world.hpp"

#include <cstdlib>

#include <sluice/kernel/fail_alloc.hpp>
#include <sluice/kernel/hart.hpp>
#include <sluice/kernel/memory.hpp>

namespace sluice {

using test::World;

u32 hart_count() {
  return World::current().hart_count();
}
Hart& hart(u32 index) {
  return World::current().hart_at(index);
}

namespace port {
bool irq_save() {
  return std::exchange(World::current().mine().irqs_on, false);
}

void irq_restore(bool were_on) {
  World& world = World::current();
  world.mine().irqs_on = were_on;
  if (were_on && world.this_hart().context != Context::Irq) {
    world.deliver_to(world.this_hart().index);
  }
}

void relax() {
  World::current().relax();
}

Hart& this_hart() {
  return World::current().this_hart();
}
u64 ticks() {
  return World::current().ticks();
}
void set_timer(u64 ticks) {
  World::current().mine().timer_ticks = ticks;
}
void wake(Hart& hart) {
  World::current().wake(hart);
}
void idle() {
  World::current().idle();
}

namespace {
test::InterruptFile& interrupt_file() {
  test::InterruptFile* const file = World::current().interrupt_files[this_hart().index];
  if (file == nullptr) {
    throw test::Panic("illegal instruction: this hart has no interrupt file");
  }
  return *file;
}
}  // namespace

u64 imsic_read(u32 select) {
  return interrupt_file().read(select);
}
void imsic_write(u32 select, u64 value) {
  interrupt_file().write(select, value);
}
u32 imsic_claim() {
  return interrupt_file().claim();
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

PageWalk walk_page_tables(u64) {
  return World::current().page_walk;
}

std::byte* allocate_pages(usize count) {
  test::Arena& arena = World::current().arena;
  if (arena.allocations_left == 0 || fail_alloc::fails(count * kPageBytes)) {
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
bool dma_map(std::byte* data, u32 bytes, DmaDirection direction, u64 mask, BusAddr& bus,
             Errc& error) {
  const Result<BusAddr> mapped = World::current().arena.map(data, bytes, direction, mask);
  if (!mapped) {
    error = mapped.error();
    return false;
  }
  bus = *mapped;
  return true;
}
void dma_unmap(BusAddr bus, std::byte* data, u32 bytes, DmaDirection direction) {
  if (watcher != nullptr) {
    watcher->before_take_back();
  }
  World::current().arena.unmap(bus, data, bytes, direction);
}

void exit(u32 status) {
  throw test::Exit{status};
}
void reboot() {
  throw test::Exit{.reboots = true};
}
void panic(std::string_view message) {
  throw test::Panic(std::string(message));
}

}  // namespace port
}  // namespace sluice
