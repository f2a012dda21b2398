// SPDX-License-Identifier: Apache-2.0
#include "netlink.h"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>

#include "netns.h"

namespace sonde {
namespace {

constexpr size_t kChunk = 64 << 10; /* the kernel's datagrams are at most half of that */

/* Whether the answer ends with these messages; 0 or what the kernel refuses with. */
bool ends(const char *data, size_t size, int &error) {
  auto *message = reinterpret_cast<const nlmsghdr *>(data);
  for (int left = static_cast<int>(size); NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
    if (message->nlmsg_type == NLMSG_ERROR) {
      error = -reinterpret_cast<const nlmsgerr *>(NLMSG_DATA(message))->error;
      return true;
    }
    if (message->nlmsg_type == NLMSG_DONE) return true;
  }
  return false;
}

int converse(int s, Asking &asking) {
  timeval patience = {1, 0};
  alignas(nlmsghdr) char chunk[kChunk];
  if (setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience)) return errno;
  if (send(s, asking.request.data(), asking.request.size(), 0) < 0) return errno;
  for (;;) {
    ssize_t got = recv(s, chunk, sizeof chunk, 0);
    int error = 0;
    if (got < 0) return errno;
    asking.cut = asking.answer.size() + got > asking.bytes_max;
    if (asking.cut) return 0;
    bool last = ends(chunk, got, error);
    asking.answer.insert(asking.answer.end(), chunk, chunk + got);
    if (last || got == 0) return error;
  }
}

int inside(Asking &asking, int fd) {
  struct stat about;
  asking.failed = "ask by netlink in the network namespace " + asking.path;
  if (fstat(fd, &about)) return errno;
  asking.inode = about.st_ino;
  int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, asking.protocol);
  if (s < 0) return errno;
  int error = converse(s, asking);
  close(s);
  return error;
}

}  // namespace

int ask_netlink(Asking &asking) {
  return within_netns(asking.path, asking.failed, [&](int fd) { return inside(asking, fd); });
}

}  // namespace sonde
