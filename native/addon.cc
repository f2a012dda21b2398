// SPDX-License-Identifier: Apache-2.0
/*
 * The addon: libbpf for TypeScript, and nothing more. It holds no policy, no layout and no default; the script side
 * (src/agent/kernel/native.ts) validates and decides. What may wait (a map swap, a batch, an iterator, another network
 * namespace) runs on libuv's pool and returns a promise.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <napi.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "netns.h"

namespace {

constexpr size_t kLogMax = 64 * 1024;

thread_local std::string libbpf_log; // the end of what libbpf said since it was last asked to do something

int remember(enum libbpf_print_level level, const char *format, va_list arguments) {
  if (level != LIBBPF_WARN) return 0;
  va_list again;
  va_copy(again, arguments);
  std::string line(vsnprintf(nullptr, 0, format, arguments) + 1, '\0');  // the verifier's log comes as one line
  vsnprintf(line.data(), line.size(), format, again);
  va_end(again);
  line.pop_back();
  libbpf_log += line;
  if (libbpf_log.size() > kLogMax) libbpf_log.erase(0, libbpf_log.size() - kLogMax);
  return 0;
}

struct Object {
  bpf_object *object = nullptr;
  std::map<std::string, bpf_link *> links;
  int statistics = -1;
  int busy = 0;  // promises under way: close waits for none, it refuses

  ~Object() { close(); }
  void close() {
    for (auto &[name, link] : links) bpf_link__destroy(link);
    links.clear();
    if (statistics >= 0) ::close(statistics);
    statistics = -1;
    if (object) bpf_object__close(object);
    object = nullptr;
  }
};

using Handle = std::shared_ptr<Object>;

Napi::Error failure(Napi::Env env, const std::string &what, int error) {
  auto e = Napi::Error::New(env, what + ": " + strerror(error));
  e.Set("errno", Napi::Number::New(env, error));
  e.Set("log", Napi::String::New(env, libbpf_log));
  return e;
}

Handle handle_of(const Napi::CallbackInfo &info) {
  if (info.Length() < 1 || !info[0].IsExternal())
    throw Napi::TypeError::New(info.Env(), "the first argument is no object of this addon");
  Handle handle = *info[0].As<Napi::External<Handle>>().Data();
  if (!handle->object) throw Napi::Error::New(info.Env(), "the object is closed");
  libbpf_log.clear();
  return handle;
}

std::string string_of(const Napi::CallbackInfo &info, size_t index) {
  if (info.Length() <= index || !info[index].IsString())
    throw Napi::TypeError::New(info.Env(), "argument " + std::to_string(index) + " is no string");
  return info[index].As<Napi::String>();
}

uint32_t number_of(const Napi::CallbackInfo &info, size_t index) {
  if (info.Length() <= index || !info[index].IsNumber())
    throw Napi::TypeError::New(info.Env(), "argument " + std::to_string(index) + " is no number");
  return info[index].As<Napi::Number>().Uint32Value();
}

struct Bytes {
  uint8_t *data;
  size_t size;
};

Bytes bytes_of(const Napi::CallbackInfo &info, size_t index, size_t at_least) {
  if (info.Length() <= index || !info[index].IsTypedArray())
    throw Napi::TypeError::New(info.Env(), "argument " + std::to_string(index) + " is no typed array");
  auto array = info[index].As<Napi::TypedArray>();
  if (array.ByteLength() < at_least)
    throw Napi::RangeError::New(info.Env(), "argument " + std::to_string(index) + " is shorter than " +
                                                std::to_string(at_least) + " bytes");
  return {static_cast<uint8_t *>(array.ArrayBuffer().Data()) + array.ByteOffset(), array.ByteLength()};
}

bpf_map *map_of(const Napi::CallbackInfo &info, const Handle &handle, size_t index) {
  std::string name = string_of(info, index);
  bpf_map *map = bpf_object__find_map_by_name(handle->object, name.c_str());
  if (map) return map;
  bpf_object__for_each_map(map, handle->object) {  // .rodata is called after the object: sonde_bp.rodata
    std::string full = bpf_map__name(map);
    if (full.size() > name.size() && full.ends_with(name) && name[0] == '.') return map;
  }
  throw Napi::Error::New(info.Env(), "no map is called " + name);
}

bpf_program *program_of(const Napi::CallbackInfo &info, const Handle &handle, size_t index) {
  std::string name = string_of(info, index);
  bpf_program *program = bpf_object__find_program_by_name(handle->object, name.c_str());
  if (!program) throw Napi::Error::New(info.Env(), "no program is called " + name);
  return program;
}

/* Runs `work` on libuv's pool; `finish` makes the value. Keeps the object and the caller's arrays alive meanwhile. */
class Job : public Napi::AsyncWorker {
 public:
  using Work = std::function<int(std::string &)>;  // 0 or an errno, and what failed
  using Finish = std::function<Napi::Value(Napi::Env)>;

  static Napi::Value start(const Napi::CallbackInfo &info, Handle handle, Work work, Finish finish) {
    auto *job = new Job(info.Env(), std::move(handle), std::move(work), std::move(finish));
    for (size_t i = 0; i < info.Length(); i++)
      if (info[i].IsObject() || info[i].IsExternal()) job->kept_.push_back(Napi::Reference<Napi::Value>::New(info[i], 1));
    job->Queue();
    return job->deferred_.Promise();
  }

 protected:
  void Execute() override {
    libbpf_log.clear();
    error_ = work_(what_);
  }
  void OnOK() override {
    settle();
    if (error_)
      deferred_.Reject(failure(Env(), what_, error_).Value());
    else
      deferred_.Resolve(finish_(Env()));
  }
  void OnError(const Napi::Error &e) override {
    settle();
    deferred_.Reject(e.Value());
  }

 private:
  Job(Napi::Env env, Handle handle, Work work, Finish finish)
      : Napi::AsyncWorker(env),
        handle_(std::move(handle)),
        work_(std::move(work)),
        finish_(std::move(finish)),
        deferred_(Napi::Promise::Deferred::New(env)) {
    if (handle_) handle_->busy++;
  }
  void settle() {
    if (handle_) handle_->busy--;
  }

  Handle handle_;
  Work work_;
  Finish finish_;
  Napi::Promise::Deferred deferred_;
  std::vector<Napi::Reference<Napi::Value>> kept_;
  std::string what_;
  int error_ = 0;
};

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

/* resize(object, map, entries): before load. (An array of hash maps does not care how many entries its template has.) */
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

Napi::Value Attach(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  bpf_program *program = program_of(info, handle, 1);
  std::string name = bpf_program__name(program);
  if (handle->links.contains(name)) throw Napi::Error::New(info.Env(), name + " is attached already");
  bpf_link *link = bpf_program__attach(program);
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
  size_t page = sysconf(_SC_PAGESIZE), size = ((bpf_map__value_size(map) + 7) & ~7u) * bpf_map__max_entries(map);
  return mapped(info.Env(), bpf_map__fd(map), (size + page - 1) & ~(page - 1), PROT_READ | PROT_WRITE, 0);
}

/* ring(object, map): a ring buffer's pages: the consumer's (ours to write), the producer's, the data (seen twice in a row). */
Napi::Value Ring(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  bpf_map *map = map_of(info, handle, 1);
  size_t page = sysconf(_SC_PAGESIZE), size = bpf_map__max_entries(map);
  auto pages = Napi::Object::New(info.Env());
  pages["consumer"] = mapped(info.Env(), bpf_map__fd(map), page, PROT_READ | PROT_WRITE, 0);
  pages["producer"] = mapped(info.Env(), bpf_map__fd(map), page, PROT_READ, page);
  pages["data"] = mapped(info.Env(), bpf_map__fd(map), 2 * size, PROT_READ, 2 * page);
  return pages;
}

/* write(object, map, key, value): one element. */
Napi::Value Write(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  bpf_map *map = map_of(info, handle, 1);
  Bytes key = bytes_of(info, 2, bpf_map__key_size(map)), value = bytes_of(info, 3, bpf_map__value_size(map));
  if (bpf_map_update_elem(bpf_map__fd(map), key.data, value.data, BPF_ANY)) throw failure(info.Env(), "write", errno);
  return info.Env().Undefined();
}

/* point(object, outer, index, inner): promise; kept when no program uses the former inner map any more. */
Napi::Value Point(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  int outer = bpf_map__fd(map_of(info, handle, 1)), inner = bpf_map__fd(map_of(info, handle, 3));
  uint32_t index = number_of(info, 2);
  return Job::start(info, handle, [=](std::string &what) {
    what = "swap";
    return bpf_map_update_elem(outer, &index, &inner, BPF_ANY) ? errno : 0;
  }, undefined);
}

/* read(object, map, keys, values): promise of how many elements were copied into the two arrays. For a map at rest. */
Napi::Value Read(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  bpf_map *map = map_of(info, handle, 1);
  int fd = bpf_map__fd(map);
  size_t key_size = bpf_map__key_size(map), value_size = bpf_map__value_size(map);
  Bytes keys = bytes_of(info, 2, key_size), values = bytes_of(info, 3, value_size);
  uint32_t room = std::min(keys.size / key_size, values.size / value_size);
  auto total = std::make_shared<uint32_t>(0);
  return Job::start(info, handle, [=](std::string &what) {
    uint32_t cursor = 0, count;
    bool first = true;
    what = "read";
    for (;;) {
      count = room - *total;
      if (!count) return E2BIG;
      int error = bpf_map_lookup_batch(fd, first ? nullptr : &cursor, &cursor, keys.data + *total * key_size,
                                       values.data + *total * value_size, &count, nullptr);
      if (error && errno != ENOENT) return errno;
      *total += count;
      if (error) return 0;
      first = false;
    }
  }, [total](Napi::Env env) -> Napi::Value { return Napi::Number::New(env, *total); });
}

/* remove(object, map, keys, count): promise; deletes these elements. */
Napi::Value Remove(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  bpf_map *map = map_of(info, handle, 1);
  int fd = bpf_map__fd(map);
  uint32_t count = number_of(info, 3);
  Bytes keys = bytes_of(info, 2, static_cast<size_t>(count) * bpf_map__key_size(map));
  return Job::start(info, handle, [=](std::string &what) {
    uint32_t left = count;
    what = "remove";
    return left && bpf_map_delete_batch(fd, keys.data, &left, nullptr) ? errno : 0;
  }, undefined);
}

/* run(object, program): promise; reads an attached iterator to its end. */
Napi::Value Run(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  auto found = handle->links.find(string_of(info, 1));
  if (found == handle->links.end()) throw Napi::Error::New(info.Env(), "that iterator is not attached");
  int link = bpf_link__fd(found->second);
  return Job::start(info, handle, [=](std::string &what) {
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
  }, undefined);
}

/* statistics(object, on): the kernel counts runs and run time of all BPF programs while somebody asks it to. */
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

/* programs(object): name, runs, run time; the last two count only while statistics are on. */
Napi::Value Programs(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  auto list = Napi::Array::New(info.Env());
  bpf_program *program;
  bpf_object__for_each_program(program, handle->object) {
    auto entry = Napi::Object::New(info.Env());
    bpf_prog_info about = {};
    uint32_t size = sizeof about;
    entry["name"] = bpf_program__name(program);
    if (bpf_program__fd(program) >= 0 && !bpf_obj_get_info_by_fd(bpf_program__fd(program), &about, &size)) {
      entry["runs"] = Napi::BigInt::New(info.Env(), static_cast<uint64_t>(about.run_cnt));
      entry["runTimeNs"] = Napi::BigInt::New(info.Env(), static_cast<uint64_t>(about.run_time_ns));
    }
    list[list.Length()] = entry;
  }
  return list;
}

/* kernelArguments(name): how many arguments the kernel's BTF gives a function type such as btf_trace_NAME; -1 if unknown. */
Napi::Value KernelArguments(const Napi::CallbackInfo &info) {
  libbpf_log.clear();
  std::string name = string_of(info, 0);
  btf *kernel = btf__load_vmlinux_btf();
  int arguments = -1;
  if (!kernel) throw failure(info.Env(), "read the kernel's BTF", errno);
  int id = btf__find_by_name_kind(kernel, name.c_str(), BTF_KIND_TYPEDEF);
  if (id > 0) {
    const btf_type *type = btf__type_by_id(kernel, btf__type_by_id(kernel, id)->type);  // a pointer …
    type = btf__type_by_id(kernel, type->type);                                         // … to a function
    if (btf_is_func_proto(type)) arguments = btf_vlen(type);
  }
  btf__free(kernel);
  return Napi::Number::New(info.Env(), arguments);
}

/* netns(path, files): promise of cookie, inode and the text of some files, read inside that network namespace. */
Napi::Value Netns(const Napi::CallbackInfo &info) {
  auto visit = std::make_shared<sonde::Visit>();
  visit->path = string_of(info, 0);
  for (size_t i = 1; i < info.Length(); i++) visit->files.push_back({string_of(info, i), ""});
  return Job::start(info, nullptr, [=](std::string &what) {
    int error = sonde::visit_netns(*visit);
    what = visit->failed;
    return error;
  }, [visit](Napi::Env env) -> Napi::Value {
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
      {"open", Open},       {"btf", Btf},         {"constants", Constants}, {"resize", Resize},
      {"load", Load},       {"attach", Attach},   {"detach", Detach},       {"view", View},
      {"ring", Ring},       {"write", Write},     {"point", Point},         {"read", Read},
      {"remove", Remove},   {"run", Run},         {"statistics", Statistics}, {"programs", Programs},
      {"netns", Netns},     {"close", Close},     {"kernelArguments", KernelArguments},
  };
  for (auto &[name, function] : functions) exports.Set(name, Napi::Function::New(env, function, name));
  return exports;
}

}  // namespace

NODE_API_MODULE(sonde, Init)
