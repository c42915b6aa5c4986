// Reads an RTCStatsReport, for tests/rtc.rs and tests/mesh.

// The `ice-ufrag` of the local and the remote candidate of the selected pair, and the bytes received on it.
export function selected_pair(report) {
  const transport = [...report.values()].find((entry) => entry.type === "transport");
  const pair = report.get(transport?.selectedCandidatePairId);
  if (!pair) return undefined;
  const ufrag = (id) => report.get(id)?.usernameFragment;
  return [ufrag(pair.localCandidateId), ufrag(pair.remoteCandidateId), pair.bytesReceived];
}
