// Commands of QMP and their answers; events in between are passed over.
#include "qmp_client.hpp"

namespace qemu {

void QmpClient::greet() {
  if (!Json::parse(socket_.read_answer())["QMP"].exists()) {
    throw Failure("qmp: QEMU does not greet");
  }
  execute("qmp_capabilities");
}

Json QmpClient::execute(const std::string& command, const std::string& arguments) {
  socket_.send(R"({"execute": ")" + command + R"(", "arguments": )" + arguments + "}\n");
  while (true) {
    const Json answer = Json::parse(socket_.read_answer());
    if (answer["error"].exists()) {
      throw Failure("qmp: " + command + ": " + answer["error"]["desc"].text);
    }
    if (answer["return"].exists()) {
      return answer["return"];
    }
  }
}

}  // namespace qemu
