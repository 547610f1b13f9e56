// The PLIC's registers, and the life of an interrupt: pending, claimed, dispatched, completed.
#include <sluice/drivers/irqchip/plic.hpp>

#include <array>
#include <memory>

#include <sluice/kernel/hart.hpp>
#include <sluice/kernel/lock.hpp>
#include <sluice/kernel/log.hpp>

namespace sluice::irqchip {
namespace {

constexpr u32 kMaxSources = 1023;    // chapter 1: source 0 does not exist
constexpr u32 kMaxContexts = 15872;  // chapter 3
constexpr u32 kSupervisorExternal =
    9;  // the cause in scause: which of a hart's two contexts is meant
constexpr u32 kMaxClaims =
    64;  // of one handle_pending(): the trap handler is entered again for the rest

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

class Plic final : public irq::Controller {
 public:
  Plic(std::string_view name, u32 phandle, MmioRegion& registers, u32 context,
       std::unique_ptr<irq::Action[]> actions, u32 sources)
      : Controller(name, phandle, {actions.get(), sources + 1}),
        registers_(registers),
        context_(context),
        sources_(sources),
        actions_(std::move(actions)) {}

  // Nothing enabled, every enabled source let through.
  void reset() {
    // QEMU's riscv,ndev counts source 0 too: with 96 there is no word for a source 96, and QEMU
    // says so.
    for (u32 word = 0; word < (sources_ + 31) / 32; ++word) {
      registers_.write32(enables_of(context_, word), 0);
    }
    for (u32 source = 1; source <= sources_; ++source) {
      registers_.write32(priority_of(source), 0);
    }
    registers_.write32(threshold_of(context_), 0);
  }

  void enable(u32 source) override {
    registers_.write32(priority_of(source), 1);
    set_enabled(source, true);
  }
  void disable(u32 source) override { set_enabled(source, false); }
  void handle_pending() override;

 private:
  bool enabled(u32 source) const { return (enables_[source / 32] >> source % 32 & 1) != 0; }
  void set_enabled(u32 source, bool on) {
    const IrqGuard irqs_off;  // the word is shared with other sources
    u32& word = enables_[source / 32];
    const u32 bit = u32{1} << source % 32;
    word = on ? word | bit : word & ~bit;
    registers_.write32(enables_of(context_, source / 32), word);
  }
  void complete(u32 source);

  MmioRegion& registers_;
  u32 context_;
  u32 sources_;
  std::unique_ptr<irq::Action[]> actions_;
  std::array<u32, kMaxSources / 32 + 1> enables_{};  // what we wrote
  bool bad_claim_seen_ = false;
};

void Plic::handle_pending() {
  for (u32 claims = 0; claims < kMaxClaims; ++claims) {
    const u32 source = registers_.read32(claim_of(context_));
    if (source == 0) {
      return;  // spurious, or all served
    }
    if (source > sources_) {
      if (!bad_claim_seen_) {
        log::error("{}: claimed source {} of {}", name(), source, sources_);
        bad_claim_seen_ = true;
      }
      return;
    }
    dispatch(source);
    complete(source);
  }
}

void Plic::complete(u32 source) {
  // Chapter 8: the completion of a source that is not enabled is ignored, and the source would stay
  // claimed for ever.
  const bool was_enabled = enabled(source);
  if (!was_enabled) {
    set_enabled(source, true);
  }
  registers_.write32(claim_of(context_), source);
  if (!was_enabled) {
    set_enabled(source, false);
  }
}

// The context of this hart's supervisor mode: the place of its entry in interrupts-extended, whose
// entries are (a hart's interrupt controller, its cells).
std::optional<u32> find_context(fdt::Node node) {
  for (u32 at = 0, context = 0; context < kMaxContexts; ++context) {
    const std::optional<u32> phandle = node.cell_at("interrupts-extended", at);
    const std::optional<u32> cause = node.cell_at("interrupts-extended", at + 1);
    if (!phandle || !cause) {
      return std::nullopt;
    }
    const fdt::Node intc = node.tree()->find_phandle(*phandle);
    if (*cause == kSupervisorExternal) {
      const std::optional<fdt::Range> hart = intc.parent().reg(0);
      if (hart && hart->base == port::this_hart().id) {
        return context;
      }
    }
    at += 1 + intc.cell("#interrupt-cells").value_or(1);
  }
  return std::nullopt;
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
  const std::optional<u32> context = find_context(device.node);
  if (!context) {
    log::error("{}: interrupts-extended has no supervisor entry for hart {}", device.name(),
               port::this_hart().id);
    return device.reject(Errc::Malformed, "its interrupts-extended does not name this hart");
  }
  MmioRegion* registers = TRY(device.map_mmio(0));
  if (registers->bytes() < claim_of(*context) + 4) {
    log::error("{}: context {} needs {:#x} bytes of registers and there are {:#x}", device.name(),
               *context, claim_of(*context) + 4, registers->bytes());
    return device.reject(Errc::Malformed, "its registers end before this hart's context");
  }
  std::unique_ptr<irq::Action[]> actions(new (std::nothrow) irq::Action[sources + 1]);
  if (actions == nullptr) {
    return fail(Errc::NoMemory);
  }
  Plic* plic = TRY(device.make<Plic>(device.name(), *phandle, *registers, *context,
                                     std::move(actions), sources));
  plic->reset();
  TRY(device.add_release(
      [](void* controller) { irq::remove_controller(*static_cast<Plic*>(controller)); }, plic));
  irq::add_controller(*plic);
  device.driver_data = plic;
  log::info("{}: {} sources, context {} for hart {}", device.name(), sources, *context,
            port::this_hart().id);
  return {};
}

}  // namespace sluice::irqchip
