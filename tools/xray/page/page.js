// Where the page begins: reads the data, makes the parts and keeps them on one view and one
// selection, which the address remembers (#view=eager&node=12), so that a link shows the same.
// All scripts are one module, in this order: model, text, lanes, roles, overview, timeline, tree,
// follow, page.

const page = JSON.parse(slot('xray-data').textContent);
page.notes ??= [];
page.machine ??= [];
const views = page.views.map(makeView);
const LEVELS = 7;

const tooltip = {
  show(event, text) {
    const box = slot('tooltip');
    box.replaceChildren(...text);
    box.hidden = false;
    const x = Math.min(event.clientX + 14, innerWidth - box.offsetWidth - 8);
    const beneath = event.clientY + 18, above = event.clientY - box.offsetHeight - 10;
    const y = beneath + box.offsetHeight > innerHeight ? above : beneath;
    box.style.translate = `${Math.max(x, 8)}px ${y}px`;
  },
  hide() { slot('tooltip').hidden = true; },
};

function summary(node) {
  const facts = [`${time(duration(node))} on the ${isGpuWork(node) ? 'GPU' : 'host'}`];
  if (!isGpuWork(node) && node.gpuTime > 0) facts.push(`${time(node.gpuTime)} on the GPU`);
  if (node.launches.length > 0)
    facts.push(`launches ${plural(node.launches.length, 'piece')} of GPU work`);
  if (node.share > 0) facts.push(`${percent(node.share)} of the roofline`);
  return [element('b', {}, node.name),
    node.detail ? element('div', {class: 'shape'}, node.detail) : '',
    element('div', {}, element('i', {class: `swatch layer-${node.layer}`}), node.layer,
      ` · from ${time(node.begin)}`),
    element('div', {}, facts.join(' · '))];
}

let view = null, selected = null;
const onSelect = node => select(node, {remember: true});
const timeline = new Timeline(slot('timeline'), {onSelect, tooltip});
const tree = new Tree(slot('tree'), {onSelect});
const follow = new Follow(slot('follow'), {onSelect});

function chooseView(chosen, {remember = false, node = null} = {}) {
  const kept = node ?? (selected && counterpart(selected, view, chosen)) ?? costliestOp(chosen);
  view = chosen;
  document.body.dataset.view = view.name;
  showViewButtons(views, view, other => chooseView(other, {remember: true}));
  showSums(view);
  showLegend(view);
  timeline.show(view);
  tree.show(view, depth);
  showMatches();
  select(kept, {remember});
}

function select(node, {remember = false} = {}) {
  selected = node;
  timeline.select(node);
  tree.select(node);
  follow.show(view, page, node);
  const at = node ? view.ops.indexOf(opOf(node)) : -1;
  slot('previous').disabled = at === 0 || view.ops.length === 0;
  slot('next').disabled = at === view.ops.length - 1;
  if (remember) history.replaceState(null, '', `#view=${encodeURIComponent(view.name)}` +
    (node ? `&node=${node.id}` : ''));
}

function stepOp(by) {
  const at = selected ? view.ops.indexOf(opOf(selected)) : -1;
  const to = at >= 0 ? at + by : nextAfter(selected, by);
  if (view.ops[to]) onSelect(view.ops[to]);
}

// From a phase or module: the first op in it or after it, or the last one before.
function nextAfter(node, by) {
  const place = other => view.nodes.indexOf(other);
  const after = view.ops.findIndex(op => place(op) > place(node));
  return by > 0 ? after : (after < 0 ? view.ops.length : after) - 1;
}

// What a first look should show: the op that keeps the GPU, or else the host, busy for longest.
function costliestOp(of) {
  const cost = op => of.gpuTotal > 0 ? op.gpuTime : duration(op);
  const innermost = of.ops.filter(op => !below(op).some(at => at.layer === 'op'));
  return innermost.reduce((most, op) => !most || cost(op) > cost(most) ? op : most, null);
}

let depth = 3;
function showDepth() {
  slot('depth').replaceChildren(...[...Array(LEVELS).keys()].map(at => at + 1).concat(Infinity)
    .map(level => element('button', {
      type: 'button', 'data-depth': level, 'aria-pressed': String(level === depth),
      onclick: () => { depth = level; tree.setDepth(level); showDepth(); },
    }, level === Infinity ? 'all' : String(level))));
}

function showMatches() {
  slot('matches').textContent = tree.matches
    ? `${count(tree.matches.size)} of ${plural(view.nodes.length, 'node')}` : '';
}

function readAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const chosen = views.find(other => other.name === asked.get('view')) ?? view ?? views[0];
  const node = chosen.byId.get(Number(asked.get('node'))) ?? null;
  if (chosen !== view) chooseView(chosen, {node});
  else if (node) select(node);
}

function listen() {
  const zooms = {in: () => timeline.zoom(0.6), out: () => timeline.zoom(1 / 0.6),
                 op: () => timeline.zoomToSelection(), fit: () => timeline.fit()};
  for (const button of document.querySelectorAll('[data-zoom]'))
    button.addEventListener('click', zooms[button.dataset.zoom]);
  slot('previous').addEventListener('click', () => stepOp(-1));
  slot('next').addEventListener('click', () => stepOp(1));
  slot('filter').addEventListener('input', () => {
    tree.filter(slot('filter').value);
    showMatches();
  });
  addEventListener('hashchange', readAddress);
}

showHeader(page);
showRemoved(views);
showDepth();
listen();
readAddress();
