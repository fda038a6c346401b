// The step as a tree that folds: each call with its time on the host, the time of the GPU's work
// below it, its rate where the arithmetic is known, and its share of the step. What a call decided
// is not told here but in the panel that follows it.

class Tree {
  constructor(place, {onSelect}) {
    Object.assign(this, {place, onSelect, open: new Set(), words: '', selected: null});
    this.listen();
  }

  show(view, depth) {
    this.view = view;
    this.setDepth(depth);
  }

  // Unfolds so that `depth` levels show.
  setDepth(depth) {
    this.open = new Set(this.view.nodes.filter(node => node.depth < depth));
    this.applyFilter();
  }

  filter(words) {
    this.words = words.trim().toLowerCase();
    this.applyFilter();
  }

  // While something is looked for, its own set of open nodes: the folds come back afterwards.
  applyFilter() {
    const {words, view} = this;
    this.matches = words ? new Set(view.nodes.filter(node => textOf(node).includes(words))) : null;
    this.openForMatches = words ? new Set([...this.matches].flatMap(ancestors)) : null;
    this.kept = words ? new Set([...this.matches, ...this.openForMatches]) : null;
    this.draw();
  }

  select(node) {
    this.selected = node;
    if (node) for (const at of ancestors(node)) this.opened.add(at);
    this.draw();
    if (node) revealWithin(this.place, this.rowOf(node));
  }

  get opened() { return this.openForMatches ?? this.open; }

  toggle(node, open = !this.opened.has(node)) {
    if (open) this.opened.add(node);
    else this.opened.delete(node);
    this.draw();
  }

  rowOf(node) { return this.place.querySelector(`[data-node="${node.id}"]`); }

  // ---- drawing

  draw() {
    const hadFocus = this.place.contains(document.activeElement);
    const rows = [];
    for (const root of this.view.roots) this.addRows(root, false, rows);
    if (!rows.some(row => row.tabIndex === 0) && rows.length > 0) rows[0].tabIndex = 0;
    this.place.replaceChildren(...rows);
    this.place.classList.toggle('without-gpu', this.view.gpuTotal === 0);
    this.place.previousElementSibling?.classList.toggle('without-gpu', this.view.gpuTotal === 0);
    if (hadFocus) this.place.querySelector('[tabindex="0"]')?.focus({preventScroll: true});
  }

  // What lies below a match shows, too, once the match is unfolded.
  addRows(node, belowMatch, rows) {
    if (this.kept && !this.kept.has(node) && !belowMatch) return;
    rows.push(this.makeRow(node));
    if (!this.opened.has(node)) return;
    for (const child of node.children)
      this.addRows(child, belowMatch || Boolean(this.matches?.has(node)), rows);
  }

  makeRow(node) {
    const folds = node.children.length > 0;
    const isOpen = folds && this.opened.has(node);
    const {view} = this;
    const onHost = node.track === 'host';
    const hostShare = onHost ? duration(node) / view.wall_ns : 0;
    const gpuShare = view.gpuTotal > 0 ? node.gpuTime / view.gpuTotal : 0;
    const shares = [['host', hostShare], ['gpu', gpuShare]].filter(([, share]) => share > 0);
    return element('div', {
      class: `row layer-${node.layer}${node === this.selected ? ' selected' : ''}`,
      role: 'treeitem', 'data-node': node.id, 'aria-level': node.depth,
      'aria-expanded': folds ? String(isOpen) : null,
      'aria-selected': String(node === this.selected),
      tabindex: node === this.selected ? 0 : -1, style: `--level: ${node.depth - 1}`,
    },
      element('span', {class: 'cell name', title: `${node.layer}: ${node.name} ${node.detail}`},
        element('span', {class: 'fold', 'aria-hidden': 'true'}, folds ? (isOpen ? '▾' : '▸') : ''),
        element('span', {class: 'tag'}, node.layer),
        element('span', {class: 'label'}, ...this.marked(node.title),
          node.detail && element('span', {class: 'detail'}, ' ', this.marked(node.detail)))),
      element('span', {class: 'cell of-host'}, hostText(node)),
      element('span', {class: 'cell of-gpu'}, node.gpuTime > 0 ? time(node.gpuTime) : ''),
      element('span', {class: 'cell of-rate'}, rateText(node)),
      element('span', {class: 'cell of-share', title: shareText(hostShare, gpuShare)},
        shares.map(([of, share]) =>
          element('i', {class: of, style: `width: ${Math.min(100 * share, 100)}%`}))));
  }

  marked(text) {
    const at = this.words ? text.toLowerCase().indexOf(this.words) : -1;
    if (at < 0) return [text];
    const end = at + this.words.length;
    return [text.slice(0, at), element('mark', {}, text.slice(at, end)), text.slice(end)];
  }

  // ---- mouse and keyboard

  listen() {
    this.place.addEventListener('click', event => {
      const node = this.nodeAt(event.target);
      if (!node) return;
      if (event.target.closest('.fold') && node.children.length > 0) this.toggle(node);
      else this.onSelect(node);
    });
    this.place.addEventListener('dblclick', event => {
      const node = this.nodeAt(event.target);
      if (node && !event.target.closest('.fold')) this.toggle(node);
    });
    this.place.addEventListener('keydown', event => {
      const row = event.target.closest('[data-node]');
      if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
      const act = {
        ArrowDown: () => this.focus(row.nextElementSibling),
        ArrowUp: () => this.focus(row.previousElementSibling),
        ArrowRight: () => this.unfoldOrEnter(row), ArrowLeft: () => this.foldOrLeave(row),
        Home: () => this.focus(this.place.firstElementChild),
        End: () => this.focus(this.place.lastElementChild),
        Enter: () => this.onSelect(this.nodeAt(row)), ' ': () => this.onSelect(this.nodeAt(row)),
      }[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    });
  }

  nodeAt(target) {
    const row = target.closest('[data-node]');
    return row && this.view.byId.get(Number(row.dataset.node));
  }

  focus(row) {
    if (!row) return;
    for (const other of this.place.querySelectorAll('[tabindex="0"]')) other.tabIndex = -1;
    row.tabIndex = 0;
    row.focus();
  }

  unfoldOrEnter(row) {
    const node = this.nodeAt(row);
    if (node.children.length === 0) return;
    if (this.opened.has(node)) return this.focus(row.nextElementSibling);
    this.toggle(node, true);
    this.focus(this.rowOf(node));
  }

  foldOrLeave(row) {
    const node = this.nodeAt(row);
    if (this.opened.has(node) && node.children.length > 0) {
      this.toggle(node, false);
      this.focus(this.rowOf(node));
    } else if (node.parent) {
      this.focus(this.rowOf(node.parent));
    }
  }
}

function textOf(node) {
  return [node.layer, node.name, node.detail, node.file ?? '', ...node.notes.flat()]
    .join('\n').toLowerCase();
}

function hostText(node) {
  if (isGpuWork(node)) return '';
  return isRecorded(node) ? 'recorded' : time(duration(node));
}

function rateText(node) {
  const parts = [];
  if (flopRate(node) > 0) parts.push(rate(flopRate(node)));
  if (node.share > 0) parts.push(percent(node.share));
  return parts.join(' · ');
}

function shareText(hostShare, gpuShare) {
  return [hostShare > 0 ? `${percent(hostShare)} of the step's time on the host` : '',
          gpuShare > 0 ? `${percent(gpuShare)} of the GPU's work` : ''].filter(Boolean).join('; ');
}
