// The page's data, how its numbers are written, and what a box or an instruction says. The numbers in boxes, parts,
// others and lanes are laid out as html_data.cc says. All words from the data become text nodes.
const data = JSON.parse(document.getElementById('data').textContent);
const page = document.getElementById('page');
const kLabels = 118, kRight = 112, kRow = 26, kGap = 5, kLane = 9, kMemory = 30, kAxis = 24;
const kBox = 11;
const view = {from: 0, to: data.extent};
const show = {path: true, memory: true, streams: false};
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
const time = seconds => compact(seconds * data.axis.factor) + data.axis.suffix;
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

// When an instruction of a row ran in the other run of its schedule, by instruction.
function otherTimes(chart, row) {
  const other = chart.schedule.runs.find(run => run !== chart.run);
  if (!other) return null;
  const twin = other.rows.find(candidate => candidate.rank === row.rank) ||
               other.rows.find(candidate => candidate.position === row.position);
  if (!twin) return null;
  if (!twin.times) {
    twin.times = new Map();
    const put = (list, size) => {
      for (let i = 0; i < list.length; i += size) {
        twin.times.set(list[i], [list[i + 1] * other.tick, list[i + size - 1] * other.tick]);
      }
    };
    put(twin.parts, 3);
    put(twin.others, 4);
    for (const lane of twin.lanes) put(lane.items, 4);
  }
  return twin.times;
}

// The rows of a table about instructions: [instruction, begin, end], in the page's unit.
function describe(chart, row, title, instructions) {
  const box = document.createElement('div');
  html(box, 'strong', title);
  const others = otherTimes(chart, row);
  const kinds = chart.run.kind === 'predicted' ? ['predicted', 'measured'] : ['measured', 'predicted'];
  const table = html(box, 'table');
  const head = html(table, 'tr');
  html(head, 'th', 'instruction', 'words');
  html(head, 'th', 'source', 'words');
  for (const kind of others ? kinds : kinds.slice(0, 1)) {
    html(head, 'th', kind + ' at');
    html(head, 'th', 'for');
  }
  const texts = chart.schedule.instructions[row.position];
  const kMost = 24;
  for (const [instruction, begin, end] of instructions.slice(0, kMost)) {
    const line = html(table, 'tr');
    html(html(line, 'td', undefined, 'words'), 'code', data.texts[texts[2 * instruction]]);
    html(line, 'td', data.texts[texts[2 * instruction + 1]], 'words');
    html(line, 'td', time(begin));
    html(line, 'td', time(end - begin));
    if (!others) continue;
    const other = others.get(instruction);
    html(line, 'td', other ? time(other[0]) : '-');
    html(line, 'td', other ? time(other[1] - other[0]) : '-');
  }
  if (instructions.length > kMost) html(box, 'div', 'and ' + (instructions.length - kMost) + ' more');
  return box;
}

function describeBox(chart, rowIndex, at) {
  const row = chart.run.rows[rowIndex], boxes = row.boxes, tick = chart.run.tick;
  const [begin, end, , kind, microbatch, stage, chunk, , , repeat, count] = boxes.slice(at, at + kBox);
  let title = data.kinds[kind] + (microbatch >= 0 ? ' ' + microbatch : 's') + ', ' + row.label + ', stage ' + stage;
  if (chart.schedule.chunks > 1) title += ', chunk ' + chunk;
  if (chart.run.repeats.length > 1 || chart.run.kind === 'measured') title += ', step ' + repeat;
  title += ': ' + chart.run.kind + ' at ' + time(begin * tick) + ' for ' + time((end - begin) * tick);
  let part = 0;
  for (let i = 0; i < at; i += kBox) part += boxes[i + 10];
  const instructions = [];
  for (let i = part; i < part + count; ++i) {
    instructions.push([row.parts[3 * i], row.parts[3 * i + 1] * tick, row.parts[3 * i + 2] * tick]);
  }
  return instructions.length ? describe(chart, row, title, instructions) : html(null, 'div', title);
}

function describeItem(chart, rowIndex, list, at) {
  const row = chart.run.rows[rowIndex], tick = chart.run.tick;
  const items = list < 0 ? row.others : row.lanes[list].items;
  const [instruction, begin, met, end] = items.slice(at, at + 4);
  let title = row.label + (list < 0 ? ', beside tasks' : ', stream ' + row.lanes[list].name);
  if (met > begin) title += ': waited ' + time((met - begin) * tick) + ' for its partners';
  return describe(chart, row, title, [[instruction, begin * tick, end * tick]]);
}
