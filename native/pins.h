// SPDX-License-Identifier: Apache-2.0
/* Maps and links that outlive a process: by names in a BPF file system. */
#pragma once

#include <napi.h>

namespace sonde {

Napi::Value Maps(const Napi::CallbackInfo &info);
Napi::Value Reuse(const Napi::CallbackInfo &info);
Napi::Value Skip(const Napi::CallbackInfo &info);
Napi::Value PinMap(const Napi::CallbackInfo &info);
Napi::Value PinLink(const Napi::CallbackInfo &info);
Napi::Value OpenLink(const Napi::CallbackInfo &info);

}  // namespace sonde
