// A stand-in for CUPTI that records what it is given and hands over what a test says. The library
// has one, to be had by its function fake_cupti().
#pragma once

#include <cupti.h>

#include <map>
#include <string>
#include <vector>

namespace strata::fakes {

struct FakeCupti {
  // Its answers.
  uint32_t version = CUPTI_API_VERSION;
  CUptiResult subscribing = CUPTI_SUCCESS;
  std::map<CUpti_ActivityKind, CUptiResult> enabling = {};
  std::map<CUpti_CallbackId, std::string> call_names = {};
  std::vector<const CUpti_Activity*> records = {};  // handed over by the next flush
  size_t dropped = 0;                               // told once

  // What it was told.
  std::vector<CUpti_ActivityKind> enabled = {};
  std::vector<uint64_t> external_ids = {};  // pushed and not popped yet
  bool subscribed = false;
  CUpti_CallbackFunc callback = nullptr;
  void* callback_data = nullptr;
  CUpti_TimestampCallbackFunc now = nullptr;
  CUpti_BuffersCallbackRequestFunc give_buffer = nullptr;
  CUpti_BuffersCallbackCompleteFunc take_buffer = nullptr;
};

}  // namespace strata::fakes

extern "C" strata::fakes::FakeCupti* fake_cupti();
