// SPDX-License-Identifier: Apache-2.0
/* A BPF object behind a JavaScript handle, and reading a call's arguments: wrong ones throw, closed ones too.
 */
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <napi.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <string>

namespace sonde {

constexpr size_t kLogMax = 64 * 1024;

inline thread_local std::string
    libbpf_log;  // the end of what libbpf said since it was last asked to do something

inline int remember(enum libbpf_print_level level, const char *format, va_list arguments) {
  if (level != LIBBPF_WARN) return 0;
  va_list again;
  va_copy(again, arguments);
  std::string line(vsnprintf(nullptr, 0, format, arguments) + 1,
                   '\0');  // the verifier's log comes as one line
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
  std::map<bpf_map *, std::string> names;  // of those that libbpf calls after what took their place
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

inline Napi::Error failure(Napi::Env env, const std::string &what, int error) {
  auto e = Napi::Error::New(env, what + ": " + strerror(error));
  e.Set("errno", Napi::Number::New(env, error));
  e.Set("log", Napi::String::New(env, libbpf_log));
  return e;
}

inline Handle handle_of(const Napi::CallbackInfo &info) {
  if (info.Length() < 1 || !info[0].IsExternal())
    throw Napi::TypeError::New(info.Env(), "the first argument is no object of this addon");
  Handle handle = *info[0].As<Napi::External<Handle>>().Data();
  if (!handle->object) throw Napi::Error::New(info.Env(), "the object is closed");
  libbpf_log.clear();
  return handle;
}

inline std::string string_of(const Napi::CallbackInfo &info, size_t index) {
  if (info.Length() <= index || !info[index].IsString())
    throw Napi::TypeError::New(info.Env(), "argument " + std::to_string(index) + " is no string");
  return info[index].As<Napi::String>();
}

inline uint32_t number_of(const Napi::CallbackInfo &info, size_t index) {
  if (info.Length() <= index || !info[index].IsNumber())
    throw Napi::TypeError::New(info.Env(), "argument " + std::to_string(index) + " is no number");
  return info[index].As<Napi::Number>().Uint32Value();
}

struct Bytes {
  uint8_t *data;
  size_t size;
};

inline Bytes bytes_of(const Napi::CallbackInfo &info, size_t index, size_t at_least) {
  if (info.Length() <= index || !info[index].IsTypedArray())
    throw Napi::TypeError::New(info.Env(), "argument " + std::to_string(index) + " is no typed array");
  auto array = info[index].As<Napi::TypedArray>();
  if (array.ByteLength() < at_least)
    throw Napi::RangeError::New(info.Env(), "argument " + std::to_string(index) + " is shorter than " +
                                                std::to_string(at_least) + " bytes");
  return {static_cast<uint8_t *>(array.ArrayBuffer().Data()) + array.ByteOffset(), array.ByteLength()};
}

/* As the object declares it. */
inline std::string name_of(const Handle &handle, bpf_map *map) {
  auto known = handle->names.find(map);
  return known == handle->names.end() ? bpf_map__name(map) : known->second;
}

inline bpf_map *map_of(const Napi::CallbackInfo &info, const Handle &handle, size_t index) {
  std::string name = string_of(info, index);
  bpf_map *map;
  bpf_object__for_each_map(map, handle->object) if (name == name_of(handle, map)) return map;
  bpf_object__for_each_map(map, handle->object) {  // .rodata is called after the object: sonde_bp.rodata
    std::string full = bpf_map__name(map);
    if (full.size() > name.size() && full.ends_with(name) && name[0] == '.') return map;
  }
  throw Napi::Error::New(info.Env(), "no map is called " + name);
}

inline bpf_program *program_of(const Napi::CallbackInfo &info, const Handle &handle, size_t index) {
  std::string name = string_of(info, index);
  bpf_program *program = bpf_object__find_program_by_name(handle->object, name.c_str());
  if (!program) throw Napi::Error::New(info.Env(), "no program is called " + name);
  return program;
}

inline bpf_link *link_of(const Napi::CallbackInfo &info, const Handle &handle, size_t index) {
  auto found = handle->links.find(string_of(info, index));
  if (found == handle->links.end()) throw Napi::Error::New(info.Env(), "that program is not attached");
  return found->second;
}

}  // namespace sonde
