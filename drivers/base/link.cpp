// Device links: made without cycles, and ended with either device.
#include <sluice/drivers/base/link.hpp>

#include <sluice/drivers/base/walk.hpp>
#include <sluice/kernel/log.hpp>

namespace sluice::dev {

Result<void> Device::add_supplier(Device& supplier, std::string_view what) {
  for (const Link& link : suppliers_) {
    if (&link.supplier == &supplier) {
      return {};
    }
  }
  if (Walk::needs(supplier, *this)) {
    log::error("{}: {} cannot be {}, which needs it in turn", name(), what, supplier.name());
    return fail(Errc::Invalid);
  }
  auto* const link = new (std::nothrow) Link(*this, supplier, what);
  if (link == nullptr) {
    return fail(Errc::NoMemory);
  }
  suppliers_.push_back(*link);
  supplier.consumers_.push_back(*link);
  return {};
}

void Device::remove_links() {
  const auto remove = [](Link& link) {
    link.consumer.suppliers_.remove(link);
    link.supplier.consumers_.remove(link);
    delete &link;
  };
  while (!suppliers_.empty()) {
    remove(suppliers_.front());
  }
  while (!consumers_.empty()) {
    remove(consumers_.front());
  }
}

std::unexpected<Errc> Device::defer_for(const Link& link) {
  std::array<char, 64> supplier{};
  BufferSink sink(supplier);
  format_to(sink, "{} {}", link.what, link.supplier.name());
  return defer(sink.text());
}

}  // namespace sluice::dev
