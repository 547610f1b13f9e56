// Devices: what they are called, why they wait, and the resources that their drivers took.
#include <sluice/drivers/base/device.hpp>

#include <algorithm>

#include <sluice/drivers/base/bus.hpp>
#include <sluice/kernel/log.hpp>
#include <sluice/kernel/panic.hpp>

namespace sluice::dev {

std::string_view to_string(State state) {
  switch (state) {
    case State::Unbound:
      return "unbound";
    case State::Probing:
      return "probing";
    case State::Deferred:
      return "deferred";
    case State::Bound:
      return "bound";
    case State::Failed:
      return "failed";
  }
  return "unknown";
}

Device::Device(std::string_view name, Device* parent)
    : parent_(parent),
      probe_job_(
          [](void* self) {
            auto& device = *static_cast<Device*>(self);
            device.probe_result_ = device.bus_->probe(device);
          },
          this) {
  std::copy_n(name.begin(), std::min(name.size(), name_.size() - 1), name_.begin());
}

Device::~Device() {
  // The driver would be left with a device that is gone.
  SLUICE_ASSERT(bus_ == nullptr);
  release_all();
  remove_links();
}

std::string_view Device::class_name() const {
  return state_ == State::Bound ? driver_->class_name() : std::string_view{};
}

void Device::set_reason(std::string_view reason) {
  reason_ = {};
  if (state_ == State::Bound) {
    return;  // it asked for more than its probe did, and can do without
  }
  std::copy_n(reason.begin(), std::min(reason.size(), reason_.size() - 1), reason_.begin());
}

std::unexpected<Errc> Device::defer(std::string_view waits_for) {
  std::array<char, sizeof(reason_)> text{};
  BufferSink sink(text);
  format_to(sink, "waits for {}", waits_for);
  set_reason(sink.text());
  return fail(Errc::Defer);
}

std::unexpected<Errc> Device::reject(Errc error, std::string_view why) {
  set_reason(why);
  return fail(error);
}

Result<MmioRegion*> Device::map_mmio(u32 index) {
  if (index >= mmio_count || mmio[index].bytes == 0) {
    return reject(Errc::OutOfRange, "it has no such registers");
  }
  const auto [base, bytes] = mmio[index];
  // A place that the widest access would have to straddle is no place for registers.
  const bool aligned = base.value() % sizeof(u32) == 0;
  const Result<MmioRegion*> region =
      aligned ? port::map_device(base, bytes) : fail(Errc::Malformed);
  if (!region) {
    log::error("{}: its registers at {:#x} ({:#x} bytes) cannot be mapped: {}", name(), base, bytes,
               aligned ? to_string(region.error()) : "not aligned");
    // That no registers are there is no empty place: the device's description is wrong.
    const Errc error = region.error() == Errc::NotFound ? Errc::OutOfRange : region.error();
    return reject(error, "its registers cannot be mapped");
  }
  const Result<void> added = add_release(
      [](void* context) { port::unmap_device(static_cast<MmioRegion*>(context)); }, *region);
  if (!added) {
    port::unmap_device(*region);
    return fail(added.error());
  }
  return *region;
}

// By name: it may be one that no driver of the image knows.
std::unexpected<Errc> Device::defer_for_controller(u32 phandle) {
  const fdt::Node controller = node ? node.tree()->find_phandle(phandle) : fdt::Node{};
  if (!controller) {
    return defer(node ? "its interrupt controller, which the device tree lacks"
                      : "its interrupt controller");
  }
  std::array<char, sizeof(reason_)> text{};
  BufferSink sink(text);
  format_to(sink, "its interrupt controller, {}", controller.name());
  return defer(sink.text());
}

Result<void> Device::request_irq(u32 index, irq::Handler handler, void* context,
                                 irq::Witness* witness) {
  if (index >= irq_count) {
    return reject(Errc::OutOfRange, "it has no such interrupt");
  }
  const IrqResource& irq = irqs[index];
  Result<irq::Registration> registration =
      irq::request(irq.controller_phandle, irq.source, handler, context, name(), hart(0),
                   {irq.trigger, witness});
  if (registration) {
    TRY(make<irq::Registration>(std::move(*registration)));
    if (state_ == State::Bound) {
      bound_order_ = ++last_order_;
    }
    return {};
  }
  if (registration.error() == Errc::Defer) {
    return defer_for_controller(irq.controller_phandle);
  }
  if (registration.error() == Errc::NoMemory) {
    return fail(Errc::NoMemory);
  }
  return reject(registration.error(), "its interrupt cannot be had");
}

Result<void> Device::route_irqs(Hart& hart) {
  Result<void> result;
  for (const IrqResource& irq : std::span(irqs).first(irq_count)) {
    const Result<void> routed = irq::set_affinity(irq.controller_phandle, irq.source, hart);
    if (!routed && routed.error() != Errc::NotFound) {  // NotFound: never asked for
      result = routed;
    }
  }
  return result;
}

Result<DmaBuffer*> Device::make_dma_buffer(usize bytes, usize alignment, u64 mask) {
  return make<DmaBuffer>(TRY(DmaBuffer::allocate(bytes, alignment, mask)));
}

Result<void> Device::add_child(Bus& bus, Device& child) {
  SLUICE_ASSERT(child.parent_ == this);
  // First, for it can fail; the child is added last, and taken away first.
  TRY(add_release(
      [](void* context) {
        auto& gone = *static_cast<Device*>(context);
        if (gone.bus_ != nullptr) {
          gone.bus_->remove_device(gone);
        }
      },
      &child));
  return bus.add_device(child);
}

Result<void> Device::add_release(void (*release)(void* context), void* context) {
  auto* managed = new (std::nothrow) Managed{managed_, release, context};
  if (managed == nullptr) {
    return fail(Errc::NoMemory);
  }
  managed_ = managed;
  return {};
}

void Device::release_all() {
  while (managed_ != nullptr) {
    // Out of the chain first: what is released may ask for nothing, but must not be released twice.
    Managed* last = managed_;
    managed_ = last->previous;
    last->release(last->context);
    delete last;
  }
}

}  // namespace sluice::dev
