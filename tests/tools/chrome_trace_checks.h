// What holds of every trace that the x-ray writes: a viewer shows it whole.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace strata::test {

using TraceEvents = std::vector<nlohmann::json>;

/// The events of one phase: "X" slices, "M" names, "s", "t" and "f" flows.
inline TraceEvents events_of(const nlohmann::json& trace, std::string_view phase) {
  TraceEvents found;
  for (const nlohmann::json& event : trace.at("traceEvents"))
    if (event.at("ph") == phase) found.push_back(event);
  return found;
}

using TrackId = std::pair<int, int>;
inline TrackId track_id_of(const nlohmann::json& event) {
  return {event.at("pid"), event.at("tid")};
}

/// In nanoseconds: microseconds in between are no whole numbers.
inline int64_t begin_of(const nlohmann::json& event) {
  return std::llround(event.at("ts").get<double>() * 1e3);
}
inline int64_t end_of(const nlohmann::json& slice) {
  return begin_of(slice) + std::llround(slice.at("dur").get<double>() * 1e3);
}

/// The names of the tracks that have one; each must have just one.
inline std::map<TrackId, std::string> names_of_tracks(const nlohmann::json& trace) {
  std::map<TrackId, std::string> names;
  for (const nlohmann::json& event : events_of(trace, "M")) {
    if (event.at("name") != "thread_name") continue;
    const std::string name = event.at("args").at("name");
    EXPECT_TRUE(names.emplace(track_id_of(event), name).second) << name << " is the second name";
  }
  return names;
}

inline void expect_slices_nest(const nlohmann::json& trace) {
  std::map<TrackId, TraceEvents> tracks;
  for (const nlohmann::json& slice : events_of(trace, "X")) {
    EXPECT_GE(slice.at("dur"), 0) << slice;
    tracks[track_id_of(slice)].push_back(slice);
  }
  const std::map<TrackId, std::string> names = names_of_tracks(trace);
  for (auto& [id, slices] : tracks) {
    ASSERT_TRUE(names.contains(id)) << "a track without a name: " << slices[0];
    std::ranges::stable_sort(slices, {}, [](const nlohmann::json& slice) {
      return std::pair(begin_of(slice), -end_of(slice));
    });
    std::vector<int64_t> open;  // ends of the slices around
    for (const nlohmann::json& slice : slices) {
      while (!open.empty() && open.back() <= begin_of(slice)) open.pop_back();
      EXPECT_TRUE(open.empty() || end_of(slice) <= open.back())
          << slice << " reaches out of the slice around it on " << names.at(id);
      open.push_back(end_of(slice));
    }
  }
}

inline void expect_flows_are_whole(const nlohmann::json& trace) {
  const TraceEvents slices = events_of(trace, "X");
  std::map<int, std::map<std::string, int>> phases;  // of each flow
  std::map<int, int64_t> reached;
  for (const nlohmann::json& event : trace.at("traceEvents")) {
    const std::string phase = event.at("ph");
    if (phase != "s" && phase != "t" && phase != "f") continue;
    ++phases[event.at("id")][phase];
    EXPECT_TRUE(std::ranges::any_of(slices,
                                    [&](const nlohmann::json& slice) {
                                      return track_id_of(slice) == track_id_of(event) &&
                                             begin_of(slice) <= begin_of(event) &&
                                             begin_of(event) <= end_of(slice);
                                    }))
        << event << " is in no slice";
    if (phase == "s") reached[event.at("id")] = begin_of(event);
    EXPECT_LE(reached[event.at("id")], begin_of(event)) << event << " leads back in time";
    reached[event.at("id")] = begin_of(event);
    EXPECT_EQ(event.value("bp", ""), phase == "f" ? "e" : "") << event;
  }
  for (auto& [id, count] : phases) {
    EXPECT_EQ(count["s"], 1) << "flow " << id;
    EXPECT_EQ(count["f"], 1) << "flow " << id;
  }
}

}  // namespace strata::test
