// A virtio entropy device whose bytes follow from a seed, for MmioDevice.
// Used by tests of virtio-rng drivers. Reference: virtio 1.2, 5.4.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "personality.hpp"

namespace referee {

// What the driver asked for, in the order of execution.
struct EntropyRequest {
  std::uint64_t asked_bytes;
  std::uint32_t given_bytes;
};

class EntropyDevice final : public Personality {
 public:
  explicit EntropyDevice(std::uint64_t seed = 1) : state_(seed) {}

  // --- Knobs ------------------------------------------------------------------------------------
  // It gives no more at once; 5.4.6.2 allows that.
  std::uint32_t most_bytes = ~std::uint32_t{0};
  // Beyond the specification: it says that it wrote so many, whatever it did.
  std::optional<std::uint32_t> lies;

  const std::vector<EntropyRequest>& requests() const { return requests_; }
  // All that it gave, one after the other.
  const std::vector<std::byte>& given() const { return given_; }

  std::uint32_t device_id() const override { return 4; }
  std::uint64_t features() const override { return 0; }
  std::uint16_t queue_count() const override { return 1; }
  const std::vector<ConfigField>& config_fields() const override { return no_fields_; }
  std::uint64_t config_value(const ConfigField&) const override { return 0; }
  void inspect(const Chain& chain, const Negotiated& driver, Memory& memory, Judge& judge) override;
  std::uint32_t execute(const Chain& chain, const Negotiated& driver, Memory& memory) override;

 private:
  std::byte next();

  std::uint64_t state_;
  std::vector<ConfigField> no_fields_;
  std::vector<EntropyRequest> requests_;
  std::vector<std::byte> given_;
};

}  // namespace referee
