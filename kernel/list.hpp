// Intrusive doubly linked lists: nothing is allocated, and a node knows whether it is in a list.
// Used for bios, requests, work, timers and devices. A node is a base class; inserting a linked
// node and destroying one are checked crashes. Not locked: the owner of the list says which lock it
// is under.
#pragma once

#include <iterator>

#include <sluice/kernel/panic.hpp>
#include <sluice/kernel/types.hpp>

namespace sluice {

// The Tag tells apart the lists that one object can be in at the same time.
template <class Tag = void>
class ListNode {
 public:
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { SLUICE_ASSERT(!linked()); }

  bool linked() const { return next_ != this; }

  // Takes the node out of its list; nothing happens where it is in none.
  void unlink() {
    next_->previous_ = previous_;
    previous_->next_ = next_;
    next_ = previous_ = this;
  }

 private:
  template <class, class>
  friend class List;

  ListNode* next_ = this;
  ListNode* previous_ = this;
};

template <class T, class Tag = void>
class List {
  using Node = ListNode<Tag>;

 public:
  class iterator {
   public:
    using iterator_category = std::bidirectional_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using pointer = T*;
    using reference = T&;

    iterator() = default;
    explicit iterator(Node* node) : node_(node) {}
    T& operator*() const { return static_cast<T&>(*node_); }
    T* operator->() const { return &**this; }
    iterator& operator++() {
      node_ = node_->next_;
      return *this;
    }
    iterator operator++(int) {
      iterator old = *this;
      ++*this;
      return old;
    }
    iterator& operator--() {
      node_ = node_->previous_;
      return *this;
    }
    bool operator==(const iterator&) const = default;

   private:
    friend class List;
    Node* node_ = nullptr;
  };

  bool empty() const { return !head_.linked(); }
  iterator begin() const { return iterator(head_.next_); }
  iterator end() const { return iterator(const_cast<Node*>(&head_)); }

  T& front() const { return *begin(); }
  T& back() const { return *iterator(head_.previous_); }

  [[gnu::always_inline]] void push_back(T& element) { insert(end(), element); }
  void push_front(T& element) { insert(begin(), element); }

  // Puts `element` before `position`.
  [[gnu::always_inline]] void insert(iterator position, T& element) {
    Node& node = element;
    SLUICE_ASSERT(!node.linked());
    Node* next = position.node_;
    node.next_ = next;
    node.previous_ = next->previous_;
    next->previous_->next_ = &node;
    next->previous_ = &node;
  }

  void remove(T& element) { static_cast<Node&>(element).unlink(); }

  // The first element, taken out, or null.
  T* pop_front() {
    if (empty()) {
      return nullptr;
    }
    T& element = front();
    remove(element);
    return &element;
  }

  // Moves all of `other` to the end of this list.
  void splice_back(List& other) {
    if (other.empty()) {
      return;
    }
    Node* first = other.head_.next_;
    Node* last = other.head_.previous_;
    other.head_.next_ = other.head_.previous_ = &other.head_;
    first->previous_ = head_.previous_;
    head_.previous_->next_ = first;
    last->next_ = &head_;
    head_.previous_ = last;
  }

  // Takes elements out from the front. The list is whole again when this goes, and not used
  // before.
  class Drain {
   public:
    explicit Drain(List& list) : head_(list.head_), at_(head_.next_) {}
    Drain(const Drain&) = delete;
    Drain& operator=(const Drain&) = delete;
    ~Drain() {
      head_.next_ = at_;
      at_->previous_ = &head_;
    }
    bool empty() const { return at_ == &head_; }
    // Where it is not empty: the first that is left.
    T& front() const { return static_cast<T&>(*at_); }
    void pop() {
      Node* const node = at_;
      at_ = node->next_;
      node->next_ = node->previous_ = node;
    }

   private:
    Node& head_;
    Node* at_;
  };

  // Puts elements at the end. The list is whole again when this goes, and not used before.
  class Appender {
   public:
    explicit Appender(List& list) : head_(list.head_), last_(head_.previous_) {}
    Appender(const Appender&) = delete;
    Appender& operator=(const Appender&) = delete;
    ~Appender() { head_.previous_ = last_; }
    [[gnu::always_inline]] void push_back(T& element) {
      Node& node = element;
      SLUICE_ASSERT(!node.linked());
      node.next_ = &head_;
      node.previous_ = last_;
      last_->next_ = &node;
      last_ = &node;
    }

   private:
    Node& head_;
    Node* last_;
  };

 private:
  Node head_;
};

}  // namespace sluice
