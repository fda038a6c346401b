// Uses the x-ray's page as a reader would, by mouse and keyboard, and writes what held into
// <pre id="checks">, a line a check. Works on any page, the sample's or a real step's.

const data = JSON.parse(document.getElementById('xray-data').textContent);
const results = [];
const check = (what, holds) => results.push(`${holds ? 'ok' : 'FAILED'}: ${what}`);
const one = selector => document.querySelector(selector);
const all = selector => [...document.querySelectorAll(selector)];
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const box = element => element.getBoundingClientRect();
const moment = () => new Promise(resolve => setTimeout(resolve, 20));

const timeline = one('#timeline'), tree = one('#tree'), follow = one('#follow');
const range = () => ({from: Number(timeline.dataset.from), to: Number(timeline.dataset.to)});
const span = () => range().to - range().from;
const key = (target, name) =>
  target.dispatchEvent(new KeyboardEvent('keydown', {key: name, bubbles: true, cancelable: true}));
const pointer = (target, type, x, y) => target.dispatchEvent(
  new PointerEvent(type, {clientX: x, clientY: y, button: 0, pointerId: 1, bubbles: true}));
const rows = () => all('#tree [role="treeitem"]');
const rowOf = id => one(`#tree [data-node="${id}"]`);
const click = target => target.dispatchEvent(new MouseEvent('click', {bubbles: true}));

function clickBar(bar) {
  const at = box(bar);
  pointer(bar, 'pointerdown', at.left + 1, at.top + 1);
  pointer(bar, 'pointerup', at.left + 1, at.top + 1);
}

function checkHeader() {
  check('the title is that of the data', one('h1').textContent === data.title);
  check('each machine fact stands there', data.machine.every(([name, value]) =>
    one('#machine').textContent.includes(name + value)));
  check('notes are shown, or their place is gone',
    one('#notes').hidden === (data.notes.length === 0) &&
    data.notes.every(note => one('#notes').textContent.includes(note)));
  check('a button for each view', same(all('#views [data-view]').map(button => button.dataset.view),
    data.views.map(view => view.name)));
  check('two views are compared', one('#removed').hidden === (data.views.length < 2));
  check('nothing is wider than the window', document.documentElement.scrollWidth <= innerWidth);
}

function checkSums(view) {
  const sums = all('#sums [data-sum]').map(sum =>
    [...sum.querySelectorAll('[data-ns]')].map(item => Number(item.dataset.ns))
      .reduce((total, ns) => total + ns, 0));
  const expected = [view.host, view.gpu].filter(parts => parts.length > 0);
  check(`${view.name}: each sum is the wall time`, sums.length === expected.length &&
    sums.every(sum => Math.abs(sum - view.wall_ns) <= 1e-6 * view.wall_ns));
}

function checkTree(view) {
  click(one('#depth [data-depth="Infinity"]'));
  check(`${view.name}: unfolded, a row for each node`,
    same(rows().map(row => Number(row.dataset.node)).sort((a, b) => a - b),
      view.nodes.map(node => node.id).sort((a, b) => a - b)));
  click(one('#depth [data-depth="2"]'));
  check(`${view.name}: two levels`, rows().every(row => Number(row.ariaLevel ??
    row.getAttribute('aria-level')) <= 2));

  const isOpen = id => rowOf(id).getAttribute('aria-expanded') === 'true';
  const id = rows().find(row => row.getAttribute('aria-expanded') === 'false').dataset.node;
  const before = rows().length;
  click(rowOf(id).querySelector('.fold'));
  check(`${view.name}: a node opens`, isOpen(id) && rows().length > before);
  click(rowOf(id).querySelector('.fold'));
  check(`${view.name}: ... and closes`, !isOpen(id) && rows().length === before);
  key(rowOf(id), 'ArrowRight');
  check(`${view.name}: ... by keyboard, too`, isOpen(id) && document.activeElement === rowOf(id));
  key(rowOf(id), 'ArrowDown');
  check(`${view.name}: down goes to the next row`,
    document.activeElement === rowOf(id).nextElementSibling);
  key(document.activeElement, 'ArrowLeft');
  if (document.activeElement !== rowOf(id)) key(document.activeElement, 'ArrowLeft');
  key(rowOf(id), 'ArrowLeft');
  check(`${view.name}: left goes up and folds`, !isOpen(id));
}

function checkFilter(view) {
  const byId = new Map(view.nodes.map(node => [node.id, node]));
  const words = view.nodes.find(node => node.layer === 'rung').name.toLowerCase();
  const textOf = node => [node.layer, node.name, node.detail, node.file ?? '',
    ...(node.notes ?? []).flat()].join('\n').toLowerCase();
  const expected = new Set();
  for (const node of view.nodes.filter(node => textOf(node).includes(words)))
    for (let at = node; at; at = byId.get(at.parent)) expected.add(at.id);
  const type = text => {
    one('#filter').value = text;
    one('#filter').dispatchEvent(new Event('input', {bubbles: true}));
  };
  const before = rows().length;
  type(words);
  check(`${view.name}: a filter leaves matches and their ancestors`,
    same(rows().map(row => Number(row.dataset.node)).sort((a, b) => a - b),
      [...expected].sort((a, b) => a - b)));
  check(`${view.name}: ... marks and counts them`,
    all('#tree mark').length > 0 && one('#matches').textContent.includes(' of '));
  type('nothing is called so');
  check(`${view.name}: a filter that matches nothing`, rows().length === 0);
  type('');
  check(`${view.name}: without it the folds are back`, rows().length === before);
}

function checkFollow(view) {
  const byId = new Map(view.nodes.map(node => [node.id, node]));
  const below = id => view.nodes.filter(node => node.parent === id)
    .flatMap(node => [node, ...below(node.id)]);
  const ops = view.nodes.filter(node => node.layer === 'op');
  const innermost = ops.filter(op => !below(op.id).some(node => node.layer === 'op'));
  const depth = node => below(node.id).filter(at => at.layer === 'library').length;
  const op = innermost.reduce((most, next) => depth(next) > depth(most) ? next : most);

  click(one('#depth [data-depth="Infinity"]'));
  click(rowOf(op.id));
  check(`${view.name}: a click on a row follows its op`, follow.dataset.op === String(op.id));
  check(`${view.name}: ... and the address keeps it`,
    location.hash === `#view=${encodeURIComponent(view.name)}&node=${op.id}`);
  const layers = all('#follow [data-layer]').map(card => card.dataset.layer);
  const order = ['step', 'phase', 'module', 'op', 'rung', 'library', 'runtime', 'driver', 'replay',
                 'gpu'];
  const known = layers.filter(layer => order.includes(layer));
  check(`${view.name}: its cards go from the top down`,
    same(known, [...known].sort((a, b) => order.indexOf(a) - order.indexOf(b))));
  check(`${view.name}: a card for each layer below it`, below(op.id).every(node =>
    layers.includes(['kernel', 'copy', 'fill'].includes(node.layer) ? 'gpu' : node.layer)));
  const calls = below(op.id).filter(node => node.layer === 'library').slice(0, 8);
  check(`${view.name}: notes of the calls are there`, calls.flatMap(node => node.notes ?? [])
    .every(([, value]) => follow.textContent.includes(value)));
  check(`${view.name}: each card says what its layer is for`,
    all('#follow [data-layer]').every(card => card.querySelector('.role').textContent.length > 20));
  if (op.excerpt) check(`${view.name}: its source is there`,
    follow.textContent.includes(op.excerpt.lines.at(-1)));

  const work = below(op.id).some(node => ['kernel', 'copy', 'fill'].includes(node.layer));
  const unknown = data.notes.find(note => note.startsWith('kernels'));
  if (unknown && !work && below(op.id).some(node => node.layer === 'runtime'))
    check(`${view.name}: says that kernels are unknown`, follow.textContent.includes(unknown));

  const at = ops.indexOf(op);
  click(one(at + 1 < ops.length ? '#next' : '#previous'));
  check(`${view.name}: the op beside it`,
    follow.dataset.op === String(ops[at + 1 < ops.length ? at + 1 : at - 1].id));
  const gradient = ops.find(node => byId.has(node.backward_of));
  if (!gradient) return;
  click(rowOf(gradient.id));
  click(one('#follow .item.current [data-link="forward"]'));
  check(`${view.name}: from a gradient to its op`,
    follow.dataset.op === String(gradient.backward_of));
  click(one(`#follow .item.current [data-link="gradient"][data-go="${gradient.id}"]`));
  check(`${view.name}: ... and back`, follow.dataset.op === String(gradient.id));
}

function checkZoom(view) {
  const area = box(timeline.querySelector('.lane'));
  const x = area.left + area.width * 0.25, whole = span();
  const timeAt = () => range().from + 0.25 * span();
  const under = timeAt();
  const wheel = by => timeline.dispatchEvent(
    new WheelEvent('wheel', {deltaY: by, clientX: x, bubbles: true, cancelable: true}));
  wheel(-400);
  check(`${view.name}: the wheel zooms`, span() < 0.6 * whole);
  check(`${view.name}: ... around the mouse`, Math.abs(timeAt() - under) < 0.01 * whole);
  const near = range();
  timeline.focus();
  key(timeline, '+');
  check(`${view.name}: plus zooms in`, span() < near.to - near.from);
  key(timeline, '-');
  const {from} = range();
  key(timeline, 'ArrowRight');
  check(`${view.name}: right pans`, range().from > from);
  key(timeline, 'ArrowLeft');
  timeline.setPointerCapture = () => {};
  pointer(timeline, 'pointerdown', x, area.top);
  pointer(timeline, 'pointermove', x - 60, area.top);
  pointer(timeline, 'pointerup', x - 60, area.top);
  check(`${view.name}: dragging pans`, range().from > from);
  key(timeline, '0');
  check(`${view.name}: 0 shows all`, span() === whole && range().from === 0);
  wheel(-20000);
  check(`${view.name}: there is an end to zooming`, span() >= 100);
  click(one('[data-zoom="fit"]'));
  check(`${view.name}: so does the button`, span() === whole);
}

function checkTimeline(view) {
  const placed = view.nodes.filter(node => node.track !== 'recording' && node.layer !== 'step');
  const bars = all('#timeline [data-node]').map(bar => Number(bar.dataset.node));
  check(`${view.name}: a bar for each node that has a time`,
    same([...bars].sort((a, b) => a - b), placed.map(node => node.id).sort((a, b) => a - b)));
  const flows = all('#timeline .flow');
  const expected = placed.filter(node => placed.some(from => from.id === node.launched_by));
  check(`${view.name}: ${flows.length} flows, each between two bars`,
    flows.length === expected.length && flows.every(flow =>
      bars.includes(Number(flow.dataset.from)) && bars.includes(Number(flow.dataset.to))));
  check(`${view.name}: bars of a lane do not lie on each other`, noOverlaps());

  const bar = one('#timeline .layer-op') ?? one('#timeline .span');
  clickBar(bar);
  const {node} = bar.dataset;
  check(`${view.name}: a click on a bar selects it`,
    rowOf(node)?.getAttribute('aria-selected') === 'true' &&
    location.hash.endsWith(`node=${node}`));
  check(`${view.name}: ... and lights it`, one('#timeline .selected').dataset.node === node);
}

// By the data's order of rows: bars of one height must follow one another.
function noOverlaps() {
  const rowsOfBars = Map.groupBy(all('#timeline [data-node] rect'), rect => rect.getAttribute('y'));
  return [...rowsOfBars.values()].every(row => row
    .map(rect => [Number(rect.getAttribute('x')), Number(rect.getAttribute('width'))])
    .sort((a, b) => a[0] - b[0])
    .every(([x, width], index, sorted) => index === 0 ||
      x >= sorted[index - 1][0] + sorted[index - 1][1] - 1.5));
}

async function checkAddress(view) {
  const node = view.nodes.findLast(at => at.layer === 'op');
  location.hash = `#view=${encodeURIComponent(view.name)}&node=${node.id}`;
  await moment();
  check(`${view.name}: an address opens view and node`, document.body.dataset.view === view.name &&
    follow.dataset.op === String(node.id));
  location.hash = '#view=none&node=none';
  await moment();
  check(`${view.name}: an address that leads nowhere changes nothing`,
    follow.dataset.op === String(node.id));
}

async function run() {
  checkHeader();
  check('an op is followed from the start', follow.dataset.op > '');
  for (const view of [...data.views, data.views[0]]) {
    click(one(`#views [data-view="${view.name}"]`));
    check(`${view.name}: the view is chosen`, document.body.dataset.view === view.name &&
      one(`#views [data-view="${view.name}"]`).getAttribute('aria-pressed') === 'true');
    checkSums(view);
    checkTree(view);
    checkFilter(view);
    checkFollow(view);
    checkTimeline(view);
    checkZoom(view);
    await checkAddress(view);
  }
}

await run().then(() => results.push('all checks ran'),
  error => check(`no error: ${error.stack}`, false));
const report = document.createElement('pre');
report.id = 'checks';
report.textContent = results.join('\n');
document.body.append(report);
