// The page's data, how its numbers are written, and what a box or an instruction says. The numbers in boxes, parts,
// others and lanes are laid out as html_data.cc says. All words from the data become text nodes.
const data = JSON.parse(document.getElementById('data').textContent);
const page = document.getElementById('page');
const kLabels = 128, kRight = 112, kRow = 26, kLowRow = 20, kGap = 6, kPairGap = 1, kLane = 9, kMemory = 30, kAxis = 26;
const kBox = 11;
const view = {from: 0, to: data.extent};
const show = {path: true, memory: data.memory, streams: false};
const charts = [];
let pinned = null;

function html(parent, tag, words, css) {
  const node = document.createElement(tag);
  if (words !== undefined) node.textContent = words;
  if (css) node.className = css;
  if (parent) parent.append(node);
  return node;
}
function svg(parent, tag, attributes, words) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const name in attributes) node.setAttribute(name, attributes[name]);
  if (words !== undefined) node.textContent = words;
  parent.append(node);
  return node;
}

// At most four significant digits, none after the point from 1,000 on.
function compact(number) {
  const size = Math.abs(number);
  if (size >= 1000) return Math.round(number).toLocaleString('en-US');
  return String(Number(number.toPrecision(4)));
}
// As many digits after the point as tell apart what a page can show; numbers below each other align.
const kDecimals = Math.max(0, 5 - Math.ceil(Math.log10(Math.max(data.extent * data.axis.factor, 1))));
function aligned(seconds) {
  const number = seconds * data.axis.factor;
  return number === 0 ? '0' : data.axis.suffix ? number.toFixed(kDecimals) : costUnits(number);
}
// Times in units of the costs as the costs are written, as far as ticks tell them apart.
const kCostDecimals = Math.min(4, Math.max(0, 6 - Math.ceil(Math.log10(Math.max(data.extent, 1)))));
function costUnits(number) {
  if (Math.abs(number) < 1) return compact(number);
  return number.toLocaleString('en-US', {maximumFractionDigits: kCostDecimals});
}
// Short times in a unit of their own; units of the costs are called so.
function time(seconds) {
  let factor = data.axis.factor, suffix = data.axis.suffix;
  if (!suffix) {
    const number = costUnits(seconds * factor);
    return number + (number === '1' ? ' unit' : ' units');
  }
  if (seconds) {
    const size = Math.abs(seconds * 1.0001);
    [factor, suffix] = size >= 1 ? [1, ' s'] : size >= 1e-3 ? [1e3, ' ms'] : size >= 1e-6 ? [1e6, ' us'] : [1e9, ' ns'];
  }
  return compact(seconds * factor) + suffix;
}
const percent = fraction => (100 * fraction).toFixed(1) + ' %';
function bytes(amount) {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (amount >= 1024 && unit < 4) { amount /= 1024; ++unit; }
  return (unit ? amount.toFixed(1) : amount) + ' ' + units[unit];
}
function roundStep(least) {
  const power = Math.pow(10, Math.floor(Math.log10(least)));
  for (const factor of [1, 2, 5]) if (factor * power >= least * (1 - 1e-9)) return factor * power;
  return 10 * power;
}

// The row of a run that stands for the same rank as `row` of another run.
const twinOf = (run, row) => run.rows.find(one => one.rank === row.rank) ||
                             run.rows.find(one => one.position === row.position);

// When each instruction of a row ran, by instruction.
function timesOf(run, row) {
  if (!row.times) {
    row.times = new Map();
    const put = (list, size) => {
      for (let i = 0; i < list.length; i += size) {
        row.times.set(list[i], [list[i + 1] * run.tick, list[i + size - 1] * run.tick]);
      }
    };
    put(row.parts, 3);
    put(row.others, 4);
    for (const lane of row.lanes) put(lane.items, 4);
  }
  return row.times;
}
// The same of the other run of the band's schedule.
function otherTimes(chart, band) {
  const other = chart.schedule.runs.find(run => run !== band.run);
  const twin = other && twinOf(other, band.row);
  return twin ? timesOf(other, twin) : null;
}

// A source, and its line.
function sourceLine(parent, id) {
  if (!data.texts[id]) return;
  const line = html(parent, 'div', data.texts[id], 'source');
  const quote = data.quotes[id];
  if (quote !== undefined) html(line, 'code', data.texts[quote]);
}

// What instructions are and when they ran: [instruction, begin, end] each, in the page's unit.
function describe(chart, band, title, instructions) {
  const box = document.createElement('div'), run = band.run;
  html(box, 'strong', title);
  const others = otherTimes(chart, band);
  const kinds = run.kind === 'predicted' ? ['predicted', 'measured'] : ['measured', 'predicted'];
  const texts = chart.schedule.instructions[band.row.position];
  const begin = Math.min(...instructions.map(one => one[1])), end = Math.max(...instructions.map(one => one[2]));
  const when = [`${kinds[0]} at ${time(begin)} for ${time(end - begin)}`];
  const matched = others ? instructions.map(one => others.get(one[0])).filter(one => one) : [];
  if (matched.length === instructions.length && others) {
    const from = Math.min(...matched.map(one => one[0])), to = Math.max(...matched.map(one => one[1]));
    when.push(`${kinds[1]} at ${time(from)} for ${time(to - from)}`);
  }
  html(box, 'div', when.join(' · '), 'when');
  const sources = new Set(instructions.map(one => texts[2 * one[0] + 1]));
  const shared = sources.size === 1;
  if (shared) sourceLine(box, [...sources][0]);
  if (instructions.length === 1) {
    html(html(box, 'div'), 'code', data.texts[texts[2 * instructions[0][0]]]);
    return box;
  }
  const table = html(box, 'table'), head = html(table, 'tr');
  for (const kind of others ? kinds : kinds.slice(0, 1)) {
    html(head, 'th', kind + ' at');
    html(head, 'th', 'for');
  }
  html(head, 'th', 'instruction', 'words');
  if (!shared) html(head, 'th', 'source', 'words');
  const kMost = 24;
  for (const [instruction, from, to] of instructions.slice(0, kMost)) {
    const line = html(table, 'tr'), other = others && others.get(instruction);
    html(line, 'td', time(from));
    html(line, 'td', time(to - from));
    if (others) {
      html(line, 'td', other ? time(other[0]) : '-');
      html(line, 'td', other ? time(other[1] - other[0]) : '-');
    }
    html(html(line, 'td', undefined, 'words'), 'code', data.texts[texts[2 * instruction]]);
    if (!shared) html(line, 'td', data.texts[texts[2 * instruction + 1]], 'words');
  }
  if (instructions.length > kMost) html(box, 'div', 'and ' + (instructions.length - kMost) + ' more');
  return box;
}

function describeBox(chart, band, at) {
  const {run, row} = band, boxes = row.boxes, tick = run.tick;
  const [begin, end, , kind, microbatch, stage, chunk, , , step, count] = boxes.slice(at, at + kBox);
  let title = data.kinds[kind] + (microbatch >= 0 ? ' ' + microbatch : 's') + ', ' + row.label + ', stage ' + stage;
  if (chart.schedule.chunks > 1) title += ', chunk ' + chunk;
  if (run.steps.length > 1 || run.kind === 'measured') title += ', step ' + step;
  let part = 0;
  for (let i = 0; i < at; i += kBox) part += boxes[i + 10];
  const instructions = [];
  for (let i = part; i < part + count; ++i) {
    instructions.push([row.parts[3 * i], row.parts[3 * i + 1] * tick, row.parts[3 * i + 2] * tick]);
  }
  if (instructions.length) return describe(chart, band, title, instructions);
  const words = html(null, 'div');
  html(words, 'strong', title);
  html(words, 'div', `${run.kind} about ${time(begin * tick)} to ${time(end * tick)}`);
  return words;
}

function describeItem(chart, band, list, at) {
  const {run, row} = band, tick = run.tick;
  const items = list < 0 ? row.others : row.lanes[list].items;
  const [instruction, begin, met, end] = items.slice(at, at + 4);
  let title = row.label + (list < 0 ? ', beside tasks' : ', stream ' + row.lanes[list].name);
  if (met > begin) title += ': waited ' + time((met - begin) * tick) + ' for its partners';
  return describe(chart, band, title, [[instruction, begin * tick, end * tick]]);
}
