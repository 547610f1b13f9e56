// What a program reads and writes: standard output, standard error and input over the one serial
// line. Used by programs (app/) and by boot. Two modes: plain, for a terminal; records, for run.sh,
// which takes them apart:
//   0x01  stream ('o' output, 'e' error, 'x' exit status)  4 hex digits: bytes  0x02  the bytes
// What is outside a record is log. A capital letter for the stream: the bytes have no ends of line,
// which a firmware's console changes; 0x10 'n' stands for one, and 0x10 0x10 for 0x10.
#pragma once

#include <span>
#include <string_view>

#include <sluice/kernel/format.hpp>

namespace sluice::console {

enum class Stream : char { Output = 'o', Error = 'e', Exit = 'x' };

// A serial line. Its driver registers one; task or irq. write() and drain() are called by one hart
// at a time; the rest on the hart that booted.
class Device {
 public:
  virtual void write(std::string_view bytes) = 0;
  // Returns once what was written has left the machine: before it is switched off.
  virtual void drain() {}
  // Do all bytes come out as they are?
  virtual bool is_transparent() const { return true; }
  // The next byte of input, or −1 where there is none now.
  virtual int read() = 0;
  // From now on wait_until() is woken when input arrives, where the line can do that.
  virtual void enable_input() = 0;

 protected:
  ~Device() = default;
};

void set_device(Device* device);
Device* device();

// Records instead of plain text (kernel command line: console=records).
void use_records(bool on);
bool uses_records();

// Bytes of a program to a stream. What several harts write comes out in pieces of up to 1024 bytes,
// each whole. Task.
void write(Stream stream, std::string_view bytes);

// Text outside the streams: the log's, and a panic's. Each call's comes out whole. Any context.
void write_log(std::string_view text);

// For the end: from now on this hart alone writes. Lets another finish what it is writing, for a
// tenth of a second at most. Interrupts stay off from then on; one hart.
void take_over();
void give_back();  // undoes it, for tests
// Ends the record that a panic interrupted. After take_over().
void finish_interrupted_record();

// The next byte of input; waits for it. −1: there is no console. Task, on the hart that booted.
int read_byte();

// A sink on a stream that gathers a few hundred bytes, flushed on destruction.
class Writer final : public Sink {
 public:
  explicit Writer(Stream stream) : stream_(stream) {}
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { flush(); }
  void put(std::string_view text) override;
  void flush();

 private:
  Stream stream_;
  usize used_ = 0;
  char buffer_[512];
};

}  // namespace sluice::console

namespace sluice {

// Formats to standard output, and to standard error. Task.
template <class... Args>
void print(FormatString<Args...> format, const Args&... args) {
  console::Writer out(console::Stream::Output);
  format_to<Args...>(out, format, args...);
}
template <class... Args>
void print_error(FormatString<Args...> format, const Args&... args) {
  console::Writer out(console::Stream::Error);
  format_to<Args...>(out, format, args...);
}

}  // namespace sluice
