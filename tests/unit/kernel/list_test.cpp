// Intrusive lists: order, membership, splicing, and the two checked crashes.
#include "tests/catch.hpp"

#include "tests/port/world.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <sluice/kernel/list.hpp>

using namespace sluice;

namespace {

struct OtherTag;
struct Item : ListNode<>, ListNode<OtherTag> {
  explicit Item(int number) : value(number) {}
  int value;
};
using Items = List<Item>;

std::string text(const Items& list) {
  std::string result;
  for (const Item& item : list) {
    result += std::to_string(item.value) + " ";
  }
  return result;
}

bool in_list(const Item& item) {
  return static_cast<const ListNode<>&>(item).linked();
}

// Does `crash` end its process? It gets one of its own: a destructor cannot throw the test's Panic.
template <class Function>
bool ends_process(Function crash) {
  const pid_t child = fork();
  if (child == 0) {
    // Nothing of the parent's report comes out a second time.
    const int null = open("/dev/null", O_WRONLY);
    dup2(null, 1);
    dup2(null, 2);
    std::signal(SIGABRT, SIG_DFL);
    crash();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

}  // namespace

TEST_CASE("list: elements stand in the order in which they were put") {
  Items list;
  Item one(1), two(2), three(3), four(4);
  CHECK(list.empty());
  CHECK(list.pop_front() == nullptr);
  list.push_back(two);
  list.push_back(four);
  list.push_front(one);
  list.insert(++ ++list.begin(), three);
  CHECK(text(list) == "1 2 3 4 ");
  CHECK(&list.front() == &one);
  CHECK(&list.back() == &four);
  list.remove(two);
  CHECK_FALSE(in_list(two));
  CHECK(in_list(three));
  CHECK(list.pop_front() == &one);
  CHECK(text(list) == "3 4 ");
  list.remove(three);
  list.remove(four);
  CHECK(list.empty());
}

TEST_CASE("list: one object is in two lists of different tags") {
  Items list;
  List<Item, OtherTag> other;
  Item one(1);
  list.push_back(one);
  other.push_back(one);
  list.remove(one);
  CHECK_FALSE(other.empty());
  CHECK(&other.front() == &one);
  other.remove(one);
}

TEST_CASE("list: splicing moves all, in order, also from and to empty lists") {
  Items to, from;
  Item one(1), two(2), three(3);
  to.splice_back(from);
  CHECK(to.empty());
  from.push_back(one);
  from.push_back(two);
  to.splice_back(from);
  CHECK(text(to) == "1 2 ");
  CHECK(from.empty());
  from.push_back(three);
  to.splice_back(from);
  CHECK(text(to) == "1 2 3 ");
  to.splice_back(from);
  CHECK(text(to) == "1 2 3 ");
  while (to.pop_front() != nullptr) {
  }
}

TEST_CASE("list: draining takes elements from the front and leaves the rest in order") {
  for (int taken = 0; taken <= 3; ++taken) {
    Item one(1);
    Item two(2);
    Item three(3);
    Items list;
    for (Item* item : {&one, &two, &three}) {
      list.push_back(*item);
    }
    {
      Items::Drain drain(list);
      for (int i = 1; i <= taken; ++i) {
        REQUIRE_FALSE(drain.empty());
        Item& first = drain.front();
        CHECK(first.value == i);
        drain.pop();
        CHECK_FALSE(in_list(first));
      }
      CHECK(drain.empty() == (taken == 3));
    }
    CHECK(text(list) == std::string("1 2 3 ").substr(2 * static_cast<unsigned>(taken)));
    while (list.pop_front() != nullptr) {
    }
  }
}

TEST_CASE("list: appending many puts them behind what was there") {
  for (int before = 0; before <= 1; ++before) {
    Item one(1);
    Item two(2);
    Item three(3);
    Items list;
    if (before == 1) {
      list.push_back(one);
    }
    {
      Items::Appender appender(list);
      appender.push_back(two);
      appender.push_back(three);
      CHECK_THROWS_AS(appender.push_back(two), test::Panic);
      CHECK_THROWS_AS(appender.push_back(three), test::Panic);
    }
    CHECK(text(list) == (before == 1 ? "1 2 3 " : "2 3 "));
    list.remove(two);
    CHECK(text(list) == (before == 1 ? "1 3 " : "3 "));
    while (list.pop_front() != nullptr) {
    }
  }
}

TEST_CASE("list: appending nothing changes nothing") {
  Items list;
  {
    const Items::Appender appender(list);
  }
  CHECK(list.empty());
  Item one(1);
  list.push_back(one);
  {
    const Items::Appender appender(list);
  }
  CHECK(text(list) == "1 ");
  list.remove(one);
}

TEST_CASE("list: unlinking twice does nothing") {
  Items list;
  Item one(1), two(2);
  list.push_back(one);
  list.push_back(two);
  list.remove(one);
  list.remove(one);
  CHECK(text(list) == "2 ");
  list.remove(two);
}

TEST_CASE("list: putting a linked element into a list is a checked crash") {
  Items list, other;
  Item one(1);
  list.push_back(one);
  CHECK_THROWS_AS(other.push_back(one), test::Panic);
  CHECK_THROWS_AS(list.push_back(one), test::Panic);
  CHECK(text(list) == "1 ");
  list.remove(one);
}

TEST_CASE("list: destroying a linked element, or a list with elements, is a checked crash") {
  CHECK(ends_process([] {
    Items list;
    auto one = std::make_unique<Item>(1);
    list.push_back(*one);
    one.reset();
  }));
  CHECK(ends_process([] {
    auto list = std::make_unique<Items>();
    static Item one(1);
    list->push_back(one);
    list.reset();
  }));
  CHECK_FALSE(ends_process([] {}));
}

TEST_CASE("list: a random run agrees with a vector") {
  std::mt19937 random(7);
  std::vector<std::unique_ptr<Item>> items;
  for (int i = 0; i < 20; ++i) {
    items.push_back(std::make_unique<Item>(i));
  }
  Items list;
  std::vector<int> model;
  for (int step = 0; step < 2000; ++step) {
    Item& item = *items[random() % items.size()];
    if (in_list(item)) {
      list.remove(item);
      std::erase(model, item.value);
    } else if (random() % 2 == 0) {
      list.push_front(item);
      model.insert(model.begin(), item.value);
    } else {
      list.push_back(item);
      model.push_back(item.value);
    }
    std::string expected;
    for (const int value : model) {
      expected += std::to_string(value) + " ";
    }
    REQUIRE(text(list) == expected);
  }
  while (list.pop_front() != nullptr) {
  }
}
