// The panel that follows one op down through the layers: a card for each, from the training step to
// the kernels, with what that layer decided and what it is there for.

const MOST_ITEMS = 8;  // of one layer in a card; the tree has the rest

class Follow {
  constructor(place, {onSelect}) {
    Object.assign(this, {place, onSelect});
    place.addEventListener('click', event => {
      const id = event.target.closest('[data-go]')?.dataset.go;
      if (id !== undefined) onSelect(this.view.byId.get(Number(id)));
    });
  }

  show(view, page, node) {
    Object.assign(this, {view, page, node});
    if (!node) {
      this.place.replaceChildren(element('p', {class: 'empty'},
        'Click a bar or a row: its op is followed down to the GPU here.'));
      return;
    }
    const subject = opOf(node) ?? node;
    this.place.dataset.op = subject.layer === 'op' ? subject.id : '';
    this.place.replaceChildren(...this.cards(subject));
    revealWithin(this.place, this.place.querySelector('.item.current'));
  }

  // One card for each layer on the way: single nodes down to the subject, groups below it.
  cards(subject) {
    const cards = byLayer(lineage(subject)).map(nodes =>
      this.card(nodes[0].layer, nodes, titleOf(nodes[0].layer)));
    const inside = below(subject);
    const of = layer => inside.filter(node => node.layer === layer);
    const ops = of('op');
    if (subject.layer !== 'op' && ops.length > 0) {
      cards.push(this.opList(ops));
      return cards;
    }
    if (ops.length > 0) cards.push(this.card('op', ops, `Made of ${plural(ops.length, 'op')}`));
    for (const layer of ['rung', ...CALLS]) {
      const nodes = of(layer);
      if (nodes.length > 0) cards.push(this.card(layer, nodes));
      else if (layer === 'library' && launchesItself(inside))
        cards.push(this.absent(layer, ABSENT.library));
      else if (layer === 'driver' && of('runtime').length > 0)
        cards.push(this.absent(layer, ABSENT.driver));
    }
    const replayed = this.replayCard(inside);
    if (replayed) cards.push(replayed);
    cards.push(this.gpuCard(subject, inside));
    return cards.filter(Boolean);
  }

  card(layer, nodes, title = `${titleOf(layer)}${nodes.length > 1 ? ` × ${nodes.length}` : ''}`) {
    const more = nodes.length - MOST_ITEMS;
    return element('section', {class: `step-card layer-${layer}`, 'data-layer': layer},
      element('h3', {}, title),
      element('p', {class: 'role'}, roleOf(layer, nodes[0].name)),
      nodes.slice(0, MOST_ITEMS).map(node => this.item(node)),
      more > 0 ? element('p', {class: 'more'}, `… and ${more} more in the tree`) : null);
  }

  opList(ops) {
    const outermost = ops.filter(op => !ancestors(op).some(at => at.layer === 'op'));
    return element('section', {class: 'step-card layer-op', 'data-layer': 'op'},
      element('h3', {}, `Ops × ${outermost.length}`),
      element('p', {class: 'role'}, 'Choose one to follow it down.'),
      element('div', {class: 'chips'}, outermost.map(op =>
        element('button', {type: 'button', 'data-go': op.id}, qualifiedName(op)))));
  }

  absent(layer, text) {
    return element('section', {class: `step-card absent layer-${layer}`, 'data-layer': layer},
      element('p', {class: 'role'}, text));
  }

  // What was recorded is launched later, with all else, by one call.
  replayCard(inside) {
    const launchers = [...new Set(inside.map(node => node.launcher))]
      .filter(launcher => launcher && !inside.includes(launcher));
    if (launchers.length === 0) return null;
    return element('section', {class: 'step-card layer-driver', 'data-layer': 'replay'},
      element('h3', {}, 'Replay'),
      element('p', {class: 'role'}, 'The calls above were made once, while the graph was ' +
        'captured. In this step none of them runs: one launch queues the whole graph.'),
      launchers.map(launcher => element('div', {class: 'item'},
        this.heading(launcher),
        element('p', {class: 'facts-line'}, `${time(duration(launcher))} for ` +
          plural(launcher.launches.length, 'piece') + ' of GPU work'))));
  }

  gpuCard(subject, inside) {
    const inGraph = lineage(subject).flatMap(node => node.launches);
    const work = inside.some(isGpuWork) ? inside.filter(isGpuWork) : inGraph;
    if (work.length > 0) {
      const card = this.card('gpu', work);
      card.classList.replace('layer-gpu', 'layer-kernel');
      return card;
    }
    const unknown = this.page.notes.find(note => note.startsWith('kernels'));
    if (unknown || [subject, ...inside].some(node => CALLS.includes(node.layer))) {
      return this.absent('kernel', unknown ?? 'No work of the GPU was seen to come from this.');
    }
    const rung = inside.some(node => node.layer === 'rung') || subject.layer === 'rung';
    return rung ? this.absent('rung', ABSENT.gpu) : null;
  }

  // ---- one node within a card

  item(node) {
    return element('div', {class: `item${node === this.node ? ' current' : ''}`},
      this.heading(node),
      node.detail ? element('p', {class: 'shape'}, node.detail) : null,
      element('p', {class: 'facts-line'}, this.facts(node).join(' · ')),
      this.roofline(node),
      this.links(node),
      this.notes(node),
      this.source(node));
  }

  heading(node) {
    return element('button', {type: 'button', class: 'item-name', 'data-go': node.id,
      title: node.title}, node.title);
  }

  // Engines that were not taken are many: they unfold.
  notes(node) {
    const said = node.notes.filter(([name]) => name !== 'floor' && name !== 'of');
    const list = notes => element('dl', {class: 'node-notes'}, notes.flatMap(
      ([name, value]) => [element('dt', {}, name), element('dd', {}, value)]));
    const passedOver = said.filter(([name]) => name === 'not taken');
    if (passedOver.length < 3) return said.length > 0 ? list(said) : null;
    return element('div', {}, list(said.filter(([name]) => name !== 'not taken')),
      element('details', {}, element('summary', {}, `${passedOver.length} others, not taken`),
        element('ul', {class: 'passed-over'}, passedOver.map(([, why]) => element('li', {}, why)))));
  }

  facts(node) {
    const facts = [];
    if (isGpuWork(node)) facts.push(`${time(duration(node))} on ${node.track}`);
    else if (isRecorded(node)) facts.push('recorded during capture');
    else facts.push(`${time(duration(node))} on the host`);
    if (!isGpuWork(node) && node.gpuTime > 0)
      facts.push(`${time(node.gpuTime)} on the GPU`);
    if (node.flops > 0) facts.push(flops(node.flops));
    if (node.bytes > 0) facts.push(bytes(node.bytes));
    if (flopRate(node) > 0) facts.push(rate(flopRate(node)));
    return facts;
  }

  roofline(node) {
    if (!(node.share > 0)) return null;
    return element('div', {class: 'roofline'},
      element('span', {class: 'gauge'},
        element('i', {style: `width: ${Math.min(100 * node.share, 100)}%`})),
      element('span', {}, `${percent(node.share)} of the roofline${this.limit(node)}`));
  }

  // What holds the card back, and the least time that leaves.
  limit(node) {
    const floor = node.notes.find(([name]) => name === 'floor');
    return floor ? `; the least possible: ${floor[1]}` : '';
  }

  links(node) {
    const links = [];
    if (node.forward) links.push(['Forward', node.forward]);
    for (const gradient of node.gradients) links.push(['Gradient', gradient]);
    if (links.length === 0) return null;
    return element('p', {class: 'links'}, links.map(([word, to]) => element('button',
      {type: 'button', 'data-go': to.id, 'data-link': word.toLowerCase()},
      `${word === 'Forward' ? '↑ the gradient of' : '↓ its gradient:'} ${to.name}`)));
  }

  source(node) {
    if (!node.file) return null;
    const where = element('code', {}, node.line > 0 ? `${node.file}:${node.line}` : node.file);
    if (!node.excerpt) return element('p', {class: 'where'}, where);
    const {first, lines} = node.excerpt;
    return element('details', {class: 'where', open: node.layer === 'op' || node === this.node},
      element('summary', {}, where),
      element('pre', {}, lines.map((line, index) => element('span', {
        class: first + index === node.line ? 'at' : null, 'data-line': first + index,
      }, `${line}\n`))));
  }
}

// Neighbours of one layer, such as an op within an op, share a card.
function byLayer(nodes) {
  const groups = [];
  for (const node of nodes) {
    if (groups.at(-1)?.[0].layer === node.layer) groups.at(-1).push(node);
    else groups.push([node]);
  }
  return groups;
}

function launchesItself(nodes) {
  return nodes.some(node => node.layer === 'rung') &&
    nodes.some(node => node.layer === 'runtime' || node.layer === 'driver');
}

// A network has many ops of one name: the module tells them apart.
function qualifiedName(op) {
  const module = ancestors(op).findLast(node => node.layer === 'module');
  return module ? `${module.name}: ${op.name}` : op.title;
}
