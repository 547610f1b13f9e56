// What kind of device stands behind the transport: its id, features, configuration fields and what
// it does with a buffer. Implemented by BlockDevice and EntropyDevice; used by MmioDevice.
// Reference: virtio 1.2, 2.5 (configuration space) and the device's part of 5.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "judge.hpp"
#include "memory.hpp"

namespace referee {

// One descriptor's buffer.
struct Segment {
  std::uint64_t bus;
  std::uint32_t bytes;
  bool device_writable;
};

// A buffer that the driver made available, from head to end, indirect tables opened.
struct Chain {
  std::uint16_t queue = 0;
  std::uint16_t head = 0;                  // the first descriptor's place
  std::uint16_t id = 0;                    // packed: the buffer id
  std::vector<Segment> segments;           // device-readable ones first
  std::vector<std::uint16_t> descriptors;  // of the queue's table, that it occupies
  bool indirect = false;
  Segment table{};  // packed: the indirect table, if any

  std::uint64_t readable_bytes() const;
  std::uint64_t writable_bytes() const;
};

// Copies between a chain's readable or writable part, seen as one run of bytes, and the device.
// False where memory is no longer lent (nothing is judged here).
bool copy_from_driver(const Chain& chain, Memory& memory, std::uint64_t offset,
                      std::span<std::byte> to);
bool copy_to_driver(const Chain& chain, Memory& memory, std::uint64_t offset,
                    std::span<const std::byte> from);

struct ConfigField {
  std::uint32_t offset;   // from the start of the configuration space
  std::uint32_t bytes;    // 1, 2, 4 or 8: the width of an access follows from it
  std::uint64_t feature;  // the bit that makes the field exist; 0: always there
  bool writable;          // by the driver, where the feature is accepted
  std::string_view name;
};

// What is known of the driver's acceptance when a chain is handled.
struct Negotiated {
  std::uint64_t features = 0;
  bool legacy = false;
  bool has(std::uint64_t bits) const { return (features & bits) == bits; }
};

class Personality {
 public:
  virtual ~Personality() = default;

  virtual std::uint32_t device_id() const = 0;
  virtual std::uint64_t features() const = 0;  // bits 0…23 of this type that are offered
  virtual std::uint16_t queue_count() const = 0;
  // The features without which that one must not be accepted.
  virtual std::uint64_t required_by(std::uint64_t /*feature*/) const { return 0; }

  virtual const std::vector<ConfigField>& config_fields() const = 0;
  // `field` is one of config_fields(); the whole field's value, whatever the width of the driver's
  // access.
  virtual std::uint64_t config_value(const ConfigField& field) const = 0;
  virtual void config_written(const ConfigField&, std::uint64_t, Judge&) {}
  // A field that exists but may not be read now: the place for a rule of the device type (before
  // FEATURES_OK, …).
  virtual void config_read(const ConfigField&, bool /*features_ok*/, bool /*legacy*/, Judge&) {}

  // The driver's acceptance is complete: FEATURES_OK holds (legacy: DRIVER_OK).
  virtual void negotiated(const Negotiated&, Judge&) {}
  // The driver acknowledged the notification of a changed configuration.
  virtual void change_acknowledged() {}

  virtual void reset() {}

  // The chain was taken from the ring: judge its form. Called once, before it is in flight.
  virtual void inspect(const Chain& chain, const Negotiated& driver, Memory& memory,
                       Judge& judge) = 0;
  // Do it, and say how many bytes were written into the writable part, for the used element.
  virtual std::uint32_t execute(const Chain& chain, const Negotiated& driver, Memory& memory) = 0;
};

// A slot of the machine with nothing in it: device id 0 (4.2.3.1.1).
class EmptySlot final : public Personality {
 public:
  std::uint32_t device_id() const override { return 0; }
  std::uint64_t features() const override { return 0; }
  std::uint16_t queue_count() const override { return 0; }
  const std::vector<ConfigField>& config_fields() const override { return none_; }
  std::uint64_t config_value(const ConfigField&) const override { return 0; }
  void inspect(const Chain&, const Negotiated&, Memory&, Judge&) override {}
  std::uint32_t execute(const Chain&, const Negotiated&, Memory&) override { return 0; }

 private:
  std::vector<ConfigField> none_;
};

}  // namespace referee
