// Naming a partition.
#include <sluice/drivers/block/partition.hpp>

#include <sluice/kernel/format.hpp>

namespace sluice::blk {

void Partition::set(std::string_view disk_name, u32 number, const Window& window) {
  number_ = number;
  window_ = window;
  BufferSink sink({name_.data(), name_.size() - 1});
  const bool ends_in_digit =
      !disk_name.empty() && disk_name.back() >= '0' && disk_name.back() <= '9';
  format_to(sink, "{}{}{}", disk_name, ends_in_digit ? "p" : "", number);
  name_[sink.text().size()] = '\0';
}

}  // namespace sluice::blk
