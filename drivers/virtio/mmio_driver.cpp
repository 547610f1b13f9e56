// Finding virtio devices in the slots that the device tree names.
#include <sluice/drivers/virtio/bus.hpp>
#include <sluice/drivers/virtio/mmio_transport.hpp>
#include <sluice/kernel/log.hpp>

namespace sluice::virtio {
namespace {

// "virtio0", "virtio1", …: the first that is free.
std::string_view free_name(const dev::Bus& bus, std::span<char> storage) {
  for (u32 number = 0;; ++number) {
    BufferSink sink(storage);
    format_to(sink, "virtio{}", number);
    if (bus.find_device(sink.text()) == nullptr) {
      return sink.text();
    }
  }
}

}  // namespace

std::span<const std::string_view> MmioDriver::compatibles() const {
  static constexpr std::array<std::string_view, 1> kCompatibles{"virtio,mmio"};
  return kCompatibles;
}

Result<void> MmioDriver::probe(dev::Device& slot) {
  dev::Bus* const bus = dev::find_bus(virtio::Driver::kBusName);
  if (bus == nullptr) {
    return slot.defer("the virtio bus");
  }
  MmioRegion* const regs = TRY(slot.map_mmio(0));
  const Result<MmioTransport::Identity> identity = MmioTransport::identify(*regs, slot.name());
  if (!identity) {
    return slot.reject(identity.error(), identity.error() == Errc::NotFound
                                             ? "an empty slot"
                                             : "no virtio device that this driver knows");
  }
  if (identity->version == 1 && !legacy_noted_) {
    log::info("{}: virtio-mmio version 1 (legacy), QEMU's default; for version 2: {}", slot.name(),
              "-global virtio-mmio.force-legacy=false, as run.sh has it without --legacy");
    legacy_noted_ = true;
  }
  MmioTransport* const transport = TRY(slot.make<MmioTransport>(*regs, *identity, slot.name()));
  std::array<char, 24> name;
  Device* const device = TRY(slot.make<Device>(free_name(*bus, name), &slot, *transport));
  TRY(slot.request_irq(
      0, [](void* context) { static_cast<Device*>(context)->handle_interrupt(); }, device, device));
  return slot.add_child(*bus, *device);
}

}  // namespace sluice::virtio
