// What stands above the timeline: who was traced, the views to choose from, what capturing removes,
// and the two sums that add up to the step's wall time.

function showHeader(page) {
  document.title = `Strata x-ray: ${page.title}`;
  slot('version').textContent = page.strata;
  slot('title').textContent = page.title;
  const facts = [...page.machine];
  if (page.ceilings)
    facts.push(['reaches', `${rate(page.ceilings.flops)} in ${page.ceilings.flops_of}, ` +
      `${bytes(page.ceilings.bytes_per_second)}/s, as measured`]);
  slot('machine').replaceChildren(...facts.map(([key, value]) =>
    element('div', {}, element('dt', {}, key), element('dd', {}, value))));
  slot('notes').hidden = page.notes.length === 0;
  slot('notes').replaceChildren(...page.notes.map(note => element('p', {}, note)));
}

// Each view with its bars on one scale, so that the shorter step looks shorter.
function showViewButtons(views, chosen, onChoose) {
  const longest = Math.max(...views.map(view => view.wall_ns));
  slot('views').replaceChildren(...views.map(view => element('button', {
    type: 'button', class: 'view', 'data-view': view.name, 'aria-pressed': String(view === chosen),
    onclick: () => onChoose(view),
  },
    element('span', {class: 'view-name'}, view.name),
    element('span', {class: 'view-time'}, time(view.wall_ns),
      element('small', {}, view.untraced_ns > 0 ? ' traced' : '')),
    element('span', {class: 'view-text'}, view.description),
    element('span', {class: 'view-text'}, overheadText(view)),
    element('span', {class: 'view-bars', 'aria-hidden': 'true'},
      [view.host, view.gpu].filter(parts => parts.length > 0).map(parts => bar(parts, longest))))));
}

function bar(parts, whole) {
  const share = ns => whole > 0 ? ns / whole : 0;
  return element('span', {class: 'sum-bar'}, parts.map(([key, ns]) =>
    element('i', {class: `sum-${key}`, style: `width: ${100 * share(ns)}%`},
      share(ns) > 0.11 ? element('span', {}, key) : null)));
}

function overheadText(view) {
  if (!(view.untraced_ns > 0)) return 'How long it takes untraced was not measured.';
  const more = view.wall_ns - view.untraced_ns;
  return `${time(view.untraced_ns)} untraced` +
    (more > 0 ? `: the x-ray itself costs ${time(more)}` : '');
}

// Side by side what the host and the GPU did in the eager and in the captured step.
function showRemoved(views) {
  const eager = views.find(view => view.name === 'eager');
  const captured = views.find(view => view.name === 'captured');
  slot('removed').hidden = !eager || !captured;
  if (!eager || !captured) return;
  const before = callsOf(eager), after = callsOf(captured);
  const rows = [
    ['calls of the libraries', count(before.library), count(after.library)],
    ['calls of the CUDA runtime', count(before.runtime), count(after.runtime)],
    ['calls of the driver', count(before.driver), count(after.driver)],
    ['host at work', time(atWork(eager)), time(atWork(captured))],
  ];
  if (eager.gpu.length > 0 && captured.gpu.length > 0)
    rows.push(['GPU idle', ...[eager, captured].map(view => time(part(view.gpu, 'idle')))]);
  if (eager.untraced_ns > 0 && captured.untraced_ns > 0)
    rows.push(['step, untraced', time(eager.untraced_ns), time(captured.untraced_ns)]);
  slot('removed').replaceChildren(element('table', {},
    element('caption', {}, 'What capturing the step as a graph removes'),
    element('thead', {}, element('tr', {}, ['', 'eager', 'captured'].map(head =>
      element('th', {scope: 'col'}, head)))),
    element('tbody', {}, rows.map(([what, ...values]) => element('tr', {},
      element('th', {scope: 'row'}, what), values.map(value => element('td', {}, value)))))));
}

const atWork = view => view.wall_ns - part(view.host, 'waiting');

function showSums(view) {
  const bars = [['Host', view.host], ['GPU', view.gpu]].filter(([, parts]) => parts.length > 0);
  slot('sums').replaceChildren(
    ...bars.map(([name, parts]) => stackedBar(name, parts, view.wall_ns)));
}

function stackedBar(name, parts, wall) {
  return element('div', {class: 'sum', 'data-sum': name.toLowerCase()},
    element('span', {class: 'sum-name'}, name),
    bar(parts, wall),
    element('ul', {class: 'sum-parts'}, parts.map(([key, ns]) =>
      element('li', {title: SUMS[key], 'data-ns': ns},
        element('i', {class: `swatch sum-${key}`}), `${key} `,
        element('b', {}, time(ns)), ` ${percent(ns / wall)}`)),
      element('li', {}, `= ${time(parts.reduce((sum, [, ns]) => sum + ns, 0))}`)));
}

function showLegend(view) {
  const there = new Set(view.nodes.map(node => node.layer));
  slot('legend').replaceChildren(...LAYERS.filter(layer => there.has(layer.name)).map(layer =>
    element('span', {}, element('i', {class: `swatch layer-${layer.name}`}), layer.name)));
}
