// SPDX-License-Identifier: Apache-2.0
/* A look into another network namespace, from a thread that ends there: no thread of the pool ever changes
 * its own. */
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace sonde {

struct VisitedFile {
  std::string path;
  std::string text;
};

struct Visit {
  std::string path;  // /proc/PID/ns/net or a bind mount of one
  std::vector<VisitedFile> files;
  uint64_t cookie = 0;  // SO_NETNS_COOKIE: unique for as long as the kernel runs
  uint64_t inode = 0;
  std::string failed;  // what could not be done
};

/* Does `work` inside, with the namespace's descriptor. 0 or an errno, and what failed. */
int within_netns(const std::string &path, std::string &failed, const std::function<int(int)> &work);

/* 0 or an errno. */
int visit_netns(Visit &visit);

}  // namespace sonde
