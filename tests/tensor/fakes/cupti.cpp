#include "tests/tensor/fakes/cupti.h"

#include <algorithm>
#include <utility>

using strata::fakes::FakeCupti;

extern "C" {

FakeCupti* fake_cupti() {
  static FakeCupti fake;
  return &fake;
}

CUptiResult cuptiGetVersion(uint32_t* version) {
  *version = fake_cupti()->version;
  return CUPTI_SUCCESS;
}

CUptiResult cuptiGetResultString(CUptiResult, const char** words) {
  *words = "the library's own words";
  return CUPTI_SUCCESS;
}

CUptiResult cuptiSubscribe(CUpti_SubscriberHandle* subscriber, CUpti_CallbackFunc callback,
                           void* data) {
  FakeCupti& fake = *fake_cupti();
  if (fake.subscribing != CUPTI_SUCCESS) return fake.subscribing;
  *subscriber = reinterpret_cast<CUpti_SubscriberHandle>(&fake);
  fake.subscribed = true;
  fake.callback = callback;
  fake.callback_data = data;
  return CUPTI_SUCCESS;
}

CUptiResult cuptiUnsubscribe(CUpti_SubscriberHandle) {
  fake_cupti()->subscribed = false;
  return CUPTI_SUCCESS;
}

CUptiResult cuptiEnableCallback(uint32_t, CUpti_SubscriberHandle, CUpti_CallbackDomain,
                                CUpti_CallbackId) {
  return CUPTI_SUCCESS;
}

CUptiResult cuptiGetCallbackName(CUpti_CallbackDomain, uint32_t id, const char** name) {
  const auto found = fake_cupti()->call_names.find(id);
  if (found == fake_cupti()->call_names.end()) return CUPTI_ERROR_INVALID_PARAMETER;
  *name = found->second.c_str();
  return CUPTI_SUCCESS;
}

// A node is its own number.
CUptiResult cuptiGetGraphNodeId(CUgraphNode node, uint64_t* id) {
  *id = reinterpret_cast<uint64_t>(node);
  return CUPTI_SUCCESS;
}

CUptiResult cuptiActivityRegisterTimestampCallback(CUpti_TimestampCallbackFunc now) {
  fake_cupti()->now = now;
  return CUPTI_SUCCESS;
}

CUptiResult cuptiActivityRegisterCallbacks(CUpti_BuffersCallbackRequestFunc give,
                                           CUpti_BuffersCallbackCompleteFunc take) {
  fake_cupti()->give_buffer = give;
  fake_cupti()->take_buffer = take;
  return CUPTI_SUCCESS;
}

CUptiResult cuptiActivityEnable(CUpti_ActivityKind kind) {
  FakeCupti& fake = *fake_cupti();
  if (fake.enabling.contains(kind)) return fake.enabling.at(kind);
  fake.enabled.push_back(kind);
  return CUPTI_SUCCESS;
}

CUptiResult cuptiActivityDisable(CUpti_ActivityKind kind) {
  std::erase(fake_cupti()->enabled, kind);
  return CUPTI_SUCCESS;
}

CUptiResult cuptiActivityFlushAll(uint32_t) {
  FakeCupti& fake = *fake_cupti();
  if (!fake.give_buffer) return CUPTI_ERROR_INVALID_OPERATION;
  uint8_t* buffer = nullptr;
  size_t bytes = 0, most_records = 0;
  fake.give_buffer(&buffer, &bytes, &most_records);
  fake.take_buffer(nullptr, 0, buffer, bytes, fake.records.size());
  return CUPTI_SUCCESS;
}

// The buffer is empty: the records are where the test has them.
CUptiResult cuptiActivityGetNextRecord(uint8_t*, size_t, CUpti_Activity** record) {
  FakeCupti& fake = *fake_cupti();
  if (fake.records.empty()) return CUPTI_ERROR_MAX_LIMIT_REACHED;
  *record = const_cast<CUpti_Activity*>(fake.records.front());
  fake.records.erase(fake.records.begin());
  return CUPTI_SUCCESS;
}

CUptiResult cuptiActivityGetNumDroppedRecords(CUcontext, uint32_t, size_t* dropped) {
  *dropped = std::exchange(fake_cupti()->dropped, 0);
  return CUPTI_SUCCESS;
}

CUptiResult cuptiActivityPushExternalCorrelationId(CUpti_ExternalCorrelationKind, uint64_t id) {
  fake_cupti()->external_ids.push_back(id);
  return CUPTI_SUCCESS;
}

CUptiResult cuptiActivityPopExternalCorrelationId(CUpti_ExternalCorrelationKind, uint64_t* last) {
  *last = fake_cupti()->external_ids.back();
  fake_cupti()->external_ids.pop_back();
  return CUPTI_SUCCESS;
}

}  // extern "C"
