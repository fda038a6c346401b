// Numbers and sentences as a reader wants them, and elements built from them. Knows nothing of the
// page's parts.

const count = number => number.toLocaleString('en-US');

function scaled(number, units, step) {
  let unit = 0;
  while (Math.abs(number) >= step && unit < units.length - 1) {
    number /= step;
    unit += 1;
  }
  const digits = number === 0 || Math.abs(number) >= 100 || unit === 0 && Number.isInteger(number)
    ? 0 : Math.abs(number) >= 10 ? 1 : 2;
  return `${number.toFixed(digits)} ${units[unit]}`;
}

// Microseconds up to ten milliseconds: a step's parts then keep one unit.
function time(ns) {
  const us = ns / 1000;
  if (Math.abs(us) >= 10000) return scaled(us / 1000, ['ms', 's'], 1000);
  return `${us.toFixed(Math.abs(us) >= 100 || us === 0 ? 0 : 1)} µs`;
}

const flops = number => scaled(number, ['FLOP', 'kFLOP', 'MFLOP', 'GFLOP', 'TFLOP'], 1000);
const rate = number =>
  scaled(number, ['FLOP/s', 'kFLOP/s', 'MFLOP/s', 'GFLOP/s', 'TFLOP/s', 'PFLOP/s'], 1000);
const bytes = number => scaled(number, ['bytes', 'kB', 'MB', 'GB', 'TB'], 1000);
const percent = share => `${(100 * share).toFixed(share < 0.095 ? 1 : 0)} %`;
const plural = (number, word) => `${count(number)} ${word}${number === 1 ? '' : 's'}`;
const clip = (text, length) =>
  text.length <= length ? text : length < 5 ? '' : `${text.slice(0, length - 1)}…`;

// element('button', {class: 'x', onclick: f}, 'text', child): an attribute that is null, undefined
// or false is left out.
function element(name, attributes = {}, ...children) {
  return build(document.createElement(name), attributes, children);
}

function drawing(name, attributes = {}, ...children) {
  return build(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);
}

function build(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith('on')) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? '' : value);
  }
  made.append(...children.flat().filter(child => child || child === 0));
  return made;
}

const slot = id => document.getElementById(id);

// Scrolls a list, and not the page around it, so far that an item of it shows.
function revealWithin(list, item) {
  if (!item) return;
  const outer = list.getBoundingClientRect(), inner = item.getBoundingClientRect();
  if (inner.top < outer.top) list.scrollTop -= outer.top - inner.top + outer.height / 4;
  else if (inner.bottom > outer.bottom)
    list.scrollTop +=
      Math.min(inner.bottom - outer.bottom + outer.height / 4, inner.top - outer.top);
}
