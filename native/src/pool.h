// Threads that share out numbered tasks. One pool for the process: a job of another JavaScript thread waits for its turn.
#pragma once
#include <functional>

/** Runs task(i) for i in [0, count), on the caller's thread and the pool's. A task may not start a job. */
void parallel(long count, const std::function<void(long)> &task);

/** How many threads work on a job, the caller's among them. */
int threads();
void setThreads(int count);
