// Pages that are counted as someone's.
#include <sluice/kernel/memory.hpp>

#include <sluice/kernel/memory_usage.hpp>

namespace sluice {

void PageDeleter::operator()(std::byte* pages) const {
  memory_usage::release(Holder::Buffers, count * kPageBytes);
  port::free_pages(pages, count);
}

Pages allocate_pages(usize count) {
  std::byte* const pages = port::allocate_pages(count);
  if (pages != nullptr) {
    memory_usage::hold(Holder::Buffers, count * kPageBytes);
  }
  return Pages(pages, PageDeleter{count});
}

}  // namespace sluice
