// The PLIC's registers, and the life of an interrupt: pending, claimed, dispatched, completed.
#include <sluice/drivers/irqchip/plic.hpp>

#include <array>
#include <atomic>
#include <memory>

#include <sluice/drivers/irqchip/hart_entries.hpp>
#include <sluice/kernel/hart.hpp>
#include <sluice/kernel/irq_dispatch.hpp>
#include <sluice/kernel/lock.hpp>
#include <sluice/kernel/log.hpp>

namespace sluice::irqchip {
namespace {

constexpr u32 kMaxSources = 1023;    // chapter 1: source 0 does not exist
constexpr u32 kMaxContexts = 15872;  // chapter 3
constexpr u32 kNoContext = kNoEntry;

// Chapter 3, the memory map; offsets in bytes.
constexpr u64 priority_of(u32 source) {
  return u64{4} * source;
}
constexpr u64 enables_of(u32 context, u32 word) {
  return 0x2000 + u64{0x80} * context + u64{4} * word;
}
constexpr u64 threshold_of(u32 context) {
  return 0x20'0000 + u64{0x1000} * context;
}
constexpr u64 claim_of(u32 context) {
  return threshold_of(context) + 4;
}

// The context of each hart, by the hart's index; kNoContext: the device tree has none.
using Contexts = std::array<u32, kMaxHarts>;

class Plic final : public irq::Controller {
 public:
  Plic(std::string_view name, u32 phandle, MmioRegion& registers, const Contexts& contexts,
       std::unique_ptr<irq::Action[]> actions, u32 sources)
      : Controller(name, phandle, {actions.get(), sources + 1}, &serve),
        registers_(registers),
        contexts_(contexts),
        sources_(sources),
        actions_(std::move(actions)) {
    for (u32 hart = 0; hart < kMaxHarts; ++hart) {
      claims_[hart] = {static_cast<u32>(claim_of(contexts_[hart]))};
    }
  }

  void reset();

  bool reaches(const Hart& hart) const override { return contexts_[hart.index] != kNoContext; }
  void enable(u32 source, Hart& hart) override;
  void disable(u32 source, Hart& hart) override;

 private:
  static void serve(Controller* controller) { static_cast<Plic*>(controller)->serve_one(); }
  void serve_one();
  void set_enabled(u32 source, u32 hart, bool on);
  void complete_elsewhere(u32 source, u32 hart);
  void refuse_claim(u32 source);

  MmioRegion& registers_;
  std::array<Reg<u32, ReadWrite>, kMaxHarts> claims_{};  // where each hart claims
  Contexts contexts_;
  u32 sources_;
  std::unique_ptr<irq::Action[]> actions_;
  SpinLock lock_;                                                           // protects the next
  std::array<std::array<u32, kMaxSources / 32 + 1>, kMaxHarts> enables_{};  // what we wrote
  std::atomic<u32> bad_claim_seen_{0};
};

// Nothing enabled, every enabled source let through.
void Plic::reset() {
  for (const u32 context : contexts_) {
    if (context == kNoContext) {
      continue;
    }
    // QEMU's riscv,ndev counts source 0 too: with 96 there is no word for a source 96, and QEMU
    // says so.
    for (u32 word = 0; word < (sources_ + 31) / 32; ++word) {
      registers_.write32(enables_of(context, word), 0);
    }
    registers_.write32(threshold_of(context), 0);
  }
  for (u32 source = 1; source <= sources_; ++source) {
    registers_.write32(priority_of(source), 0);
  }
}

// The lock is held: the word is shared with other sources.
void Plic::set_enabled(u32 source, u32 hart, bool on) {
  u32& word = enables_[hart][source / 32];
  const u32 bit = u32{1} << source % 32;
  word = on ? word | bit : word & ~bit;
  registers_.write32(enables_of(contexts_[hart], source / 32), word);
}

void Plic::enable(u32 source, Hart& hart) {
  const LockGuard guard(lock_);
  registers_.write32(priority_of(source), 1);
  set_enabled(source, hart.index, true);
}

void Plic::disable(u32 source, Hart& hart) {
  const LockGuard guard(lock_);
  set_enabled(source, hart.index, false);
}

inline void Plic::serve_one() {
  const Reg<u32, ReadWrite> claim = claims_[port::this_hart().index];
  const u32 source = registers_.read(claim);
  if (source - 1 >= sources_) [[unlikely]] {
    refuse_claim(source);
    return;
  }
  if (dispatch_inlined(source)) [[likely]] {
    registers_.write(claim, source);
  } else {
    complete_elsewhere(source, port::this_hart().index);
  }
}

[[gnu::cold, gnu::noinline]] void Plic::refuse_claim(u32 source) {
  // 0: spurious, or another hart was faster.
  if (source != 0 && bad_claim_seen_.exchange(1, std::memory_order_relaxed) == 0) {
    log::error("{}: claimed source {} of {}", name(), source, sources_);
  }
}

// Chapter 8: the completion of a source that is not enabled for the context is ignored, and the
// source would stay claimed for ever. So it is enabled here for that moment, and nowhere else.
[[gnu::cold, gnu::noinline]] void Plic::complete_elsewhere(u32 source, u32 hart) {
  const LockGuard guard(lock_);
  u32 owner = hart;
  for (u32 other = 0; other < kMaxHarts; ++other) {
    if ((enables_[other][source / 32] >> source % 32 & 1) != 0) {
      owner = other;
    }
  }
  if (owner != hart) {
    set_enabled(source, owner, false);
  }
  set_enabled(source, hart, true);
  registers_.write(claims_[hart], source);
  set_enabled(source, hart, false);
  if (owner != hart) {
    set_enabled(source, owner, true);
  }
}

// The context of each hart's supervisor mode: the place of its entry. One beyond the registers' end
// is none.
Contexts find_contexts(fdt::Node node, u64 register_bytes) {
  Contexts contexts = find_hart_entries(node, kMaxContexts).place;
  for (u32& context : contexts) {
    if (context != kNoContext && claim_of(context) + 4 > register_bytes) {
      log::error("{}: context {} needs {:#x} bytes of registers and there are {:#x}", node.name(),
                 context, claim_of(context) + 4, register_bytes);
      context = kNoContext;
    }
  }
  return contexts;
}

constexpr std::array<std::string_view, 2> kCompatibles{"sifive,plic-1.0.0", "riscv,plic0"};

}  // namespace

std::span<const std::string_view> PlicDriver::compatibles() const {
  return kCompatibles;
}

Result<void> PlicDriver::probe(dev::Device& device) {
  const u32 sources = device.node.cell("riscv,ndev").value_or(0);
  if (sources == 0 || sources > kMaxSources) {
    log::error("{}: riscv,ndev is {}, not 1 to {}", device.name(), sources, kMaxSources);
    return device.reject(Errc::Malformed, "its riscv,ndev makes no sense");
  }
  const std::optional<u32> phandle = device.node.cell("phandle");
  if (!phandle) {
    return device.reject(Errc::Malformed, "it has no phandle, so that nobody can name it");
  }
  MmioRegion* registers = TRY(device.map_mmio(0));
  const Contexts contexts = find_contexts(device.node, registers->bytes());
  for (u32 i = 0; i < hart_count(); ++i) {
    if (contexts[i] == kNoContext) {
      log::error("{}: there is no supervisor entry for hart {} in interrupts-extended",
                 device.name(), hart(i).id);
    }
  }
  if (contexts[0] == kNoContext) {
    return device.reject(Errc::Malformed, "it has no context for the hart that booted");
  }
  std::unique_ptr<irq::Action[]> actions(new (std::nothrow) irq::Action[sources + 1]);
  if (actions == nullptr) {
    return fail(Errc::NoMemory);
  }
  Plic* plic = TRY(device.make<Plic>(device.name(), *phandle, *registers, contexts,
                                     std::move(actions), sources));
  plic->reset();
  TRY(device.add_release(
      [](void* controller) { irq::remove_controller(*static_cast<Plic*>(controller)); }, plic));
  irq::add_controller(*plic);
  device.driver_data = plic;
  for (u32 i = 0; i < hart_count(); ++i) {
    if (contexts[i] != kNoContext) {
      log::info("{}: {} sources, context {} for hart {}", device.name(), sources, contexts[i],
                hart(i).id);
    }
  }
  return {};
}

}  // namespace sluice::irqchip
