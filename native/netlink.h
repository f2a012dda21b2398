// SPDX-License-Identifier: Apache-2.0
/* Questions to the kernel by netlink, asked in another network namespace. */
#pragma once

#include <napi.h>

namespace sonde {

Napi::Value Netlink(const Napi::CallbackInfo &info);

}  // namespace sonde
