// SPDX-License-Identifier: Apache-2.0
/* Work that may wait, as a promise. */
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "handle.h"

namespace sonde {

/* Runs `work` on libuv's pool; `finish` makes the value. Keeps the object and the caller's arrays alive
 * meanwhile. */
class Job : public Napi::AsyncWorker {
 public:
  using Work = std::function<int(std::string &)>;  // 0 or an errno, and what failed
  using Finish = std::function<Napi::Value(Napi::Env)>;

  static Napi::Value start(const Napi::CallbackInfo &info, Handle handle, Work work, Finish finish) {
    auto *job = new Job(info.Env(), std::move(handle), std::move(work), std::move(finish));
    for (size_t i = 0; i < info.Length(); i++)
      if (info[i].IsObject() || info[i].IsExternal())
        job->kept_.push_back(Napi::Reference<Napi::Value>::New(info[i], 1));
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

}  // namespace sonde
