// The page allocator and the heap over it, beside models that know who owns what.
#include "tests/catch.hpp"

#include "tests/port/world.hpp"
#include "tests/unit/base/log_lines.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include <sluice/kernel/dma.hpp>
#include <sluice/kernel/fail_alloc.hpp>
#include <sluice/kernel/heap.hpp>
#include <sluice/kernel/memory.hpp>
#include <sluice/kernel/memory_usage.hpp>
#include <sluice/kernel/page_allocator.hpp>

using namespace sluice;

namespace {

// RAM for an allocator, at a start that is aligned to no more than a page.
class Ram {
 public:
  explicit Ram(usize pages)
      : storage_(static_cast<std::byte*>(
            std::aligned_alloc(64 * kPageBytes, align_up(pages + 3, 64) * kPageBytes))),
        orders_(pages) {
    allocator.init(base(), orders_);
  }
  ~Ram() { std::free(storage_); }
  std::byte* base() const { return storage_ + 3 * kPageBytes; }
  std::byte* page(usize number) const { return base() + number * kPageBytes; }
  PageAllocator allocator;

 private:
  std::byte* storage_;
  std::vector<u8> orders_;
};

struct Run {
  std::byte* start;
  usize pages;
  std::byte fill;
};

bool filled(const Run& run) {
  return std::all_of(run.start, run.start + run.pages * kPageBytes,
                     [&](std::byte b) { return b == run.fill; });
}

}  // namespace

TEST_CASE("pages: what was given can be taken, aligned to its size, until there is no more") {
  test::World world;
  Ram ram(128);
  CHECK(ram.allocator.allocate(1) == nullptr);
  ram.allocator.free(ram.base(), 128);
  CHECK(ram.allocator.free_pages() == 128);
  void* eight = ram.allocator.allocate(8);
  REQUIRE(eight != nullptr);
  CHECK(reinterpret_cast<usize>(eight) % (8 * kPageBytes) == 0);
  void* five = ram.allocator.allocate(5);
  REQUIRE(five != nullptr);
  CHECK(reinterpret_cast<usize>(five) % (8 * kPageBytes) == 0);
  CHECK(ram.allocator.free_pages() == 115);
  CHECK(ram.allocator.allocate(0) == nullptr);
  CHECK(ram.allocator.allocate(129) == nullptr);
  CHECK(ram.allocator.allocate(~usize{0}) == nullptr);
  usize singles = 0;
  while (ram.allocator.allocate(1) != nullptr) {
    ++singles;
  }
  CHECK(singles == 115);
  CHECK(ram.allocator.free_pages() == 0);
}

TEST_CASE("pages: given back in any order, neighbours become one run again") {
  test::World world;
  Ram ram(61);
  ram.allocator.free(ram.page(0), 61);  // covers an aligned run of 32
  std::vector<void*> pages;
  for (usize i = 0; i < 61; ++i) {
    pages.push_back(ram.allocator.allocate(1));
    REQUIRE(pages.back() != nullptr);
  }
  std::mt19937 random(3);
  std::shuffle(pages.begin(), pages.end(), random);
  for (void* page : pages) {
    ram.allocator.free(page, 1);
  }
  CHECK(ram.allocator.free_pages() == 61);
  CHECK(ram.allocator.allocate(32) != nullptr);
}

TEST_CASE("pages: holes are never given out") {
  test::World world;
  Ram ram(64);
  ram.allocator.free(ram.page(1), 9);
  ram.allocator.free(ram.page(20), 1);
  ram.allocator.free(ram.page(40), 24);
  usize total = 0;
  while (void* page = ram.allocator.allocate(1)) {
    const auto number = static_cast<usize>(static_cast<std::byte*>(page) - ram.base()) / kPageBytes;
    CHECK(((number >= 1 && number < 10) || number == 20 || number >= 40));
    ++total;
  }
  CHECK(total == 34);
}

TEST_CASE("pages: what lies outside the span cannot be given") {
  test::World world;
  Ram ram(16);
  CHECK_THROWS_AS(ram.allocator.free(ram.page(10), 7), test::Panic);
  CHECK_THROWS_AS(ram.allocator.free(ram.base() - kPageBytes, 1), test::Panic);
  CHECK(ram.allocator.free_pages() == 0);
}

TEST_CASE("pages: a random run never gives a page twice and loses none") {
  test::World world;
  Ram ram(300);
  ram.allocator.free(ram.base(), 300);
  std::mt19937 random(11);
  std::vector<Run> runs;
  usize taken = 0;
  for (int step = 0; step < 3000; ++step) {
    if (random() % 2 == 0 || runs.empty()) {
      const usize pages = 1 + random() % 17;
      auto* start = static_cast<std::byte*>(ram.allocator.allocate(pages));
      if (start != nullptr) {
        const Run run{start, pages, static_cast<std::byte>(random())};
        std::memset(start, static_cast<int>(run.fill), pages * kPageBytes);
        runs.push_back(run);
        taken += pages;
      }
    } else {
      const usize at = random() % runs.size();
      REQUIRE(filled(runs[at]));
      ram.allocator.free(runs[at].start, runs[at].pages);
      taken -= runs[at].pages;
      runs.erase(runs.begin() + static_cast<std::ptrdiff_t>(at));
    }
    REQUIRE(ram.allocator.free_pages() == 300 - taken);
  }
  for (const Run& run : runs) {
    REQUIRE(filled(run));
    ram.allocator.free(run.start, run.pages);
  }
  CHECK(ram.allocator.allocate(128) != nullptr);
}

TEST_CASE("heap: memory is aligned as asked, and all of it is the caller's") {
  test::World world;
  Ram ram(64);
  ram.allocator.free(ram.base(), 64);
  Heap heap(ram.allocator);
  std::vector<void*> pieces;
  for (const usize alignment : {1u, 8u, 16u, 32u, 64u, 512u, 4096u}) {
    for (const usize bytes : {0u, 1u, 16u, 17u, 100u, 2032u, 2033u, 5000u}) {
      void* memory = heap.allocate(bytes, alignment);
      REQUIRE(memory != nullptr);
      CHECK(reinterpret_cast<usize>(memory) % std::max<usize>(alignment, 16) == 0);
      std::memset(memory, 0xa5, bytes);
      heap.free(memory);
    }
  }
  CHECK(heap.allocated_bytes() == 0);
}

TEST_CASE("heap: more than there is gives null and takes nothing") {
  test::World world;
  Ram ram(16);
  ram.allocator.free(ram.base(), 16);
  Heap heap(ram.allocator);
  for (const usize bytes : {16 * kPageBytes, ~usize{0}, ~usize{0} - 15, ~usize{0} - 16,
                            ~usize{0} - 4096, usize{1} << 63}) {
    CHECK(heap.allocate(bytes) == nullptr);
  }
  CHECK(heap.allocated_bytes() == 0);
  CHECK(ram.allocator.free_pages() == 16);
  u32 pieces = 0;
  while (heap.allocate(1000) != nullptr) {
    ++pieces;
  }
  CHECK(pieces == 64);
}

TEST_CASE("heap: freeing twice, or what was never allocated, is a checked crash") {
  test::World world;
  Ram ram(16);
  ram.allocator.free(ram.base(), 16);
  Heap heap(ram.allocator);
  heap.free(nullptr);
  for (const usize bytes : {20u, 1000u, 5000u}) {
    void* memory = heap.allocate(bytes);
    heap.free(memory);
    CHECK_THROWS_AS(heap.free(memory), test::Panic);
  }
  // Its header lies inside the chunk, where nothing of a free list overwrites it.
  void* aligned = heap.allocate(20, 256);
  heap.free(aligned);
  CHECK_THROWS_AS(heap.free(aligned), test::Panic);
  alignas(16) std::byte other[64]{};
  CHECK_THROWS_AS(heap.free(other + 16), test::Panic);
  world.hart.context = Context::Irq;
  CHECK_THROWS_AS(heap.allocate(20), test::Panic);
  world.hart.context = Context::Task;
}

TEST_CASE("heap: a random run never gives memory twice and loses none") {
  test::World world;
  Ram ram(200);
  ram.allocator.free(ram.base(), 200);
  Heap heap(ram.allocator);
  struct Piece {
    std::byte* start;
    usize bytes;
    std::byte fill;
  };
  std::vector<Piece> pieces;
  std::mt19937 random(5);
  const auto intact = [](const Piece& piece) {
    return std::all_of(piece.start, piece.start + piece.bytes,
                       [&](std::byte b) { return b == piece.fill; });
  };
  for (int step = 0; step < 5000; ++step) {
    if (random() % 5 < 3 || pieces.empty()) {
      const usize bytes = random() % 8 == 0 ? random() % 10000 : random() % 300;
      auto* start = static_cast<std::byte*>(heap.allocate(bytes, usize{1} << random() % 9));
      if (start != nullptr) {
        const Piece piece{start, bytes, static_cast<std::byte>(random())};
        std::memset(start, static_cast<int>(piece.fill), bytes);
        pieces.push_back(piece);
      }
    } else {
      const usize at = random() % pieces.size();
      REQUIRE(intact(pieces[at]));
      heap.free(pieces[at].start);
      pieces.erase(pieces.begin() + static_cast<std::ptrdiff_t>(at));
    }
  }
  for (const Piece& piece : pieces) {
    REQUIRE(intact(piece));
    heap.free(piece.start);
  }
  CHECK(heap.allocated_bytes() == 0);
}

TEST_CASE("heap: its pages are counted as held, its pieces as allocated, and the most of them") {
  test::World world;
  Ram ram(64);
  ram.allocator.free(ram.base(), 64);
  Heap heap(ram.allocator);
  const u64 held_before = memory_usage::held(Holder::Heap);
  const auto held = [&] { return memory_usage::held(Holder::Heap) - held_before; };
  void* const small = heap.allocate(40);
  CHECK(heap.allocated_bytes() == 64);
  CHECK(held() == kPageBytes);
  void* const large = heap.allocate(2 * kPageBytes);
  CHECK(heap.allocated_bytes() == 64 + 3 * kPageBytes);
  CHECK(held() == 4 * kPageBytes);
  heap.free(large);
  heap.free(small);
  CHECK(heap.allocated_bytes() == 0);
  CHECK(heap.peak_bytes() == 64 + 3 * kPageBytes);
  CHECK(held() == kPageBytes);  // its free list's
}

TEST_CASE("pages and DMA memory are counted as long as somebody has them") {
  test::World world;
  const u64 buffers = memory_usage::held(Holder::Buffers);
  const u64 dma = memory_usage::held(Holder::Dma);
  {
    const Pages pages = allocate_pages(3);
    REQUIRE(pages != nullptr);
    CHECK(memory_usage::held(Holder::Buffers) == buffers + 3 * kPageBytes);
    Result<DmaBuffer> buffer = DmaBuffer::allocate(4096, 4096, ~u64{0});
    REQUIRE(buffer);
    const DmaBuffer moved = std::move(*buffer);
    CHECK(memory_usage::held(Holder::Dma) == dma + moved.bytes().size());
    world.arena.allocations_left = 0;
    CHECK(allocate_pages(1) == nullptr);
    CHECK_FALSE(DmaBuffer::allocate(4096, 4096, ~u64{0}));
    world.arena.allocations_left = ~usize{0};
  }
  CHECK(memory_usage::held(Holder::Buffers) == buffers);
  CHECK(memory_usage::held(Holder::Dma) == dma);
}

TEST_CASE("fail_alloc: the n-th allocation of heap and page allocator fails, once, and is logged") {
  test::World world;
  Ram ram(64);
  ram.allocator.free(ram.base(), 64);
  Heap heap(ram.allocator);
  std::string outcomes;
  const test::LogLines log;
  // The first piece of the heap is two allocations: it has no page yet. The second is one.
  for (u64 nth = 1; nth <= 5; ++nth) {
    fail_alloc::set(nth);
    Heap fresh(ram.allocator);
    outcomes += fresh.allocate(20) != nullptr ? '+' : '-';
    outcomes += fresh.allocate(20) != nullptr ? '+' : '-';
    outcomes += ram.allocator.allocate(1) != nullptr ? '+' : '-';
    outcomes += ram.allocator.allocate(1) != nullptr ? "+ " : "- ";
  }
  CHECK(outcomes == "-+++ -+++ +-++ ++-+ +++- ");
  CHECK(fail_alloc::left == 0);
  CHECK(log.has("fail_alloc: an allocation of 20 bytes fails on purpose"));
  CHECK(log.has("fail_alloc: an allocation of 4096 bytes fails on purpose"));
}
