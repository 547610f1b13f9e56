// A parser by recursive descent.
#include "json.hpp"

#include <algorithm>
#include <charconv>

#include "fd.hpp"

namespace qemu {
namespace {

class Parser {
 public:
  explicit Parser(std::string_view text) : left_(text) {}

  Json value(int depth = 0) {
    Json json;
    const char first = peek();
    if (depth > kDeepest) {
      refuse();
    }
    if (first == '{') {
      json.kind = Json::Kind::Object;
      each('}', [&] {
        json.keys.push_back(string());
        expect(':');
        json.items.push_back(value(depth + 1));
      });
    } else if (first == '[') {
      json.kind = Json::Kind::Array;
      each(']', [&] { json.items.push_back(value(depth + 1)); });
    } else if (first == '"') {
      json.kind = Json::Kind::String;
      json.text = string();
    } else {
      json.text = word();
      json.kind = json.text == "null"                           ? Json::Kind::Null
                  : json.text == "true" || json.text == "false" ? Json::Kind::Bool
                                                                : Json::Kind::Number;
    }
    return json;
  }

  void end() {
    if (peek() != '\0') {
      refuse();
    }
  }

 private:
  static constexpr int kDeepest = 50;

  [[noreturn]] void refuse() const {
    throw Failure("no JSON: " + std::string(left_.substr(0, 40)));
  }

  // The next character that is no blank; 0 at the end.
  char peek() {
    left_.remove_prefix(std::min(left_.find_first_not_of(" \t\r\n"), left_.size()));
    return left_.empty() ? '\0' : left_.front();
  }
  void expect(char wanted) {
    if (peek() != wanted) {
      refuse();
    }
    left_.remove_prefix(1);
  }

  template <class Function>
  void each(char close, Function function) {
    left_.remove_prefix(1);
    while (peek() != close) {
      function();
      if (peek() != close) {
        expect(',');
      }
    }
    left_.remove_prefix(1);
  }

  std::string string() {
    expect('"');
    std::string text;
    while (!left_.empty() && left_.front() != '"') {
      if (left_.front() == '\\') {
        left_.remove_prefix(1);
      }
      text += left_.substr(0, 1);
      left_.remove_prefix(std::min<std::size_t>(1, left_.size()));
    }
    expect('"');
    return text;
  }

  std::string word() {
    const std::size_t length = std::min(left_.find_first_of(" \t\r\n,:]}"), left_.size());
    if (length == 0) {
      refuse();
    }
    const std::string text(left_.substr(0, length));
    left_.remove_prefix(length);
    return text;
  }

  std::string_view left_;
};

}  // namespace

Json Json::parse(std::string_view text) {
  Parser parser(text);
  Json json = parser.value();
  parser.end();
  return json;
}

const Json& Json::operator[](std::string_view key) const {
  static const Json none;
  const auto found = std::find(keys.begin(), keys.end(), key);
  return found == keys.end() ? none : items[static_cast<std::size_t>(found - keys.begin())];
}

std::uint64_t Json::number() const {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (kind != Kind::Number || error != std::errc() || stop != end) {
    throw Failure("no number: " + text);
  }
  return value;
}

}  // namespace qemu
