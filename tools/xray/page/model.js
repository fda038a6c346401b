// The recorded step as the page's other files see it: nodes that know their parent, children and
// sums, and questions about them. Reads the data only, draws nothing.

// From the framework down to the GPU. `group` is where its time is summed.
const LAYERS = [
  {name: 'step', group: 'framework'},
  {name: 'phase', group: 'framework'},
  {name: 'module', group: 'framework'},
  {name: 'op', group: 'framework'},
  {name: 'rung', group: 'framework'},
  {name: 'library', group: 'library'},
  {name: 'runtime', group: 'runtime'},
  {name: 'driver', group: 'driver'},
  {name: 'kernel', group: 'gpu'},
  {name: 'copy', group: 'gpu'},
  {name: 'fill', group: 'gpu'},
];
const DEPTH_OF = new Map(LAYERS.map((layer, index) => [layer.name, index]));
const CALLS = ['library', 'runtime', 'driver'];

const isGpuWork = node => node.layer === 'kernel' || node.layer === 'copy' || node.layer === 'fill';
const isRecorded = node => node.track === 'recording';
const duration = node => node.end - node.begin;

function makeView(data) {
  const nodes = data.nodes.map(node => ({
    ...node,
    detail: node.detail ?? '', notes: node.notes ?? [], children: [], parent: null, launches: [],
    gradients: [],
  }));
  const byId = new Map(nodes.map(node => [node.id, node]));
  const roots = [];
  nodes.forEach((node, index) => {
    node.parent = byId.get(data.nodes[index].parent) ?? null;
    (node.parent?.children ?? roots).push(node);
    node.forward = byId.get(node.backward_of) ?? null;
    node.forward?.gradients.push(node);
    node.title = titleOfNode(node);
    node.launcher = byId.get(node.launched_by) ?? null;
    node.launcher?.launches.push(node);
  });
  const ordered = [];
  roots.forEach(root => sumBelow(root, 1, ordered));
  const view = {...data, nodes: ordered, byId, roots};
  view.ops = ordered.filter(node => node.layer === 'op');
  view.gpuTotal = roots.reduce((sum, root) => sum + root.gpuTime, 0);
  view.flows = ordered.filter(node => node.launcher).map(node => ({from: node.launcher, to: node}));
  return view;
}

// A gradient has the name of its op; the layer of the network tells it apart from others.
function titleOfNode(node) {
  if (!node.backward_of) return node.name;
  const layer = node.notes.find(([name]) => name === 'of');
  return `${layer ? `${layer[1]}: ` : ''}gradient of ${node.name}`;
}

// Depth first, so that `ordered` is the order of the calls.
function sumBelow(node, depth, ordered) {
  node.depth = depth;
  node.gpuTime = isGpuWork(node) ? duration(node) : 0;
  node.gpuCount = isGpuWork(node) ? 1 : 0;
  ordered.push(node);
  for (const child of node.children) {
    sumBelow(child, depth + 1, ordered);
    node.gpuTime += child.gpuTime;
    node.gpuCount += child.gpuCount;
  }
  // Where kernels are unknown, two events on the GPU told how long an op took.
  if (node.gpuCount === 0 && node.between_events_ns) node.gpuTime = node.between_events_ns;
}

function ancestors(node) {
  const found = [];
  for (let at = node.parent; at; at = at.parent) found.unshift(at);
  return found;
}

const lineage = node => [...ancestors(node), node];

function below(node) {
  return node.children.flatMap(child => [child, ...below(child)]);
}

// The op that a node belongs to: the nearest one at or above it.
const opOf = node => lineage(node).findLast(at => at.layer === 'op') ?? null;

// How long an op's arithmetic took: on the GPU, or on the host where that is who did it. A rung
// without calls below it is itself the kernel.
function workTime(node) {
  if (node.gpuTime > 0) return node.gpuTime;
  const made = node.layer === 'rung' || node.layer === 'op';
  const calls = below(node).some(at => CALLS.includes(at.layer));
  return made && !calls && !isRecorded(node) ? duration(node) : 0;
}

const flopRate = node => node.flops > 0 && workTime(node) > 0
  ? node.flops / workTime(node) * 1e9 : 0;

// The same call in another view: same layer and name, and as many of its kind came before it.
function counterpart(node, from, to) {
  const same = at => at.layer === node.layer && at.name === node.name && at.detail === node.detail;
  return to.nodes.filter(same)[from.nodes.filter(same).indexOf(node)] ?? null;
}

function callsOf(view) {
  const hostCalls = view.nodes.filter(node => node.track === 'host' && CALLS.includes(node.layer));
  return Object.fromEntries(
    CALLS.map(layer => [layer, hostCalls.filter(node => node.layer === layer).length]));
}

const part = (pairs, name) => pairs.find(([key]) => key === name)?.[1] ?? 0;
