// From a platform device to a RAM disk.
#include <sluice/drivers/block/ram_disk_driver.hpp>

#include <array>
#include <utility>

#include <sluice/drivers/block/ram_disk.hpp>
#include <sluice/drivers/block/ram_options.hpp>
#include <sluice/kernel/format.hpp>
#include <sluice/kernel/log.hpp>

namespace sluice::blk {
namespace {

RamDisk& disk_of(const dev::Device& device) {
  return *static_cast<RamDisk*>(device.driver_data);
}

std::unexpected<Errc> reject_ragged(dev::Device& device, usize bytes) {
  std::array<char, 96> why;
  BufferSink sink(why);
  format_to(sink, "its image of {} bytes is no whole number of {}-byte sectors", bytes,
            kSectorBytes);
  return device.reject(Errc::Invalid, sink.text());
}

std::unexpected<Errc> reject_options(dev::Device& device, const RamDisk::Options& options,
                                     Errc error) {
  std::array<char, 96> why;
  BufferSink sink(why);
  format_to(sink, "no RAM disk could be made of {} queues of {} requests, and {} bytes",
            options.shape.hw_queues, options.shape.depth,
            options.image.empty() ? options.capacity_bytes : options.image.size());
  return device.reject(error, sink.text());
}

}  // namespace

Result<void> RamDiskDriver::probe(dev::Device& device) {
  const std::span<std::byte> image = device.platform_data;
  if (image.size() % kSectorBytes != 0) {
    return reject_ragged(device, image.size());
  }
  RamDisk::Options options{.name = device.name(), .image = image, .partitioned = !image.empty()};
  read_ram_options(device.name(), options);
  Result<std::unique_ptr<RamDisk>> created = RamDisk::create(options);
  if (!created) {
    return reject_options(device, options, created.error());
  }
  auto* const owner = TRY(device.make<std::unique_ptr<RamDisk>>(std::move(*created)));
  device.driver_data = owner->get();
  log::info("{}: {} KiB{}", device.name(), (*owner)->disk().sectors() / 2,
            image.empty() ? ", pages appear as they are written" : " of an image");
  return {};
}

void RamDiskDriver::remove(dev::Device& device) {
  disk_of(device).remove();
}

Result<void> RamDiskDriver::suspend(dev::Device& device) {
  disk_of(device).disk().freeze();
  disk_of(device).disk().set_suspended(true);
  return {};
}
Result<void> RamDiskDriver::resume(dev::Device& device) {
  disk_of(device).disk().set_suspended(false);
  disk_of(device).disk().unfreeze();
  return {};
}

}  // namespace sluice::blk
