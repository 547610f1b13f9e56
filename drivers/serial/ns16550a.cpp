// The 16550A's registers, polled output in bursts of its FIFO, and input through its interrupt or a
// timer.
#include <sluice/drivers/serial/ns16550a.hpp>

#include <algorithm>
#include <array>

#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/console.hpp>
#include <sluice/kernel/lock.hpp>
#include <sluice/kernel/log.hpp>
#include <sluice/kernel/timer.hpp>

namespace sluice::serial {
namespace {

// Registers by number, in the order of the data sheet; reg-shift and reg-io-width say where and how
// wide they are.
template <class Access>
struct UartReg {
  u32 number;
};
constexpr UartReg<ReadOnly> kReceive{0};
constexpr UartReg<WriteOnly> kTransmit{0};
constexpr UartReg<ReadWrite> kInterruptEnable{1};
constexpr UartReg<ReadOnly> kInterruptIdentification{2};
constexpr UartReg<WriteOnly> kFifoControl{2};
constexpr UartReg<ReadWrite> kLineControl{3};
constexpr UartReg<WriteOnly> kModemControl{4};
constexpr UartReg<ReadOnly> kLineStatus{5};
constexpr u32 kRegisters = 8;

constexpr u8 kReceiveInterrupt = 0x01;  // IER
constexpr u8 kFifosWork = 0xc0;         // IIR
constexpr u8 kFifoEnable = 0x01;        // FCR; not cleared: what was typed ahead stays
constexpr u8 kDivisorLatch = 0x80;      // LCR
constexpr u8 kModemReady = 0x0b;        // MCR: DTR, RTS, and OUT2, which lets interrupts through
constexpr u8 kDataReady = 0x01;         // LSR
constexpr u8 kTransmitEmpty = 0x20;     // LSR: the whole FIFO may be filled
constexpr u8 kTransmitterIdle = 0x40;   // LSR: nothing is left in the FIFO or behind it

constexpr usize kFifoBytes = 16;
constexpr u32 kMaxReceived = 64;  // of one interrupt
constexpr u64 kPollIntervalNs = 10'000'000;

class Uart final : public console::Device {
 public:
  Uart(dev::Device& device, MmioRegion& registers, u32 shift, u32 width, u32 max_polls)
      : device_(device),
        registers_(registers),
        shift_(shift),
        width_(width),
        max_polls_(max_polls) {}
  ~Uart() { poll_timer_.cancel(); }

  void set_up();
  void quiet();
  void write(std::string_view bytes) override;
  void drain() override;
  int read() override;
  void enable_input() override;

 private:
  template <class Access>
    requires Access::reads
  u8 get(UartReg<Access> reg) {
    const u64 offset = u64{reg.number} << shift_;
    return width_ == 1   ? registers_.read8(offset)
           : width_ == 2 ? static_cast<u8>(registers_.read16(offset))
                         : static_cast<u8>(registers_.read32(offset));
  }
  template <class Access>
    requires Access::writes
  void put(UartReg<Access> reg, u8 value) {
    const u64 offset = u64{reg.number} << shift_;
    width_ == 1   ? registers_.write8(offset, value)
    : width_ == 2 ? registers_.write16(offset, value)
                  : registers_.write32(offset, value);
  }

  usize write_burst(std::string_view bytes);
  void receive();
  void poll();

  dev::Device& device_;
  MmioRegion& registers_;
  u32 shift_;
  u32 width_;
  u32 max_polls_;
  usize burst_bytes_ = 1;
  bool stuck_ = false;  // write() has given up, until the line takes bytes again
  bool has_irq_ = false;

  // Input that nobody has read yet: filled by the interrupt or the timer, emptied by read() with
  // interrupts off.
  std::array<u8, 256> input_{};
  u32 input_head_ = 0;  // counts bytes in, modulo 2^32
  u32 input_tail_ = 0;  // counts bytes out
  Timer poll_timer_{[](void* uart) { static_cast<Uart*>(uart)->poll(); }, this};
};

void Uart::set_up() {
  put(kLineControl,
      static_cast<u8>(get(kLineControl) & ~kDivisorLatch));  // else registers 0 and 1 are others
  put(kInterruptEnable, 0);
  put(kFifoControl, kFifoEnable);
  put(kModemControl, kModemReady);
  burst_bytes_ = (get(kInterruptIdentification) & kFifosWork) == kFifosWork ? kFifoBytes : 1;
}

void Uart::quiet() {
  poll_timer_.cancel();
  put(kInterruptEnable, 0);
}

// Writes what fits, if the line takes anything now. The look and the burst are one step: a message
// from an interrupt in between would overrun the FIFO.
usize Uart::write_burst(std::string_view bytes) {
  const IrqGuard irqs_off;
  if ((get(kLineStatus) & kTransmitEmpty) == 0) {
    return 0;
  }
  const usize now = std::min(bytes.size(), burst_bytes_);
  for (const char c : bytes.substr(0, now)) {
    put(kTransmit, static_cast<u8>(c));
  }
  return now;
}

void Uart::write(std::string_view bytes) {
  while (!bytes.empty()) {
    usize written = 0;
    for (u32 polls = 0; written == 0 && polls < (stuck_ ? 1 : max_polls_); ++polls) {
      written = write_burst(bytes);
    }
    stuck_ = written == 0;
    if (stuck_) {
      return;
    }
    bytes.remove_prefix(written);
  }
}

void Uart::drain() {
  for (u32 polls = 0; !stuck_ && polls < max_polls_; ++polls) {
    if ((get(kLineStatus) & kTransmitterIdle) != 0) {
      return;
    }
  }
}

// Takes what has come. A full ring leaves the rest in the line, whose other side then waits, and
// stops the interrupt until read() has made room. Interrupts off.
void Uart::receive() {
  for (u32 i = 0; i < kMaxReceived; ++i) {
    if (input_head_ - input_tail_ == input_.size()) {
      put(kInterruptEnable, 0);
      return;
    }
    if ((get(kLineStatus) & kDataReady) == 0) {
      return;
    }
    input_[input_head_++ % input_.size()] = get(kReceive);
  }
}

int Uart::read() {
  const IrqGuard irqs_off;
  if (input_head_ == input_tail_) {
    receive();
  }
  if (input_head_ == input_tail_) {
    return -1;
  }
  const bool was_full = input_head_ - input_tail_ == input_.size();
  const u8 byte = input_[input_tail_++ % input_.size()];
  if (was_full && has_irq_) {
    put(kInterruptEnable, kReceiveInterrupt);
  }
  return byte;
}

void Uart::enable_input() {
  if (has_irq_) {
    return;
  }
  const auto handler = [](void* uart) { static_cast<Uart*>(uart)->receive(); };
  has_irq_ = device_.irq_count > 0 && device_.request_irq(0, handler, this).has_value();
  if (has_irq_) {
    poll_timer_.cancel();
    put(kInterruptEnable, kReceiveInterrupt);
  } else {
    poll();
  }
}

// Stands in for the interrupt where there is none (yet): until a byte has come, or the interrupt
// can be had.
void Uart::poll() {
  const IrqGuard irqs_off;
  receive();
  if (input_head_ == input_tail_) {
    poll_timer_.arm(clock::now_ns() + kPollIntervalNs);
  }
}

// Does /chosen say that this is the console? A path that leads nowhere says nothing.
bool is_chosen(const dev::Device& device) {
  const fdt::Tree& tree = *device.node.tree();
  const std::optional<std::string_view> path = tree.find("/chosen").text("stdout-path");
  if (!path) {
    return console::device() == nullptr;
  }
  const fdt::Node chosen =
      tree.find(path->substr(0, path->find(':')));  // options stand behind the ':'
  if (!chosen) {
    log::warning("{}: stdout-path says {}, which is not in the device tree", device.name(), *path);
    return console::device() == nullptr;
  }
  return chosen == device.node;
}

constexpr std::array<std::string_view, 1> kCompatibles{"ns16550a"};

}  // namespace

std::span<const std::string_view> Ns16550aDriver::compatibles() const {
  return kCompatibles;
}

Result<void> Ns16550aDriver::probe(dev::Device& device) {
  const u32 shift = device.node.cell("reg-shift").value_or(0);
  const u32 width = device.node.cell("reg-io-width").value_or(1);
  if (shift > 3 || (width != 1 && width != 2 && width != 4) || width > (u32{1} << shift)) {
    log::error("{}: reg-shift {} with reg-io-width {}", device.name(), shift, width);
    return device.reject(Errc::NotSupported, "its registers are laid out in a way we do not know");
  }
  MmioRegion* registers = TRY(device.map_mmio(0));
  if (registers->bytes() < u64{kRegisters} << shift) {
    return device.reject(Errc::OutOfRange, "its register range is too small for its registers");
  }
  Uart* uart = TRY(device.make<Uart>(device, *registers, shift, width, max_polls_));
  uart->set_up();
  device.driver_data = uart;
  if (is_chosen(device)) {
    console::set_device(uart);
  }
  return {};
}

void Ns16550aDriver::remove(dev::Device& device) {
  auto* uart = static_cast<Uart*>(device.driver_data);
  uart->quiet();
  if (console::device() == uart) {
    console::set_device(nullptr);
  }
}

}  // namespace sluice::serial
