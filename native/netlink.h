// SPDX-License-Identifier: Apache-2.0
/* A question to the kernel by netlink, asked in another network namespace. */
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sonde {

struct Asking {
  std::string path;  // of the network namespace
  int protocol;      // NETLINK_*
  std::vector<char> request;
  size_t bytes_max;  // of the answer; the rest is left
  std::vector<char> answer;
  bool cut = false;
  uint64_t inode = 0;  // of the namespace that answered
  std::string failed;  // what could not be done
};

/* Until the kernel says that it is done, refuses, or says nothing for a second. 0 or an errno. */
int ask_netlink(Asking &asking);

}  // namespace sonde
