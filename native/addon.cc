// SPDX-License-Identifier: Apache-2.0
/*
 * The addon: libbpf for TypeScript, and nothing more. It holds no policy, no layout and no default; the
 * script side (src/agent/kernel/native.ts) validates and decides. What may wait (a map swap, a batch, an
 * iterator, another network namespace) runs on libuv's pool and returns a promise.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <napi.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

#include "handle.h"
#include "job.h"
#include "netlink.h"
#include "netns.h"
#include "others.h"
#include "pins.h"
#include "types.h"

namespace sonde {
namespace {

Napi::Value undefined(Napi::Env env) { return env.Undefined(); }

/* open(path): the object, its programs and maps known, nothing loaded yet. */
Napi::Value Open(const Napi::CallbackInfo &info) {
  libbpf_log.clear();
  std::string path = string_of(info, 0);
  auto handle = std::make_shared<Object>();
  handle->object = bpf_object__open_file(path.c_str(), nullptr);
  if (!handle->object) throw failure(info.Env(), "open " + path, errno);
  return Napi::External<Handle>::New(info.Env(), new Handle(handle), [](Napi::Env, Handle *h) { delete h; });
}

/* btf(object): the object's type information, raw. */
Napi::Value Btf(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  uint32_t size = 0;
  const void *data = btf__raw_data(bpf_object__btf(handle->object), &size);
  if (!data) throw failure(info.Env(), "read the object's BTF", errno);
  auto buffer = Napi::ArrayBuffer::New(info.Env(), size);
  memcpy(buffer.Data(), data, size);
  return buffer;
}

/* constants(object, map, bytes?): the initial value of a data section, set first if given, before load. */
Napi::Value Constants(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  bpf_map *map = map_of(info, handle, 1);
  size_t size = 0;
  const void *value = bpf_map__initial_value(map, &size);
  if (!value) throw Napi::Error::New(info.Env(), "this map has no initial value");
  if (info.Length() > 2) {
    int error = bpf_map__set_initial_value(map, bytes_of(info, 2, size).data, size);
    if (error) throw failure(info.Env(), "set the constants", -error);
  }
  auto buffer = Napi::ArrayBuffer::New(info.Env(), size);
  memcpy(buffer.Data(), value, size);
  return buffer;
}

/* resize(object, map, entries): before load. (An array of hash maps does not care how many entries its
 * template has.) */
Napi::Value Resize(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  bpf_map *map = map_of(info, handle, 1);
  int error = bpf_map__set_max_entries(map, number_of(info, 2));
  if (error) throw failure(info.Env(), "resize", -error);
  return info.Env().Undefined();
}

/* load(object): maps made, programs verified. The error's log ends with what the verifier had against it. */
Napi::Value Load(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  int error = bpf_object__load(handle->object);
  if (error) throw failure(info.Env(), "load", -error);
  return info.Env().Undefined();
}

/* attach(object, program, cgroup?): to what its section names, or to a control group's folder. */
Napi::Value Attach(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  bpf_program *program = program_of(info, handle, 1);
  std::string name = bpf_program__name(program);
  if (handle->links.contains(name)) throw Napi::Error::New(info.Env(), name + " is attached already");
  bpf_link *link;
  if (info.Length() > 2) {
    std::string path = string_of(info, 2);
    int cgroup = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cgroup < 0) throw failure(info.Env(), "open " + path, errno);
    link = bpf_program__attach_cgroup(program, cgroup);
    int error = errno;
    ::close(cgroup);
    errno = error;
  } else {
    link = bpf_program__attach(program);
  }
  if (!link) throw failure(info.Env(), "attach " + name, errno);
  handle->links[name] = link;
  return info.Env().Undefined();
}

Napi::Value Detach(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  auto found = handle->links.find(string_of(info, 1));
  if (found == handle->links.end()) return Napi::Boolean::New(info.Env(), false);
  bpf_link__destroy(found->second);
  handle->links.erase(found);
  return Napi::Boolean::New(info.Env(), true);
}

Napi::ArrayBuffer mapped(Napi::Env env, int fd, size_t length, int protection, off_t offset) {
  void *data = mmap(nullptr, length, protection, MAP_SHARED, fd, offset);
  if (data == MAP_FAILED) throw failure(env, "mmap", errno);
  return Napi::ArrayBuffer::New(env, data, length, [length](Napi::Env, void *p) { munmap(p, length); });
}

/* view(object, map): a mappable array's values in place. Stays valid after close, until collected. */
Napi::Value View(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  bpf_map *map = map_of(info, handle, 1);
  size_t page = sysconf(_SC_PAGESIZE),
         size = ((bpf_map__value_size(map) + 7) & ~7u) * bpf_map__max_entries(map);
  return mapped(info.Env(), bpf_map__fd(map), (size + page - 1) & ~(page - 1), PROT_READ | PROT_WRITE, 0);
}

/* ring(object, map): a ring buffer's positions, a page each: the consumer's (ours to write), the producer's. */
Napi::Value Ring(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  bpf_map *map = map_of(info, handle, 1);
  size_t page = sysconf(_SC_PAGESIZE);
  auto pages = Napi::Object::New(info.Env());
  pages["consumer"] = mapped(info.Env(), bpf_map__fd(map), page, PROT_READ | PROT_WRITE, 0);
  pages["producer"] = mapped(info.Env(), bpf_map__fd(map), page, PROT_READ, page);
  return pages;
}

/* ringData(object, map): its data, seen twice in a row. All of it is resident as soon as it is mapped. */
Napi::Value RingData(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  bpf_map *map = map_of(info, handle, 1);
  size_t page = sysconf(_SC_PAGESIZE), size = bpf_map__max_entries(map);
  return mapped(info.Env(), bpf_map__fd(map), 2 * size, PROT_READ, 2 * page);
}

/* write(object, map, key, value): one element. */
Napi::Value Write(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  bpf_map *map = map_of(info, handle, 1);
  Bytes key = bytes_of(info, 2, bpf_map__key_size(map)), value = bytes_of(info, 3, bpf_map__value_size(map));
  if (bpf_map_update_elem(bpf_map__fd(map), key.data, value.data, BPF_ANY))
    throw failure(info.Env(), "write", errno);
  return info.Env().Undefined();
}

/* point(object, outer, index, inner): promise; kept when no program uses the former inner map any more. */
Napi::Value Point(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  int outer = bpf_map__fd(map_of(info, handle, 1)), inner = bpf_map__fd(map_of(info, handle, 3));
  uint32_t index = number_of(info, 2);
  return Job::start(
      info, handle,
      [=](std::string &what) {
        what = "swap";
        return bpf_map_update_elem(outer, &index, &inner, BPF_ANY) ? errno : 0;
      },
      undefined);
}

/* read(object, map, keys, values): promise of how many elements were copied into the two arrays. For a map at
 * rest. */
Napi::Value Read(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  bpf_map *map = map_of(info, handle, 1);
  int fd = bpf_map__fd(map);
  size_t key_size = bpf_map__key_size(map), value_size = bpf_map__value_size(map);
  Bytes keys = bytes_of(info, 2, key_size), values = bytes_of(info, 3, value_size);
  uint32_t room = std::min(keys.size / key_size, values.size / value_size);
  auto total = std::make_shared<uint32_t>(0);
  return Job::start(
      info, handle,
      [=](std::string &what) {
        uint32_t cursor = 0, count;
        bool first = true;
        what = "read";
        for (;;) {
          count = room - *total;
          if (!count) return E2BIG;
          int error =
              bpf_map_lookup_batch(fd, first ? nullptr : &cursor, &cursor, keys.data + *total * key_size,
                                   values.data + *total * value_size, &count, nullptr);
          if (error && errno != ENOENT) return errno;
          *total += count;
          if (error) return 0;
          first = false;
        }
      },
      [total](Napi::Env env) -> Napi::Value { return Napi::Number::New(env, *total); });
}

/* remove(object, map, keys, count): promise; deletes these elements. */
Napi::Value Remove(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  bpf_map *map = map_of(info, handle, 1);
  int fd = bpf_map__fd(map);
  uint32_t count = number_of(info, 3);
  Bytes keys = bytes_of(info, 2, static_cast<size_t>(count) * bpf_map__key_size(map));
  return Job::start(
      info, handle,
      [=](std::string &what) {
        uint32_t left = count;
        what = "remove";
        return left && bpf_map_delete_batch(fd, keys.data, &left, nullptr) ? errno : 0;
      },
      undefined);
}

int read_iterator(int link, std::string &what) {
  char sink[4096];
  ssize_t got;
  what = "run the iterator";
  int fd = bpf_iter_create(link);
  if (fd < 0) return errno;
  while ((got = ::read(fd, sink, sizeof sink)) > 0 || (got < 0 && errno == EAGAIN)) {
  }
  int error = got < 0 ? errno : 0;
  ::close(fd);
  return error;
}

/* run(object, program, netns): promise; reads an attached iterator to its end. One of sockets meets those of
 * the network namespace at that path; without it, of this process. */
Napi::Value Run(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  int link = bpf_link__fd(link_of(info, handle, 1));
  std::string netns = info.Length() > 2 && !info[2].IsUndefined() ? string_of(info, 2) : "";
  return Job::start(
      info, handle,
      [=](std::string &what) {
        if (netns.empty()) return read_iterator(link, what);
        return within_netns(netns, what, [&](int) { return read_iterator(link, what); });
      },
      undefined);
}

/* statistics(object, on): the kernel counts runs and run time of all BPF programs while somebody asks it to.
 */
Napi::Value Statistics(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  bool on = info.Length() > 1 && info[1].ToBoolean();
  if (on && handle->statistics < 0) {
    handle->statistics = bpf_enable_stats(BPF_STATS_RUN_TIME);
    if (handle->statistics < 0) throw failure(info.Env(), "enable statistics", errno);
  } else if (!on && handle->statistics >= 0) {
    ::close(handle->statistics);
    handle->statistics = -1;
  }
  return info.Env().Undefined();
}

/* The program behind a link, which another process may have made; closed by the caller. */
int program_behind(bpf_link *link) {
  bpf_link_info about = {};
  uint32_t size = sizeof about;
  if (bpf_obj_get_info_by_fd(bpf_link__fd(link), &about, &size)) return -1;
  return bpf_prog_get_fd_by_id(about.prog_id);
}

/* programs(object): name, runs, run time; the last two count only while statistics are on. */
Napi::Value Programs(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  auto list = Napi::Array::New(info.Env());
  bpf_program *program;
  bpf_object__for_each_program(program, handle->object) {
    auto entry = Napi::Object::New(info.Env());
    bpf_prog_info about = {};
    uint32_t size = sizeof about;
    std::string name = bpf_program__name(program);
    entry["name"] = name;
    bool attached = handle->links.contains(name);
    int fd = attached ? program_behind(handle->links[name]) : bpf_program__fd(program);
    if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &about, &size)) {
      entry["runs"] = Napi::BigInt::New(info.Env(), static_cast<uint64_t>(about.run_cnt));
      entry["skipped"] = Napi::BigInt::New(info.Env(), static_cast<uint64_t>(about.recursion_misses));
      entry["runTimeNs"] = Napi::BigInt::New(info.Env(), static_cast<uint64_t>(about.run_time_ns));
    }
    if (attached && fd >= 0) ::close(fd);
    list[list.Length()] = entry;
  }
  return list;
}

/* tickNs(): nanoseconds of the kernel's tick. A jiffy, whatever CONFIG_HZ says, is as long as its coarse
 * clock is fine. */
Napi::Value TickNs(const Napi::CallbackInfo &info) {
  timespec resolution{};
  if (clock_getres(CLOCK_MONOTONIC_COARSE, &resolution) < 0)
    throw failure(info.Env(), "resolution of the coarse clock", errno);
  return Napi::Number::New(info.Env(), static_cast<double>(resolution.tv_sec) * 1e9 +
                                           static_cast<double>(resolution.tv_nsec));
}

/* netns(path, files): promise of cookie, inode and the text of some files, read inside that network
 * namespace. */
Napi::Value Netns(const Napi::CallbackInfo &info) {
  auto visit = std::make_shared<Visit>();
  visit->path = string_of(info, 0);
  for (size_t i = 1; i < info.Length(); i++) visit->files.push_back({string_of(info, i), ""});
  return Job::start(
      info, nullptr,
      [=](std::string &what) {
        int error = visit_netns(*visit);
        what = visit->failed;
        return error;
      },
      [visit](Napi::Env env) -> Napi::Value {
        auto result = Napi::Object::New(env);
        auto texts = Napi::Array::New(env);
        for (auto &file : visit->files) texts[texts.Length()] = file.text;
        result["cookie"] = Napi::BigInt::New(env, visit->cookie);
        result["inode"] = Napi::Number::New(env, visit->inode);
        result["texts"] = texts;
        return result;
      });
}

Napi::Value Close(const Napi::CallbackInfo &info) {
  if (info.Length() < 1 || !info[0].IsExternal())
    throw Napi::TypeError::New(info.Env(), "the first argument is no object of this addon");
  Handle &handle = *info[0].As<Napi::External<Handle>>().Data();
  if (handle->busy) throw Napi::Error::New(info.Env(), "the object is in use");
  handle->close();  // twice is fine
  return info.Env().Undefined();
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
  libbpf_set_print(remember);
  const std::pair<const char *, Napi::Value (*)(const Napi::CallbackInfo &)> functions[] = {
      {"open", Open},
      {"btf", Btf},
      {"constants", Constants},
      {"resize", Resize},
      {"maps", Maps},
      {"reuse", Reuse},
      {"skip", Skip},
      {"pinMap", PinMap},
      {"pinLink", PinLink},
      {"openLink", OpenLink},
      {"load", Load},
      {"attach", Attach},
      {"detach", Detach},
      {"view", View},
      {"ring", Ring},
      {"ringData", RingData},
      {"write", Write},
      {"point", Point},
      {"read", Read},
      {"remove", Remove},
      {"run", Run},
      {"statistics", Statistics},
      {"programs", Programs},
      {"netns", Netns},
      {"netlink", Netlink},
      {"close", Close},
      {"kernelArguments", KernelArguments},
      {"kernelEnum", KernelEnum},
      {"tickNs", TickNs},
      {"hooks", Hooks},
      {"sizes", Sizes},
      {"linked", Linked},
      {"programsOn", ProgramsOn},
      {"mapType", MapType},
  };
  for (auto &[name, function] : functions) exports.Set(name, Napi::Function::New(env, function, name));
  return exports;
}

}  // namespace
}  // namespace sonde

using sonde::Init;
NODE_API_MODULE(addon, Init)
