// Registers of devices as the test process plays them: a PLIC, a 16550A and a test finisher.
// Used by the tests of drivers/irqchip, drivers/serial and drivers/power; written from the same
// data sheets as the drivers, and harsher than QEMU where the data sheet allows it.
#pragma once

#include <array>
#include <bitset>
#include <deque>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <sluice/kernel/mmio.hpp>

namespace sluice::test {

// Refuses every access that a device does not define.
class FakeRegisters : public MmioRegion {
 public:
  explicit FakeRegisters(u64 bytes) : bytes_(bytes) {}
  u64 bytes() const override { return bytes_; }
  u8 read8(u64 offset) override { return wrong<u8>("read8", offset); }
  u16 read16(u64 offset) override { return wrong<u16>("read16", offset); }
  u32 read32(u64 offset) override { return wrong<u32>("read32", offset); }
  void write8(u64 offset, u8) override { wrong<u8>("write8", offset); }
  void write16(u64 offset, u16) override { wrong<u8>("write16", offset); }
  void write32(u64 offset, u32) override { wrong<u8>("write32", offset); }

 protected:
  template <class T>
  T wrong(const char* what, u64 offset) const {
    throw std::logic_error(std::string(what) + " at offset " + std::to_string(offset));
  }
  void check(const char* what, u64 offset, u64 width) const {
    if (offset % width != 0 || offset + width > bytes_) {
      wrong<u8>(what, offset);
    }
  }

 private:
  u64 bytes_;
};

// Sources of a PLIC are levels behind gateways: one that is claimed stays closed until its
// completion, and a completion from a context that has not enabled the source is ignored.
class FakePlic final : public FakeRegisters {
 public:
  static constexpr u32 kSources = 1024;
  explicit FakePlic(u64 bytes = 0x60'0000) : FakeRegisters(bytes) { priority.fill(7); }

  std::bitset<kSources> level;
  std::bitset<kSources> claimed;
  std::array<u32, kSources> priority{};
  std::map<u32, std::bitset<kSources>> enabled;  // by context
  std::map<u32, u32> threshold;
  u32 completions = 0;
  bool shared = false;  // was a source ever enabled for two contexts at once?
  u32 lie = 0;          // what a claim answers instead, where it is not 0

  u32 best(u32 context) {
    u32 source = 0;
    u32 above = threshold[context];
    for (u32 i = 1; i < kSources; ++i) {
      if (level[i] && !claimed[i] && enabled[context][i] && priority[i] > above) {
        source = i;
        above = priority[i];
      }
    }
    return source;
  }

  u32 read32(u64 offset) override {
    check("read32", offset, 4);
    if (offset >= 0x20'0000 && offset % 0x1000 == 4) {
      if (lie != 0) {
        return lie;
      }
      const u32 source = best(context_of(offset));
      claimed[source] = source != 0;
      return source;
    }
    return wrong<u32>("read32", offset);
  }
  void write32(u64 offset, u32 value) override {
    check("write32", offset, 4);
    if (offset < 0x1000) {
      priority[offset / 4] = value;
    } else if (offset >= 0x2000 && offset < 0x20'0000) {
      const u32 context = static_cast<u32>((offset - 0x2000) / 0x80);
      const u32 first = static_cast<u32>((offset - 0x2000) % 0x80 / 4 * 32);
      for (u32 i = 0; i < 32; ++i) {
        enabled[context][first + i] = (value >> i & 1) != 0;
      }
      for (const auto& [other, sources] : enabled) {
        shared = shared || (other != context && (sources & enabled[context]).any());
      }
    } else if (offset >= 0x20'0000 && offset % 0x1000 == 0) {
      threshold[context_of(offset)] = value;
    } else if (offset >= 0x20'0000 && offset % 0x1000 == 4) {
      ++completions;
      if (value < kSources && enabled[context_of(offset)][value]) {
        claimed[value] = false;
      }
    } else {
      wrong<u8>("write32", offset);
    }
  }

 private:
  static u32 context_of(u64 offset) { return static_cast<u32>((offset - 0x20'0000) / 0x1000); }
};

// A 16550A that counts what overruns its FIFO, and lets it out only while `drains`, some reads of
// the line status later.
class FakeUart final : public FakeRegisters {
 public:
  explicit FakeUart(u32 shift = 0, u32 width = 1)
      : FakeRegisters(u64{8} << shift), shift_(shift), width_(width) {}

  std::string sent;
  std::deque<u8> line;  // what the other side sends; the receiver takes it when it is asked
  bool drains = true;
  u32 polls_to_drain = 3;
  bool has_fifo = true;
  u32 overruns = 0;
  u32 bytes_read_empty = 0;
  u32 status_reads = 0;
  u8 line_control = 0x83;  // the firmware left the divisor latch open
  u8 modem_control = 0;
  u8 interrupt_enable = 0xff;

  // Would nothing be lost if the machine were switched off now?
  bool all_sent() const { return held_ == 0 && !shifting_; }
  // The level of the interrupt line.
  bool interrupt() const {
    return (interrupt_enable & 1) != 0 && !line.empty() && (modem_control & 8) != 0;
  }

  u8 read8(u64 offset) override { return read(offset, 1); }
  u16 read16(u64 offset) override { return read(offset, 2); }
  u32 read32(u64 offset) override { return read(offset, 4); }
  void write8(u64 offset, u8 value) override { write(offset, 1, value); }
  void write16(u64 offset, u16 value) override { write(offset, 2, static_cast<u8>(value)); }
  void write32(u64 offset, u32 value) override { write(offset, 4, static_cast<u8>(value)); }

 private:
  u32 number(u64 offset, u32 width) const {
    if (width != width_ || offset % (u64{1} << shift_) != 0 || offset >= bytes()) {
      wrong<u8>("an access of another width or place", offset);
    }
    return static_cast<u32>(offset >> shift_);
  }
  u8 read(u64 offset, u32 width) {
    switch (number(offset, width)) {
      case 0: {
        if (line.empty() || (line_control & 0x80) != 0) {
          ++bytes_read_empty;
          return 0;
        }
        const u8 byte = line.front();
        line.pop_front();
        return byte;
      }
      case 1:
        return interrupt_enable;
      case 2:
        return static_cast<u8>(fifo_on_ && has_fifo ? 0xc1 : 0x01);
      case 3:
        return line_control;
      case 5:
        ++status_reads;
        if (held_ == 0) {
          shifting_ = false;  // the last byte leaves a while after the FIFO is empty
        } else if (drains && ++polls_ >= polls_to_drain) {
          held_ = 0;
        }
        return static_cast<u8>((held_ == 0 ? 0x20 : 0) | (all_sent() ? 0x40 : 0) |
                               (line.empty() ? 0 : 1));
      default:
        return wrong<u8>("a register that nobody needs", offset);
    }
  }
  void write(u64 offset, u32 width, u8 value) {
    switch (number(offset, width)) {
      case 0:
        if ((line_control & 0x80) != 0 || held_ >= (fifo_on_ && has_fifo ? 16u : 1u)) {
          ++overruns;
          return;
        }
        ++held_;
        shifting_ = true;
        polls_ = 0;
        sent.push_back(static_cast<char>(value));
        return;
      case 1:
        interrupt_enable = value;
        return;
      case 2:
        fifo_on_ = (value & 1) != 0;
        return;
      case 3:
        line_control = value;
        return;
      case 4:
        modem_control = value;
        return;
      default:
        wrong<u8>("a register that nobody needs", offset);
    }
  }

  u32 shift_;
  u32 width_;
  bool fifo_on_ = false;
  u32 held_ = 0;  // in the FIFO
  bool shifting_ = false;
  u32 polls_ = 0;
};

// Keeps what was written.
class FakeFinisher final : public FakeRegisters {
 public:
  explicit FakeFinisher(u64 bytes = 0x1000) : FakeRegisters(bytes) {}
  std::vector<std::pair<u64, u32>> writes;
  void write32(u64 offset, u32 value) override {
    check("write32", offset, 4);
    writes.emplace_back(offset, value);
  }
};

}  // namespace sluice::test
