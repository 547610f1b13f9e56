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
  MmioTransport* const transport = TRY(slot.make<MmioTransport>(*regs, *identity, slot.name()));
  std::array<char, 24> name;
  Device* const device = TRY(slot.make<Device>(free_name(*bus, name), &slot, *transport));
  TRY(slot.request_irq(
      0, [](void* context) { static_cast<Device*>(context)->handle_interrupt(); }, device, device));
  slot.driver_data = device;
  return bus->add_device(*device);
}

void MmioDriver::remove(dev::Device& slot) {
  Device& device = *static_cast<Device*>(slot.driver_data);
  device.bus()->remove_device(device);
}

}  // namespace sluice::virtio
