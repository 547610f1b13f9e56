// What ASan keeps of memory that was freed, and of who asked for it: little, since most inputs need
// microseconds. ASAN_OPTIONS=malloc_context_size=30 tells more about one that fails.

extern "C" const char* __asan_default_options() {  // NOLINT: ASan's name
  return "quarantine_size_mb=1:malloc_context_size=2";
}
