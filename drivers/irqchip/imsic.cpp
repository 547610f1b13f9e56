// From the node of an IMSIC to the interrupt files of the harts.
#include <sluice/drivers/irqchip/imsic.hpp>

#include <sluice/kernel/isa.hpp>
#include <sluice/kernel/lock.hpp>
#include <sluice/kernel/log.hpp>
#include <sluice/kernel/work.hpp>

namespace sluice::irqchip {
namespace {

constexpr u64 kPageBytes = 4096;
constexpr u32 kPageShift = 12;

// 3.8: registers of an interrupt file, by what is written to siselect.
constexpr u32 kDelivery = 0x70;   // eidelivery
constexpr u32 kThreshold = 0x72;  // eithreshold
constexpr u32 kPending = 0x80;    // eip0, eip2, …: 64 identities each
constexpr u32 kEnable = 0xc0;     // eie0, eie2, …
constexpr u64 kDeliver = 1;

// What the binding says of where the files are: an address is made of the bits that all have in
// common, the group's, the hart's, the guest's, and the place in the page. The numbers of bits are
// those of 3.6, and 4.9.1's LHXS is `guest_bits`, LHXW `hart_bits`, HHXW `group_bits`.
struct Layout {
  u32 guest_bits = 0;
  u32 hart_bits = 0;
  u32 group_bits = 0;
  u32 group_shift = 24;

  bool makes_sense() const {
    const u32 below = kPageShift + guest_bits + hart_bits;
    return guest_bits <= 7 && hart_bits <= 14 && group_bits <= 7 && group_shift <= 55 &&
           hart_bits + group_bits <= 14 && (group_bits == 0 || group_shift >= below);
  }
  u64 hart_mask() const { return (u64{1} << hart_bits) - 1; }
  u64 group_mask() const { return (u64{1} << group_bits) - 1; }
  u32 hart_shift() const { return kPageShift + guest_bits; }
  u64 common(u64 address) const {
    return address & ~(hart_mask() << hart_shift()) & ~(group_mask() << group_shift);
  }
  u32 hart_index(u64 address) const {
    const u64 hart = address >> hart_shift() & hart_mask();
    const u64 group = address >> group_shift & group_mask();
    return static_cast<u32>(group << hart_bits | hart);
  }
};

Layout read_layout(fdt::Node node) {
  Layout layout;
  const usize entries = hart_entry_count(node);
  while (usize{1} << layout.hart_bits < entries) {
    ++layout.hart_bits;
  }
  layout.guest_bits = node.cell("riscv,guest-index-bits").value_or(0);
  layout.hart_bits = node.cell("riscv,hart-index-bits").value_or(layout.hart_bits);
  layout.group_bits = node.cell("riscv,group-index-bits").value_or(0);
  layout.group_shift = node.cell("riscv,group-index-shift").value_or(24);
  return layout;
}

// The address of the file of entry `place`: the files of the entries fill the register ranges one
// after the other.
std::optional<u64> file_address(const dev::Device& device, const Layout& layout, u32 place) {
  u64 offset = u64{place} << layout.hart_shift();
  for (const dev::MmioResource& range : std::span(device.mmio).first(device.mmio_count)) {
    if (offset < range.bytes) {
      return range.bytes - offset >= kPageBytes ? std::optional(range.base.value() + offset)
                                                : std::nullopt;
    }
    offset -= range.bytes;
  }
  return std::nullopt;
}

// The hart index for target registers; kNoEntry, logged: there is no way to that hart's file.
u32 find_file(const dev::Device& device, const Layout& layout, const HartEntries& entries,
              const Hart& hart) {
  const u32 place = entries.place[hart.index];
  if (place == kNoEntry) {
    log::error("{}: there is no supervisor entry for hart {} in interrupts-extended", device.name(),
               hart.id);
    return kNoEntry;
  }
  if (!isa::has_extension(entries.cpu[hart.index], "ssaia")) {
    log::error("{}: hart {} does not have the extension Ssaia, and so no interrupt file",
               device.name(), hart.id);
    return kNoEntry;
  }
  const std::optional<u64> address = file_address(device, layout, place);
  if (!address) {
    log::error("{}: the interrupt file of entry {} lies beyond the registers", device.name(),
               place);
    return kNoEntry;
  }
  if (*address % kPageBytes != 0 ||
      layout.common(*address) != layout.common(device.mmio[0].base.value())) {
    log::error(
        "{}: no message reaches an interrupt file at {:#x}: {} group, {} hart and {} guest "
        "bits, base {:#x}",
        device.name(), *address, layout.group_bits, layout.hart_bits, layout.guest_bits,
        device.mmio[0].base);
    return kNoEntry;
  }
  log::info("{}: interrupt file at {:#x} for hart {}", device.name(), *address, hart.id);
  return layout.hart_index(*address);
}

// What a hart does with its own file, which no other can reach.
struct SetUp {
  u32 identities;
  bool on;
  bool delivers = false;

  static void run(void* context) {
    auto& self = *static_cast<SetUp*>(context);
    const IrqGuard irqs_off;  // siselect is one for all
    port::imsic_write(kDelivery, 0);
    for (u32 first = 0; self.on && first < self.identities; first += 64) {
      const u32 select = first / 32;  // with 64 bits, those with odd numbers do not exist
      port::imsic_write(kPending + select, 0);
      port::imsic_write(kEnable + select, first == 0 ? ~u64{1} : ~u64{0});
    }
    if (self.on) {
      port::imsic_write(kThreshold, 0);  // nothing is held back
      port::imsic_write(kDelivery, kDeliver);
      self.delivers = port::imsic_read(kDelivery) == kDeliver;
    }
  }
  void run_at(Hart& hart) {
    if (&hart == &port::this_hart()) {
      run(this);
      return;
    }
    Job job(run, this);
    run_on(hart, job);
    job.wait();
  }
};

// So that what is still pending when the driver goes interrupts nobody.
void quiet(void* context) {
  const Imsic& imsic = *static_cast<const Imsic*>(context);
  for (u32 i = 0; i < hart_count(); ++i) {
    if (imsic.hart_index(hart(i)) != kNoEntry) {
      SetUp{imsic.identities(), false}.run_at(hart(i));
    }
  }
}

constexpr std::array<std::string_view, 1> kCompatibles{"riscv,imsics"};

}  // namespace

Imsic* Imsic::find(const dev::Bus& bus, fdt::Node node) {
  for (const dev::Device& device : bus.devices()) {
    if (device.node == node && device.state() == dev::State::Bound &&
        device.driver()->name() == ImsicDriver::kName) {
      return static_cast<Imsic*>(device.driver_data);
    }
  }
  return nullptr;
}

std::span<const std::string_view> ImsicDriver::compatibles() const {
  return kCompatibles;
}

Result<void> ImsicDriver::probe(dev::Device& device) {
  const HartEntries entries = find_hart_entries(device.node, ~u32{0});
  if (entries.machine_only()) {
    return device.reject(Errc::NotFound, "its interrupts are machine mode's: the firmware's");
  }
  const u32 identities = device.node.cell("riscv,num-ids").value_or(0);
  if (identities < 63 || identities > 2047 || identities % 64 != 63) {
    log::error("{}: riscv,num-ids is {}, not one less than a multiple of 64 up to 2048",
               device.name(), identities);
    return device.reject(Errc::Malformed, "its riscv,num-ids makes no sense");
  }
  const Layout layout = read_layout(device.node);
  if (!layout.makes_sense()) {
    log::error("{}: files with {} guest, {} hart and {} group bits from bit {} on cannot be",
               device.name(), layout.guest_bits, layout.hart_bits, layout.group_bits,
               layout.group_shift);
    return device.reject(Errc::Malformed, "the bits of its files' addresses make no sense");
  }
  std::array<u32, kMaxHarts> hart_indexes;
  hart_indexes.fill(kNoEntry);
  for (u32 i = 0; i < hart_count(); ++i) {
    hart_indexes[i] = find_file(device, layout, entries, hart(i));
    SetUp set_up{identities, true};
    if (hart_indexes[i] == kNoEntry) {
      continue;
    }
    set_up.run_at(hart(i));
    if (!set_up.delivers) {
      log::error("{}: the interrupt file of hart {} does not deliver", device.name(), hart(i).id);
      hart_indexes[i] = kNoEntry;
    }
  }
  if (hart_indexes[0] == kNoEntry) {
    return device.reject(Errc::Malformed, "it has no interrupt file for the hart that booted");
  }
  Imsic* const imsic = TRY(device.make<Imsic>(identities, hart_indexes));
  TRY(device.add_release(quiet, imsic));
  device.driver_data = imsic;
  return {};
}

}  // namespace sluice::irqchip
