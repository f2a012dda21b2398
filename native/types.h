// SPDX-License-Identifier: Apache-2.0
/* What the running kernel's own type information says. */
#pragma once

#include <napi.h>

namespace sonde {

Napi::Value KernelArguments(const Napi::CallbackInfo &info);
Napi::Value KernelEnum(const Napi::CallbackInfo &info);

}  // namespace sonde
