// SPDX-License-Identifier: Apache-2.0
#include "others.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "handle.h"

namespace sonde {
namespace {

constexpr uint32_t kProgramsMax = 1024; /* on one cgroup hook; the kernel itself stops at 64 */

/* As the kernel lays out what it tells of a link, from 6.6 on also of one to a perf event; older headers have
 * only the beginning. */
union LinkInfo {
  bpf_link_info known;
  struct {
    uint32_t type, id, program, hole;
    uint32_t kind, padding;
    uint64_t name;
    uint32_t name_size;
  } perf_event;
  char room[sizeof(bpf_link_info) + 64];
};

constexpr uint32_t kPerfEventLink = 7;  /* BPF_LINK_TYPE_PERF_EVENT */
constexpr uint32_t kPerfTracepoint = 5; /* BPF_PERF_EVENT_TRACEPOINT */

/* Adds what the kernel tells of a program; false if it has gone. */
bool describe(Napi::Object entry, uint32_t id) {
  bpf_prog_info about = {};
  uint32_t size = sizeof about;
  int fd = bpf_prog_get_fd_by_id(id);
  if (fd < 0) return false;
  int error = bpf_obj_get_info_by_fd(fd, &about, &size);
  ::close(fd);
  if (error) return false;
  const char *type = libbpf_bpf_prog_type_str(static_cast<bpf_prog_type>(about.type));
  Napi::Env env = entry.Env();
  entry["program"] = Napi::Number::New(env, id);
  entry["name"] = Napi::String::New(env, about.name);
  entry["type"] = Napi::String::New(env, type ? type : std::to_string(about.type));
  entry["user"] = Napi::Number::New(env, about.created_by_uid);
  return true;
}

/* What the kernel tells of a link, and the tracepoint that it is on; false if it has gone. */
bool ask(int fd, LinkInfo &about, std::string &tracepoint) {
  char name[128] = {};
  uint32_t size = sizeof about;
  about = {};
  if (bpf_obj_get_info_by_fd(fd, &about, &size)) return false;
  bool raw = about.known.type == BPF_LINK_TYPE_RAW_TRACEPOINT;
  bool perf = about.known.type == kPerfEventLink && about.perf_event.kind == kPerfTracepoint;
  if (!raw && !perf) return true;
  about = {};
  size = sizeof about;
  if (raw) {
    about.known.raw_tracepoint.tp_name = reinterpret_cast<uint64_t>(name);
    about.known.raw_tracepoint.tp_name_len = sizeof name;
  } else {
    about.perf_event.name = reinterpret_cast<uint64_t>(name);
    about.perf_event.name_size = sizeof name;
  }
  if (bpf_obj_get_info_by_fd(fd, &about, &size)) return false;
  tracepoint = name;
  return true;
}

}  // namespace

/* hooks(object): what each program's section names, and the number under which the kernel attaches it. */
Napi::Value Hooks(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  auto list = Napi::Array::New(info.Env());
  bpf_program *program;
  bpf_object__for_each_program(program, handle->object) {
    auto entry = Napi::Object::New(info.Env());
    entry["program"] = Napi::String::New(info.Env(), bpf_program__name(program));
    entry["section"] = Napi::String::New(info.Env(), bpf_program__section_name(program));
    entry["attachType"] = Napi::Number::New(info.Env(), bpf_program__expected_attach_type(program));
    list[list.Length()] = entry;
  }
  return list;
}

/* sizes(object): the measures of its maps, those of data sections too. */
Napi::Value Sizes(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  auto list = Napi::Array::New(info.Env());
  bpf_map *map;
  bpf_object__for_each_map(map, handle->object) {
    auto entry = Napi::Object::New(info.Env());
    const char *type = libbpf_bpf_map_type_str(bpf_map__type(map));
    entry["map"] = Napi::String::New(info.Env(), bpf_map__name(map));
    entry["type"] = Napi::String::New(info.Env(), type ? type : "");
    entry["keySize"] = Napi::Number::New(info.Env(), bpf_map__key_size(map));
    entry["valueSize"] = Napi::Number::New(info.Env(), bpf_map__value_size(map));
    entry["entries"] = Napi::Number::New(info.Env(), bpf_map__max_entries(map));
    list[list.Length()] = entry;
  }
  return list;
}

/* linked(): every program of this kernel that a link holds attached, whoever made it, and the tracepoint. */
Napi::Value Linked(const Napi::CallbackInfo &info) {
  libbpf_log.clear();
  auto list = Napi::Array::New(info.Env());
  uint32_t id = 0;
  while (!bpf_link_get_next_id(id, &id)) {
    LinkInfo about;
    std::string tracepoint;
    int fd = bpf_link_get_fd_by_id(id);
    if (fd < 0 && errno == ENOENT) continue; /* gone meanwhile */
    if (fd < 0) throw failure(info.Env(), "look at the links", errno);
    bool there = ask(fd, about, tracepoint);
    ::close(fd);
    auto entry = Napi::Object::New(info.Env());
    if (!there || !describe(entry, about.known.prog_id)) continue;
    entry["link"] = Napi::Number::New(info.Env(), id);
    if (!tracepoint.empty()) entry["tracepoint"] = Napi::String::New(info.Env(), tracepoint);
    list[list.Length()] = entry;
  }
  if (errno != ENOENT) throw failure(info.Env(), "look at the links", errno);
  return list;
}

/* programsOn(cgroup, attachType): what is attached to that control group itself, by links or without. */
Napi::Value ProgramsOn(const Napi::CallbackInfo &info) {
  libbpf_log.clear();
  std::string path = string_of(info, 0);
  auto type = static_cast<bpf_attach_type>(number_of(info, 1));
  uint32_t ids[kProgramsMax], flags = 0, count = kProgramsMax;
  int cgroup = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (cgroup < 0) throw failure(info.Env(), "open " + path, errno);
  int error = bpf_prog_query(cgroup, type, 0, &flags, ids, &count) ? errno : 0;
  ::close(cgroup);
  if (error) throw failure(info.Env(), "look at " + path, error);
  auto list = Napi::Array::New(info.Env());
  for (uint32_t i = 0; i < count; i++) {
    auto entry = Napi::Object::New(info.Env());
    if (describe(entry, ids[i])) list[list.Length()] = entry;
  }
  auto result = Napi::Object::New(info.Env());
  result["programs"] = list;
  result["flags"] = Napi::Number::New(info.Env(), flags);
  return result;
}

/* mapType(type): whether the kernel makes a map of that kind (enum bpf_map_type), by making one. */
Napi::Value MapType(const Napi::CallbackInfo &info) {
  libbpf_log.clear();
  errno = 0;
  int made = libbpf_probe_bpf_map_type(static_cast<bpf_map_type>(number_of(info, 0)), nullptr);
  if (made < 0) throw failure(info.Env(), "make a map", -made);
  if (!made && (errno == EPERM || errno == EACCES)) throw failure(info.Env(), "make a map", errno);
  return Napi::Boolean::New(info.Env(), made == 1);
}

}  // namespace sonde
