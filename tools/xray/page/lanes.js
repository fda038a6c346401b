// Which bar of the timeline goes where: a lane for each layer of the host and for each stream of
// the GPU, with as many rows as overlap. Heights only; the timeline adds the times.

const ROW = 24, ROW_GAP = 2, LANE_GAP = 7, AXIS = 26, GPU_GAP = 46;

// Lanes from top to bottom, each {label, kind, rows, y}, and the whole height. Sets node.y.
function layOut(view) {
  const shown = view.nodes.filter(node => node.layer !== 'step' && !isRecorded(node));
  const tracks = [...new Set(shown.map(node => node.track))];
  const streams = tracks.filter(track => track !== 'host').sort(inNumericOrder);
  const host = shown.filter(node => node.track === 'host');
  const layers = [...new Set(host.map(node => node.layer))].sort((a, b) => depthOf(a) - depthOf(b));
  const lanes = [
    ...layers.map(layer => makeLane(layer, 'host', host.filter(node => node.layer === layer))),
    ...streams.map(track => makeLane(track, 'gpu', shown.filter(node => node.track === track))),
  ];
  let y = AXIS;
  lanes.forEach((lane, index) => {
    if (lane.kind === 'gpu' && lanes[index - 1]?.kind === 'host') y += GPU_GAP;
    lane.y = y;
    lane.rows.forEach((row, at) => row.forEach(node => { node.y = y + at * (ROW + ROW_GAP); }));
    lane.height = lane.rows.length * (ROW + ROW_GAP) - ROW_GAP;
    y += lane.height + LANE_GAP;
  });
  return {lanes, height: y + 4};
}

const depthOf = layer => DEPTH_OF.get(layer) ?? LAYERS.length;
const inNumericOrder = (a, b) => a.localeCompare(b, 'en', {numeric: true});

// Each node takes the first row that is free when it begins; kernels of one stream overlap where
// the next is let in before the one before it has ended.
function makeLane(label, kind, nodes) {
  const rows = [];
  for (const node of [...nodes].sort((a, b) => a.begin - b.begin || b.end - a.end)) {
    const row = rows.find(taken => taken.at(-1).end <= node.begin);
    if (row) row.push(node);
    else rows.push([node]);
  }
  return {label, kind, rows};
}
