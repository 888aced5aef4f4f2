#include "pool.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "denormals.h"

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
static inline void relax() { _mm_pause(); }
#else
static inline void relax() { std::this_thread::yield(); }
#endif

#if defined(__linux__)
#include <sched.h>
#endif

namespace {

/** How often a thread looks for work before it sleeps: some 30 microseconds, longer than the gaps within a network. */
const int SPINS = 3000;

const uint64_t MOST_HELPERS = 1024;

/** The cores that this process may run on. */
int available() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  return std::max(1u, std::thread::hardware_concurrency());
}

class Pool {
 public:
  Pool() {
    const char *wish = getenv("CONVNEXTV2_THREADS");
    const int count = wish ? atoi(wish) : 0;
    setThreads(count > 0 ? count : available());
  }

  int threads() const { return wanted_; }
  void setThreads(int count) { wanted_ = std::clamp<int>(count, 1, MOST_HELPERS); }

  void run(long count, const std::function<void(long)> &task) {
    std::lock_guard<std::mutex> turn(turn_);
    const int helpers = (int)std::min<long>(wanted_, count) - 1;
    if (helpers <= 0) {
      for (long i = 0; i < count; i++) task(i);
      return;
    }
    const uint64_t before = job_.load();
    while (started_ < helpers) std::thread(&Pool::work, this, started_++, before).detach();
    task_ = &task;
    count_ = count;
    mode_ = floatMode();
    next_ = 0;
    working_ = helpers;
    {
      std::lock_guard<std::mutex> lock(sleep_);
      job_.store((before / MOST_HELPERS + 1) * MOST_HELPERS + helpers, std::memory_order_release);
    }
    if (sleepers_.load() > 0) wake_.notify_all();
    share();
    while (working_.load(std::memory_order_acquire) > 0) relax();
  }

 private:
  void share() {
    for (long i; (i = next_.fetch_add(1)) < count_;) (*task_)(i);
  }

  void work(int id, uint64_t seen) {
    for (;;) {
      seen = next(seen);
      if (id >= (int)(seen % MOST_HELPERS)) continue;
      setFloatMode(mode_);
      share();
      working_.fetch_sub(1, std::memory_order_release);
    }
  }

  /** The job after the one that was seen. */
  uint64_t next(uint64_t seen) {
    uint64_t job;
    for (int spin = 0; spin < SPINS; spin++) {
      if ((job = job_.load(std::memory_order_acquire)) != seen) return job;
      relax();
    }
    std::unique_lock<std::mutex> lock(sleep_);
    sleepers_++;
    wake_.wait(lock, [&] { return (job = job_.load(std::memory_order_acquire)) != seen; });
    sleepers_--;
    return job;
  }

  std::mutex turn_;
  std::mutex sleep_;
  std::condition_variable wake_;
  std::atomic<int> sleepers_{0};
  /** The number of the job, times MOST_HELPERS, and how many helpers it has: one word, so that they belong together. */
  std::atomic<uint64_t> job_{0};
  std::atomic<long> next_{0};
  std::atomic<int> working_{0};
  std::atomic<int> wanted_{1};
  const std::function<void(long)> *task_ = nullptr;
  long count_ = 0;
  /** Of the thread whose job it is. */
  FloatMode mode_ = 0;
  int started_ = 0;
};

/** Never destroyed: its threads end with the process, and wait on it until then. */
Pool &pool() {
  static Pool *const only = new Pool;
  return *only;
}

}  // namespace

void parallel(long count, const std::function<void(long)> &task) { pool().run(count, task); }
int threads() { return pool().threads(); }
void setThreads(int count) { pool().setThreads(count); }
