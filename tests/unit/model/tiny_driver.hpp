// A small virtio-blk driver (and virtio-rng, which is less), registers and rings by hand, that
// makes at most one deliberate mistake. It shares no numbers with the referee. Used by the
// referee's tests: with a mistake the referee must name the rule, without it nothing.
// Reference: virtio 1.2, 3.1.1, 4.2.3, 2.7, 2.8, 5.2.6, 5.4.6.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mistakes.hpp"
#include "tests/model/mmio_device.hpp"
#include "tests/port/world.hpp"

namespace tiny {

using Bytes = std::vector<std::byte>;

struct Options {
  std::uint32_t queue_size = 8;  // wished; less where the device has less
  bool indirect = false;         // accepted where offered
  bool event_idx = false;
  bool limits = false;              // SEG_MAX, SIZE_MAX
  bool polled = false;              // asks for no interrupts
  std::uint32_t segment_bytes = 0;  // of data in a descriptor; 0: all in one
  std::uint32_t queue = 0;
  bool ring_reset = false;
  bool packed = false;  // accepted where offered
  bool in_order = false;
  bool notification_data = false;
  bool entropy = false;  // drives an entropy device
};

struct Request {
  sluice::port::DmaBlock block;  // header, data, status, then an indirect table
  std::uint32_t type = 0;
  std::uint32_t data_bytes = 0;
  bool to_device = false;
  std::uint16_t id = 0;                    // in used elements: the head; packed: the buffer id
  std::vector<std::uint16_t> descriptors;  // packed: their places
  bool done = false;
};

struct Range {
  std::uint64_t sector;
  std::uint32_t sectors;
  std::uint32_t flags = 0;
};

class Driver {
 public:
  Driver(sluice::test::World& world, referee::MmioDevice& device, const Options& options = {},
         Mistake mistake = Mistake::None)
      : world_(world), device_(device), options_(options), mistake_(mistake) {}
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;
  ~Driver() { free_all(); }

  // From the first register to DRIVER_OK. False where there is no device, or it refuses.
  bool start();
  // With RING_RESET: resets the queue, waits for that, and sets it up anew with `size` entries.
  // What was in flight is forgotten.
  bool restart_queue(std::uint32_t size);
  // Stops the queue, resets the device, waits for the reset, and gives the memory back.
  void stop();

  // --- Requests; `sector` of 512 bytes -----------------------------------------------------------
  // A number for wait(); nothing where no descriptors are free.
  std::optional<std::size_t> submit(std::uint32_t type, std::uint64_t sector,
                                    std::span<const std::byte> out, std::uint32_t in_bytes);
  // Lets the device work and handles interrupts. The status byte; nothing where it does not come.
  std::optional<std::uint8_t> wait(std::size_t request);
  bool done(std::size_t request) const { return requests_[request].done; }
  Bytes data(std::size_t request) const;
  void forget(std::size_t request);

  // Submit, wait and forget. Nothing, or false, where the status is not OK.
  std::optional<Bytes> read(std::uint64_t sector, std::uint32_t bytes);
  bool write(std::uint64_t sector, std::span<const std::byte> bytes);
  bool flush();
  std::optional<std::string> id();
  std::optional<Bytes> lifetime();
  // DISCARD (11), WRITE_ZEROES (13) or SECURE_ERASE (14).
  bool work_on_ranges(std::uint32_t type, std::vector<Range> ranges);
  void set_writeback(std::uint8_t mode);
  // Of an entropy device.
  std::optional<Bytes> random(std::uint32_t bytes);

  // What a trap would do.
  void handle_interrupt();
  // Reads the capacity, as after a configuration interrupt.
  std::uint64_t read_capacity();

  bool accepted(std::uint64_t bit) const { return (features_ & bit) != 0; }
  std::uint64_t capacity() const { return capacity_; }
  std::uint32_t queue_size() const { return size_; }
  std::uint32_t interrupts() const { return interrupts_; }
  bool config_changed() const { return config_changed_; }

 private:
  struct Piece {
    std::uint64_t bus;
    std::uint32_t bytes;
    std::uint16_t flags;
  };
  bool makes(Mistake mistake) const { return mistake_ == mistake; }
  bool packed() const;
  bool uses_tables() const { return options_.indirect && !makes(Mistake::IndirectInList); }

  std::uint32_t get(std::uint64_t reg) { return device_.read(reg, 4); }
  void put(std::uint64_t reg, std::uint32_t value) { device_.write(reg, 4, value); }

  // tiny_setup.cpp
  bool discover();
  void greet();
  std::uint64_t read_features();
  bool negotiate();
  std::uint64_t wanted(std::uint64_t offered) const;
  bool set_up_queue();
  std::size_t lay_out();
  void start_modern_queue();
  void start_legacy_queue();
  void write_addresses();
  void go_live();
  sluice::port::DmaBlock allocate(std::size_t bytes, std::size_t alignment, bool zeroed);
  void make_rings();
  void free_rings();
  void free_all();

  // tiny_queue.cpp
  std::byte* table(std::size_t index) { return rings_.data + desc_ + 16 * index; }
  std::byte* avail() { return rings_.data + avail_; }
  std::byte* used() { return rings_.data + used_; }
  std::vector<Piece> pieces(const Request& request) const;
  std::size_t free_descriptors() const;
  void choose_descriptors(Request& request, std::size_t count);
  void place(Request& request, const std::vector<Piece>& pieces);
  Piece write_table(const Request& request, const std::vector<Piece>& pieces) const;
  static void write_descriptor(std::byte* entry, const Piece& piece, std::uint16_t flags,
                               std::size_t next);
  void publish(const Request& request);
  bool notification_asked() const;
  void notify(bool asked);
  void drain();
  bool drain_some();
  void finish(std::uint32_t id);
  void finish_one(Request& request);
  void arm();

  // tiny_packed.cpp
  void place_packed(Request& request, const std::vector<Piece>& pieces);
  void choose_id(Request& request);
  void advance(std::uint16_t& place, bool& wrap) const;
  void publish_packed(const Request& request);
  bool packed_notification_asked(const Request& request) const;
  std::uint16_t notification_data() const;
  bool packed_used();
  void arm_packed();

  // tiny_mistakes.cpp: what goes wrong, and when
  void spoil_ranges(std::uint32_t type, std::vector<Range>& ranges) const;
  void spoil_request(Request& request, std::vector<Piece>& pieces);
  void spoil_descriptors(const Request& request);
  void spoil_packed(const Request& request);
  void spoil_published();
  void spoil_in_flight();

  sluice::test::World& world_;
  referee::MmioDevice& device_;
  Options options_;
  Mistake mistake_;

  bool legacy_ = false;
  std::uint64_t features_ = 0;
  std::uint64_t capacity_ = 0;
  std::uint32_t size_ = 0;

  sluice::port::DmaBlock rings_;
  std::size_t desc_ = 0, avail_ = 0, used_ = 0;  // within rings_
  std::vector<bool> busy_;                       // by descriptor; packed: by id
  std::vector<std::size_t> owner_;               // request, by head or id
  std::uint16_t avail_index_ = 0, used_index_ = 0;
  std::uint16_t next_descriptor_ = 0;  // with IN_ORDER
  std::vector<Request> requests_;
  std::deque<std::size_t> in_order_;  // those in flight

  std::uint16_t avail_place_ = 0, used_place_ = 0;  // packed
  bool avail_wrap_ = true, used_wrap_ = true;
  std::size_t in_use_ = 0;         // descriptors
  bool first_wrap_ = true;         // of the list that is being published
  std::uint16_t first_flags_ = 0;  // held back until the list is whole

  std::uint32_t interrupts_ = 0;
  bool config_changed_ = false;
  bool broken_ = false;  // the device said that it needs a reset
  bool spoilt_ = false;  // a mistake that is made once was made
};

}  // namespace tiny
