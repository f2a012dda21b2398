// SPDX-License-Identifier: Apache-2.0
#include "pins.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "handle.h"

namespace sonde {

/* maps(object): the names of its maps, without those that libbpf makes of data sections. */
Napi::Value Maps(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  auto list = Napi::Array::New(info.Env());
  bpf_map *map;
  bpf_object__for_each_map(map, handle->object) if (!bpf_map__is_internal(map)) list[list.Length()] =
      Napi::String::New(info.Env(), name_of(handle, map));
  return list;
}

/* reuse(object, map, path): before load; the pinned map takes the place of a new one, with its size. */
Napi::Value Reuse(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  bpf_map *map = map_of(info, handle, 1);
  std::string path = string_of(info, 2);
  int fd = bpf_obj_get(path.c_str());
  if (fd < 0) throw failure(info.Env(), "open " + path, errno);
  int error = bpf_map__reuse_fd(map, fd);  // keeps a duplicate
  ::close(fd);
  if (error) throw failure(info.Env(), "reuse " + path, -error);
  handle->names[map] = string_of(info, 1);
  return info.Env().Undefined();
}

/* skip(object, program): before load; this program is not loaded. */
Napi::Value Skip(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  int error = bpf_program__set_autoload(program_of(info, handle, 1), false);
  if (error) throw failure(info.Env(), "skip", -error);
  return info.Env().Undefined();
}

/* pinMap(object, map, path): a second name for a loaded map, in a BPF file system. Unpinning is unlink(2). */
Napi::Value PinMap(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  int map = bpf_map__fd(map_of(info, handle, 1));
  std::string path = string_of(info, 2);
  if (bpf_obj_pin(map, path.c_str())) throw failure(info.Env(), "pin " + path, errno);
  return info.Env().Undefined();
}

/* pinLink(object, program, path): the program stays attached when this process ends. */
Napi::Value PinLink(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  int link = bpf_link__fd(link_of(info, handle, 1));
  std::string path = string_of(info, 2);
  if (bpf_obj_pin(link, path.c_str())) throw failure(info.Env(), "pin " + path, errno);
  return info.Env().Undefined();
}

/* openLink(object, program, path): a pinned link, as if this object had attached the program. */
Napi::Value OpenLink(const Napi::CallbackInfo &info) {
  Handle handle = handle_of(info);
  std::string name = bpf_program__name(program_of(info, handle, 1)), path = string_of(info, 2);
  if (handle->links.contains(name)) throw Napi::Error::New(info.Env(), name + " is attached already");
  bpf_link *link = bpf_link__open(path.c_str());
  if (!link) throw failure(info.Env(), "open " + path, errno);
  handle->links[name] = link;
  return info.Env().Undefined();
}

}  // namespace sonde
