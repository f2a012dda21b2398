// SPDX-License-Identifier: Apache-2.0
#include "netlink.h"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "handle.h"
#include "job.h"
#include "netns.h"

namespace sonde {
namespace {

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

/* Until the kernel says that it is done, refuses, or says nothing for a second. 0 or an errno. */
int ask(Asking &asking) {
  return within_netns(asking.path, asking.failed, [&](int fd) { return inside(asking, fd); });
}

}  // namespace

/* netlink(path, protocol, request, bytesMax): promise of the kernel's answer in that network namespace,
 * whether there was more, and the namespace's inode. */
Napi::Value Netlink(const Napi::CallbackInfo &info) {
  auto asking = std::make_shared<Asking>();
  asking->path = string_of(info, 0);
  asking->protocol = number_of(info, 1);
  Bytes request = bytes_of(info, 2, sizeof(nlmsghdr));
  asking->request.assign(request.data, request.data + request.size);
  asking->bytes_max = number_of(info, 3);
  return Job::start(
      info, nullptr,
      [=](std::string &what) {
        int error = ask(*asking);
        what = asking->failed;
        return error;
      },
      [asking](Napi::Env env) -> Napi::Value {
        auto result = Napi::Object::New(env);
        auto bytes = Napi::ArrayBuffer::New(env, asking->answer.size());
        memcpy(bytes.Data(), asking->answer.data(), asking->answer.size());
        result["bytes"] = bytes;
        result["cut"] = Napi::Boolean::New(env, asking->cut);
        result["inode"] = Napi::Number::New(env, asking->inode);
        return result;
      });
}

}  // namespace sonde
