// The client of QEMU's monitor: what QEMU itself says of its devices. Used by the witness.
// Reference: QEMU, docs/interop/qmp-spec.
#pragma once

#include <string>

#include "json.hpp"
#include "line_socket.hpp"

namespace qemu {

class QmpClient {
 public:
  // For QEMU's command line.
  LineSocket& socket() { return socket_; }

  // Once QEMU runs, before anything else: takes its greeting.
  void greet();
  // What the command returns; `arguments` is a JSON object. An error is a Failure with QEMU's
  // words.
  Json execute(const std::string& command, const std::string& arguments = "{}");

 private:
  LineSocket socket_{"qmp"};
};

}  // namespace qemu
