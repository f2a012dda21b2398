// SPDX-License-Identifier: Apache-2.0
/* What else is in this kernel, and what it could hold: for a look at the node before anything is attached. */
#pragma once

#include <napi.h>

namespace sonde {

Napi::Value Hooks(const Napi::CallbackInfo &info);
Napi::Value Sizes(const Napi::CallbackInfo &info);
Napi::Value Linked(const Napi::CallbackInfo &info);
Napi::Value ProgramsOn(const Napi::CallbackInfo &info);
Napi::Value MapType(const Napi::CallbackInfo &info);

}  // namespace sonde
