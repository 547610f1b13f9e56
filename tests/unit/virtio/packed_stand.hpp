// Sluice's packed ring in front of the referee, registers and all; a device that takes buffers of
// any form and answers in them; and a driver that asks and checks. Used by the tests of
// PackedQueue.
#pragma once

#include <algorithm>
#include <memory>
#include <numeric>
#include <span>
#include <vector>

#include <sluice/drivers/virtio/mmio_transport.hpp>
#include <sluice/drivers/virtio/packed_queue.hpp>

#include "tests/catch.hpp"
#include "tests/model/sluice_adapter.hpp"
#include "tests/port/world.hpp"

namespace sluice::test {

// Fills all that it may write with a byte made of all that it reads.
class Answerer final : public referee::Personality {
 public:
  u32 device_id() const override { return 2; }
  u64 features() const override { return 0; }
  u16 queue_count() const override { return 1; }
  const std::vector<referee::ConfigField>& config_fields() const override { return none_; }
  u64 config_value(const referee::ConfigField&) const override { return 0; }
  void inspect(const referee::Chain&, const referee::Negotiated&, referee::Memory&,
               referee::Judge&) override {}
  u32 execute(const referee::Chain& chain, const referee::Negotiated&,
              referee::Memory& memory) override {
    std::vector<std::byte> question(chain.readable_bytes());
    copy_from_driver(chain, memory, 0, question);
    const std::vector<std::byte> filled(chain.writable_bytes(), answer(question));
    copy_to_driver(chain, memory, 0, filled);
    return static_cast<u32>(filled.size());
  }
  static std::byte answer(std::span<const std::byte> question) {
    return std::accumulate(
        question.begin(), question.end(), std::byte{0x5a}, [](std::byte all, std::byte one) {
          const u32 sum = 3 * std::to_integer<u32>(all) + std::to_integer<u32>(one);
          return static_cast<std::byte>(sum);
        });
  }

 private:
  std::vector<referee::ConfigField> none_;
};

// A ring of `size` on a device that is live.
struct PackedStand {
  explicit PackedStand(u32 size, virtio::PackedQueue::Options options = {})
      : slot(world, device_type, {},
             {.queue_num_max = 1024, .added = referee::kFeatureRingPacked}) {
    REQUIRE(virtio::MmioTransport::identify(slot.registers, "slot").has_value());
    REQUIRE(transport.reset().has_value());
    transport.set_status(1);
    transport.set_status(3);
    (void)transport.device_features();
    transport.set_driver_features(virtio::feature::kVersion1 | virtio::feature::kRingPacked |
                                  (options.indirect ? virtio::feature::kIndirectDesc : 0) |
                                  (options.event_idx ? virtio::feature::kEventIdx : 0));
    transport.set_status(11);
    REQUIRE(transport.status() == 11);
    queue = *virtio::PackedQueue::create(transport, 0, size, options, "stand");
    const virtio::QueuePlace place = queue->place();
    REQUIRE(transport.set_up_queue(0, place).has_value());
    transport.set_status(15);
    ring = world.arena.at(place.descriptors.value(), u64{16} * size);
    driver_area = world.arena.at(place.driver.value(), 4);
    device_area = world.arena.at(place.device.value(), 4);
  }
  PackedStand(const PackedStand&) = delete;
  ~PackedStand() { static_cast<void>(transport.reset()); }

  referee::MmioDevice& device() { return slot.device; }
  // Adds a buffer and shows it, as most do.
  [[nodiscard]] bool add_and_publish(std::span<const dma::Mapping> pieces, u32 token) {
    const bool added = queue->add(pieces, token);
    if (queue->publish()) {
      queue->notify();
    }
    return added;
  }
  std::optional<virtio::Used> take() {
    std::array<virtio::Used, 1> one{};
    return queue->take_used(one) == 1 ? std::optional(one[0]) : std::nullopt;
  }
  // Is there an interrupt? Then it is acknowledged.
  bool interrupted() {
    const u32 status = slot.registers.read32(0x060);
    if (status != 0) {
      slot.registers.write32(0x064, status);
    }
    return status != 0;
  }

  // --- By hand, in the device's place ---
  u64 addr(u32 place) const { return referee::load<u64>(ring, 16 * place); }
  u32 bytes(u32 place) const { return referee::load<u32>(ring, 16 * place + 8); }
  u16 id(u32 place) const { return referee::load<u16>(ring, 16 * place + 12); }
  u16 flags(u32 place) const { return referee::load<u16>(ring, 16 * place + 14); }
  void write_used(u32 place, u16 id, u32 bytes, u16 flags) {
    referee::store(ring, 16 * place + 8, bytes);
    referee::store(ring, 16 * place + 12, id);
    referee::store(ring, 16 * place + 14, flags);
  }
  void set_device_event(u16 place, u16 flags) {
    referee::store(device_area, 0, place);
    referee::store(device_area, 2, flags);
  }
  u32 driver_event() const { return referee::load<u32>(driver_area, 0); }

  World world;
  Answerer device_type;
  referee::SluiceDevice slot;
  virtio::MmioTransport transport{slot.registers, {2, 2}, "slot"};
  std::unique_ptr<virtio::PackedQueue> queue;
  std::span<std::byte> ring, driver_area, device_area;
};

inline constexpr u16 kAvail = 0x80, kUsed = 0x8000, kBoth = 0x8080;
inline constexpr u16 kNext = 1, kWrite = 2, kIndirect = 4;

inline dma::Mapping piece(u64 bus, u32 bytes, bool device_writes) {
  return {BusAddr(bus), nullptr, bytes,
          device_writes ? dma::Direction::FromDevice : dma::Direction::ToDevice};
}

// A REQUIRE that costs nothing where it holds.
inline void must(bool holds, const char* otherwise) {
  if (!holds) {
    FAIL(otherwise);
  }
}

// A driver of as many buffers as the ring has descriptors, each with memory of its own, which asks
// a different question each time and checks the answer.
class Worker {
 public:
  static constexpr u32 kSlotBytes = 256;  // a table of 8 pieces, questions, answers

  Worker(PackedStand& stand, bool tables, u32 seed = 1)
      : stand_(stand),
        tables_(tables),
        random_(seed),
        memory_(*DmaBuffer::allocate(stand.queue->size() * kSlotBytes, 16, ~u64{0})) {
    for (u32 token = 0; token < stand.queue->size(); ++token) {
      free_.push_back(token);
      if (tables) {
        stand.queue->prepare_table(token, {table(token), bus(token, 0)},
                                   {bus(token, kQuestion), nullptr, 4, dma::Direction::ToDevice},
                                   {bus(token, kLast), nullptr, 1, dma::Direction::FromDevice});
      }
    }
    busy_.resize(stand.queue->size());
    pieces_of_.resize(stand.queue->size());
  }

  // False: no room.
  bool add() {
    if (free_.empty()) {
      return false;
    }
    const u32 token = free_[next_random() % free_.size()];
    const std::vector<dma::Mapping> pieces = question(token);
    if (tables_) {
      stand_.queue->add_table(token, table(token), pieces);
    } else if (!stand_.queue->add(pieces, token)) {
      return false;
    }
    std::erase(free_, token);
    busy_[token] = true;
    pieces_of_[token] = pieces;
    ++added;
    return true;
  }

  void publish() {
    if (stand_.queue->publish()) {
      stand_.queue->notify();
    }
  }

  // Takes all there is and checks each answer.
  void take() {
    std::array<virtio::Used, 3> used{};
    while (const u32 count = stand_.queue->take_used(used)) {
      for (u32 i = 0; i < count; ++i) {
        check(used[i]);
      }
    }
  }
  void check(const virtio::Used& used) {
    must(used.token < busy_.size() && busy_[used.token], "a token that was not in flight");
    std::vector<std::byte> asked;
    std::vector<std::byte> answered;
    for (const dma::Mapping& piece : whole(used.token)) {
      const auto bytes = stand_.world.arena.at(piece.bus.value(), piece.bytes);
      auto& all = piece.direction == dma::Direction::ToDevice ? asked : answered;
      all.insert(all.end(), bytes.begin(), bytes.end());
    }
    const std::vector<std::byte> right(answered.size(), Answerer::answer(asked));
    must(answered == right, "a wrong answer");
    must(used.bytes == answered.size(), "a wrong length");
    busy_[used.token] = false;
    free_.push_back(used.token);
    ++taken;
  }

  u32 next_random() {
    random_ = random_ * 1664525 + 1013904223;
    return random_ >> 12;
  }

  u64 added = 0;
  u64 taken = 0;

 private:
  static constexpr u32 kQuestion = 128, kAnswer = 160, kLast = 250;

  std::byte* table(u32 token) { return memory_.bytes().data() + token * kSlotBytes; }
  BusAddr bus(u32 token, u32 offset) const { return memory_.bus(token * kSlotBytes + offset); }

  // Up to 3 pieces to read and 3 to write, at least one in all, and no more than fit.
  std::vector<dma::Mapping> question(u32 token) {
    const u32 most = std::min(stand_.queue->size() - (tables_ ? 2 : 0), 6U);
    u32 reads = next_random() % 4;
    u32 writes = next_random() % 4;
    reads = std::min(reads, most);
    writes = std::min(writes, most - reads);
    if (reads + writes == 0 && !tables_) {
      writes = 1;
    }
    const u32 number = static_cast<u32>(added);
    referee::store(std::span(table(token) + kQuestion, 4), 0, number * 0x9e3779b1);
    std::vector<dma::Mapping> pieces;
    for (u32 i = 0; i < reads; ++i) {
      referee::store(std::span(table(token) + kQuestion + 4 + 4 * i, 4), 0, number ^ (i << 20));
      pieces.push_back(
          {bus(token, kQuestion + 4 + 4 * i), nullptr, 4 - i, dma::Direction::ToDevice});
    }
    for (u32 i = 0; i < writes; ++i) {
      pieces.push_back({bus(token, kAnswer + 16 * i), nullptr, 16 - i, dma::Direction::FromDevice});
    }
    return pieces;
  }
  // With a table's ends.
  std::vector<dma::Mapping> whole(u32 token) const {
    std::vector<dma::Mapping> all = pieces_of_[token];
    if (tables_) {
      all.insert(all.begin(), {bus(token, kQuestion), nullptr, 4, dma::Direction::ToDevice});
      all.push_back({bus(token, kLast), nullptr, 1, dma::Direction::FromDevice});
    }
    return all;
  }

  PackedStand& stand_;
  bool tables_;
  u32 random_;
  DmaBuffer memory_;
  std::vector<u32> free_;
  std::vector<bool> busy_;
  std::vector<std::vector<dma::Mapping>> pieces_of_;
};

}  // namespace sluice::test
