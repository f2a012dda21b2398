// SPDX-License-Identifier: Apache-2.0
#include "types.h"

#include <bpf/btf.h>

#include <cerrno>
#include <string>

#include "handle.h"

namespace sonde {

/* kernelArguments(name): how many arguments the kernel's BTF gives a function, or a function type such as
 * btf_trace_NAME; -1 if unknown. */
Napi::Value KernelArguments(const Napi::CallbackInfo &info) {
  libbpf_log.clear();
  std::string name = string_of(info, 0);
  btf *kernel = btf__load_vmlinux_btf();
  int arguments = -1;
  if (!kernel) throw failure(info.Env(), "read the kernel's BTF", errno);
  int id = btf__find_by_name_kind(kernel, name.c_str(), BTF_KIND_TYPEDEF);
  const btf_type *type = nullptr;
  if (id > 0) {
    type = btf__type_by_id(kernel, btf__type_by_id(kernel, id)->type);  // a pointer …
    type = btf__type_by_id(kernel, type->type);                         // … to a function
  } else if ((id = btf__find_by_name_kind(kernel, name.c_str(), BTF_KIND_FUNC)) > 0) {
    type = btf__type_by_id(kernel, btf__type_by_id(kernel, id)->type);
  }
  if (type && btf_is_func_proto(type)) arguments = btf_vlen(type);
  btf__free(kernel);
  return Napi::Number::New(info.Env(), arguments);
}

/* kernelEnum(name): the values of one of the kernel's own enums, by name; undefined if it has none. */
Napi::Value KernelEnum(const Napi::CallbackInfo &info) {
  libbpf_log.clear();
  std::string name = string_of(info, 0);
  btf *kernel = btf__load_vmlinux_btf();
  if (!kernel) throw failure(info.Env(), "read the kernel's BTF", errno);
  int id = btf__find_by_name_kind(kernel, name.c_str(), BTF_KIND_ENUM);
  Napi::Value result = info.Env().Undefined();
  if (id > 0) {
    const btf_type *type = btf__type_by_id(kernel, id);
    const auto *values = btf_enum(type);
    auto found = Napi::Object::New(info.Env());
    for (int i = 0; i < btf_vlen(type); i++)
      found[btf__name_by_offset(kernel, values[i].name_off)] = Napi::Number::New(info.Env(), values[i].val);
    result = found;
  }
  btf__free(kernel);
  return result;
}

}  // namespace sonde
