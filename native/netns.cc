// SPDX-License-Identifier: Apache-2.0
#include "netns.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

namespace sonde {
namespace {

int read_file(VisitedFile &file) {
  char chunk[16384];
  ssize_t got;
  int fd = open(file.path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  while ((got = read(fd, chunk, sizeof chunk)) > 0) file.text.append(chunk, got);
  int error = got < 0 ? errno : 0;
  close(fd);
  return error;
}

int inside(Visit &visit, int fd) {
  struct stat about;
  socklen_t size = sizeof visit.cookie;
  visit.failed = "look at the network namespace " + visit.path;
  if (fstat(fd, &about)) return errno;
  visit.inode = about.st_ino;
  visit.failed = "ask for the cookie of the network namespace " + visit.path;
  int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (s < 0) return errno;
  int error = getsockopt(s, SOL_SOCKET, SO_NETNS_COOKIE, &visit.cookie, &size) ? errno : 0;
  close(s);
  for (auto &file : visit.files) {
    if (error) return error;
    visit.failed = "read " + file.path + " in the network namespace " + visit.path;
    error = read_file(file);
  }
  return error;
}

}  // namespace

int within_netns(const std::string &path, std::string &failed, const std::function<int(int)> &work) {
  int error = 0;
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    failed = "open the network namespace " + path;
    return errno;
  }
  auto enter = [&] {
    failed = "enter the network namespace " + path;
    error = setns(fd, CLONE_NEWNET) ? errno : work(fd);
  };
  try {
    std::thread(enter).join();
  } catch (const std::system_error &e) {
    failed = "start a thread";
    error = e.code().value();
  }
  close(fd);
  return error;
}

int visit_netns(Visit &visit) {
  return within_netns(visit.path, visit.failed, [&](int fd) { return inside(visit, fd); });
}

}  // namespace sonde
