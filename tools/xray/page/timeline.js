// The timeline: bars of all layers over one axis of time, and arrows from the call that launched
// something to what the GPU made of it. Zooms and pans; what is selected stands out. The tree has
// what this leaves out: nodes that were recorded while a graph was captured have no time here.

const SHORTEST = 200;  // ns: closer than this there is nothing to see

class Timeline {
  constructor(place, {onSelect, tooltip}) {
    Object.assign(this, {place, onSelect, tooltip, selected: null, lit: null});
    this.svg = drawing('svg', {'aria-hidden': 'true'});
    this.place.append(this.svg);
    this.listen();
  }

  show(view) {
    this.view = view;
    this.total = Math.max(view.wall_ns, ...view.nodes.filter(n => !isRecorded(n)).map(n => n.end));
    Object.assign(this, layOut(view));
    this.setRange(0, this.total);
  }

  select(node) {
    this.selected = node;
    this.lit = node && litBy(node);
    if (node) this.bringIntoView();
    this.draw();
  }

  // ---- which part of the step is shown

  setRange(from, to) {
    const span = Math.min(Math.max(to - from, SHORTEST), this.total);
    this.from = Math.min(Math.max(from, 0), this.total - span);
    this.to = this.from + span;
    this.draw();
  }

  fit() { this.setRange(0, this.total); }

  zoom(factor, around = (this.from + this.to) / 2) {
    this.setRange(around - (around - this.from) * factor, around + (this.to - around) * factor);
  }

  pan(share) {
    const by = share * (this.to - this.from);
    this.setRange(this.from + by, this.to + by);
  }

  // The selected op with its GPU work, and some room at both sides.
  zoomToSelection() {
    const extent = this.litExtent();
    if (!extent) return;
    const margin = 0.15 * (extent.end - extent.begin);
    this.setRange(extent.begin - margin, extent.end + margin);
  }

  bringIntoView() {
    const extent = this.litExtent();
    if (!extent || extent.end > this.from && extent.begin < this.to) return;
    const half = (this.to - this.from) / 2, middle = (extent.begin + extent.end) / 2;
    this.setRange(middle - half, middle + half);
  }

  litExtent() {
    const placed = [...this.lit?.core ?? []].filter(node => !isRecorded(node));
    if (placed.length === 0) return null;
    return {begin: Math.min(...placed.map(n => n.begin)), end: Math.max(...placed.map(n => n.end))};
  }

  // ---- drawing

  get gutter() { return this.width < 700 ? 66 : 86; }
  x(time) {
    return this.gutter + (time - this.from) / (this.to - this.from) * (this.width - this.gutter);
  }
  timeAt(clientX) {
    const x = clientX - this.svg.getBoundingClientRect().left - this.gutter;
    return this.from + x / (this.width - this.gutter) * (this.to - this.from);
  }

  draw() {
    if (!this.view) return;
    this.width = Math.max(this.place.clientWidth, 320);
    this.place.dataset.from = Math.round(this.from);
    this.place.dataset.to = Math.round(this.to);
    const {width, height, gutter} = this;
    for (const [key, value] of Object.entries({width, height, viewBox: `0 0 ${width} ${height}`}))
      this.svg.setAttribute(key, value);
    const clip = drawing('clipPath', {id: 'timeline-clip'},
      drawing('rect', {x: gutter, y: 0, width: width - gutter, height}));
    this.svg.replaceChildren(clip, ...this.drawLanes(), ...this.drawAxis(),
      drawing('g', {'clip-path': 'url(#timeline-clip)'}, this.drawFlows(), this.drawBars()),
      this.drawOverview());
  }

  drawLanes() {
    return this.lanes.map((lane, index) => drawing('g', {},
      drawing('rect', {class: 'lane', x: this.gutter, y: lane.y - 2, rx: 3,
        width: this.width - this.gutter, height: lane.height + 4}),
      drawing('text', {class: 'lane-label', x: this.gutter - 10, y: lane.y + ROW / 2 + 4,
        'text-anchor': 'end'}, lane.label),
      lane.kind !== this.lanes[index - 1]?.kind && drawing('text', {class: 'side-label',
        x: this.gutter - 10, y: lane.y - 10, 'text-anchor': 'end'}, lane.kind.toUpperCase())));
  }

  drawAxis() {
    const step = niceStep((this.to - this.from) / Math.max(this.width / 130, 2));
    const ticks = [];
    for (let at = Math.ceil(this.from / step) * step; at <= this.to; at += step) {
      const x = this.x(at), last = x > this.width - 40;
      ticks.push(drawing('g', {class: 'tick'},
        drawing('line', {x1: x, x2: x, y1: AXIS - 6, y2: this.height}),
        drawing('text', {x: last ? x - 4 : x + 4, y: AXIS - 11,
          'text-anchor': last ? 'end' : 'start'}, axisTime(at, step))));
    }
    return ticks;
  }

  drawBars() {
    const group = drawing('g');
    for (const lane of this.lanes)
      for (const node of lane.rows.flat())
        if (node.end >= this.from && node.begin <= this.to) group.append(this.drawBar(node));
    return group;
  }

  drawBar(node) {
    const left = Math.max(this.x(node.begin), this.gutter - 4);
    const right = Math.min(this.x(node.end), this.width + 4);
    const width = Math.max(right - left - 0.6, 1.4);
    const textAt = Math.max(left, this.gutter) + 5;
    const label = clip(node.name, Math.floor((right - textAt - 3) / 7));
    const classes = ['span', `layer-${node.layer}`];
    if (this.lit) classes.push(this.lit.core.has(node) || this.lit.near.has(node) ? 'lit' : 'dim');
    if (node === this.selected) classes.push('selected');
    return drawing('g', {class: classes.join(' '), 'data-node': node.id},
      drawing('rect', {x: left, y: node.y, width, height: ROW, rx: Math.min(3, width / 3)}),
      label && drawing('text', {x: textAt, y: node.y + ROW / 2 + 4}, label));
  }

  // All of them faintly, those of the selection plainly.
  drawFlows() {
    const group = drawing('g', {class: 'flows'});
    for (const {from, to} of this.view.flows) {
      const x1 = this.x((from.begin + from.end) / 2), x2 = this.x(to.begin) + 1;
      if (isRecorded(from) || Math.max(x1, x2) < this.gutter || Math.min(x1, x2) > this.width)
        continue;
      const y1 = from.y + ROW, middle = (y1 + to.y) / 2 + 8;
      const lit = this.lit?.core.has(to) || this.hovered === to || this.hovered === from;
      group.append(drawing('path', {class: lit ? 'flow lit' : 'flow',
        'data-from': from.id, 'data-to': to.id,
        d: `M${x1} ${y1}C${x1} ${middle} ${x2} ${middle} ${x2} ${to.y}`}));
    }
    return group;
  }

  // A line under the axis' labels: which part of the whole is shown.
  drawOverview() {
    const scale = (this.width - this.gutter) / this.total;
    return drawing('g', {class: 'overview-line'},
      drawing('rect', {x: this.gutter, y: AXIS - 6, width: this.width - this.gutter, height: 3}),
      drawing('rect', {class: 'shown', x: this.gutter + this.from * scale, y: AXIS - 6,
        width: Math.max((this.to - this.from) * scale, 3), height: 3}));
  }

  // ---- mouse and keyboard

  listen() {
    let drag = null;
    this.place.addEventListener('wheel', event => {
      const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
      // Where all is shown, the wheel scrolls the page on.
      if (!sideways && event.deltaY > 0 && this.to - this.from >= this.total) return;
      event.preventDefault();
      if (sideways) this.pan(event.deltaX / this.width);
      else this.zoom(Math.exp(event.deltaY * 0.002), this.timeAt(event.clientX));
    }, {passive: false});
    this.place.addEventListener('pointerdown', event => {
      if (event.button !== 0) return;
      const {from, to} = this;
      drag = {x: event.clientX, from, to, node: this.nodeAt(event), moved: false};
    });
    this.place.addEventListener('pointermove', event => {
      if (!drag) return this.hover(event);
      const by = event.clientX - drag.x;
      if (!drag.moved && Math.abs(by) < 4) return;
      if (!drag.moved) this.place.setPointerCapture(event.pointerId);
      drag.moved = true;
      this.tooltip.hide();
      const time = by / (this.width - this.gutter) * (drag.to - drag.from);
      this.setRange(drag.from - time, drag.to - time);
    });
    const drop = () => {
      if (drag && !drag.moved && drag.node) this.onSelect(drag.node);
      drag = null;
    };
    this.place.addEventListener('pointerup', drop);
    this.place.addEventListener('pointercancel', () => { drag = null; });
    this.place.addEventListener('pointerleave', () => this.hover(null));
    this.place.addEventListener('dblclick', () => this.zoomToSelection());
    this.place.addEventListener('keydown', event => {
      const act = {
        ArrowLeft: () => this.pan(-0.15), ArrowRight: () => this.pan(0.15),
        '+': () => this.zoom(0.6), '=': () => this.zoom(0.6), '-': () => this.zoom(1 / 0.6),
        0: () => this.fit(), Enter: () => this.zoomToSelection(),
      }[event.key];
      if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      act();
    });
    new ResizeObserver(() => this.draw()).observe(this.place);
  }

  nodeAt(event) {
    const id = event.target.closest?.('[data-node]')?.dataset.node;
    return id === undefined ? null : this.view.byId.get(Number(id));
  }

  hover(event) {
    const node = event && this.nodeAt(event);
    if (node) this.tooltip.show(event, summary(node));
    else this.tooltip.hide();
    if (node === this.hovered) return;
    this.hovered = node;
    for (const flow of this.svg.querySelectorAll('.flow')) {
      const ends = [flow.dataset.from, flow.dataset.to];
      flow.classList.toggle('hovered', Boolean(node) && ends.includes(String(node.id)));
    }
  }
}

// What a selection lights: its op with all below (core), and what led there or launched it (near).
function litBy(node) {
  const op = opOf(node) ?? node;
  const core = new Set([op, ...below(op)]);
  for (const launched of node.launches) core.add(launched);
  const near = new Set(ancestors(op));
  for (const work of [...core]) {
    if (!work.launcher || core.has(work.launcher)) continue;
    for (const at of [work.launcher, ...below(work.launcher)]) near.add(at);
  }
  return {core, near};
}

function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(Math.max(rough, 1)));
  return power * ([1, 2, 5].find(by => by * power >= rough) ?? 10);
}

function axisTime(ns, step) {
  const digits = Math.max(0, Math.ceil(3 - Math.log10(step) - 1e-9));
  return `${(ns / 1000).toFixed(Math.min(digits, 3))} µs`;
}
