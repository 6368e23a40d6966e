// The charts, and the part of the time axis that all of them show. A chart has a schedule's bands: a row of a run each,
// where a run was measured with its prediction above it. Each draws only what is in view; boxes that share a pixel with
// one drawn already are left out.
function bandsOf(schedule) {
  const [first, second] = schedule.runs, bands = [];
  if (!second) return first.rows.map((row, index) => ({run: first, row, index, label: row.label, tall: kRow, gap: kGap}));
  second.rows.forEach((row, index) => {
    const twin = twinOf(first, row);
    if (twin) {
      bands.push({run: first, row: twin, index: first.rows.indexOf(twin), label: row.label + ' predicted', tall: kLowRow,
                  gap: kPairGap, above: true});
    }
    bands.push({run: second, row, index, label: twin ? 'measured' : row.label, tall: kRow, gap: kGap + 4});
  });
  return bands;
}

// The curve below a band, if it has one: [time, amount] after [time, amount].
function pointsOf(band) {
  if (show.memory === 'off' || band.above) return [];
  return band.run.memory[band.index][show.memory];
}
const peakOf = (run, index) => run.memory[index]['peak_' + show.memory];
// Activations are of chunks, of which a rank may have several: as parts of its whole share of the model.
const partOf = schedule => show.memory === 'activations' ? Math.min(schedule.share, 1) : 1;
function highest() {
  let most = 0;
  for (const {schedule, bands} of charts) {
    for (const band of bands) {
      if (!band.above) most = Math.max(most, peakOf(band.run, band.index) * partOf(schedule));
    }
  }
  return Math.max(most, 1e-9);
}

function heightOf(chart) {
  let height = 4;
  for (const band of chart.bands) {
    band.top = height;
    height += band.tall + band.gap;
    if (show.streams) height += band.row.lanes.length * (kLane + 2);
    if (pointsOf(band).length) height += kMemory + kGap;
  }
  return height + kAxis;
}

function draw(chart) {
  const root = chart.svg;
  const width = Math.max(root.clientWidth || root.parentNode.clientWidth || 1000, 320);
  const height = heightOf(chart);
  root.setAttribute('height', height);
  root.setAttribute('viewBox', `0 0 ${width} ${height}`);
  root.replaceChildren();
  const right = width - kRight, scale = (right - kLabels) / (view.to - view.from);
  chart.scale = scale;
  const x = seconds => kLabels + (seconds - view.from) * scale;
  const inside = value => Math.min(Math.max(value, kLabels), right);
  const defs = svg(root, 'defs', {});
  const hatch = svg(defs, 'pattern', {id: 'hatch', width: 6, height: 6, patternUnits: 'userSpaceOnUse',
                                      patternTransform: 'rotate(45)'});
  svg(hatch, 'rect', {width: 2, height: 6, fill: '#ffffff', 'fill-opacity': .45});
  const step = roundStep(80 / scale * data.axis.factor) / data.axis.factor;
  for (let at = Math.ceil(view.from / step - 1e-9) * step; at <= view.to + step * 1e-9; at += step) {
    const value = Math.abs(at) < step / 2 ? 0 : Number((at * data.axis.factor).toPrecision(12));
    svg(root, 'line', {x1: x(at), x2: x(at), y1: 0, y2: height - kAxis + 4, class: 'grid'});
    svg(root, 'text', {x: x(at), y: height - 6, class: 'tick'}, value.toLocaleString('en-US', {maximumFractionDigits: 9}));
  }
  svg(root, 'text', {x: kLabels - 8, y: height - 6, class: 'label small'}, data.axis.label);
  chart.bands.forEach((band, i) => drawBand(chart, band, i, x, inside, right));
  if (show.path) drawPath(chart, x, inside);
}

function drawBand(chart, band, number, x, inside, right) {
  const {run, row, top, tall: whole} = band, tick = run.tick, boxes = row.boxes;
  const group = svg(chart.svg, 'g', {class: 'row', 'data-row': number, 'data-rank': row.rank, 'data-kind': run.kind});
  svg(group, 'text', {x: kLabels - 8, y: top + whole / 2 + 4, class: 'label'}, band.label);
  svg(group, 'rect', {x: kLabels, y: top, width: right - kLabels, height: whole, class: 'frame'});
  drawItems(band, group, row.others, -1, top + 3, whole - 6, x, inside);
  let drawn = -1, step = null;
  for (let i = 0; i < boxes.length; i += kBox) {
    const begin = boxes[i] * tick, end = boxes[i + 1] * tick;
    const left = inside(x(begin)), stop = inside(x(end));
    const first = step !== null && boxes[i + 9] !== step;
    step = boxes[i + 9];
    if (end < view.from || begin > view.to || stop - left <= 0) continue;
    if (first) svg(group, 'line', {x1: left, x2: left, y1: top - 3, y2: top + whole + 3, class: 'step'});
    const wide = stop - left;
    if (wide < 0.7 && Math.floor(left) === drawn) continue;
    drawn = Math.floor(left);
    const look = data.looks[boxes[i + 2]], lanes = boxes[i + 8], tall = whole / lanes, y = top + tall * boxes[i + 7];
    const chosen = pinned && pinned.chart === chart && pinned.band === band && pinned.at === i;
    svg(group, 'rect', {x: left, y, width: Math.max(wide, 0.7), height: tall, fill: look.fill,
                        class: 'box' + (wide < 3 ? ' thin' : '') + (chosen ? ' pinned' : ''), 'data-at': i});
    if (look.hatch && wide >= 3) svg(group, 'rect', {x: left, y, width: wide, height: tall, class: 'hatch'});
    const words = String(boxes[i + 4]), size = Math.min(12, tall - 2, wide / (0.86 * words.length));
    if (boxes[i + 4] >= 0 && size >= 7) {
      svg(group, 'text', {x: (left + stop) / 2, y: y + tall / 2 + size * .36, class: 'number', fill: look.text,
                          style: `font-size:${size.toFixed(1)}px;fill:${look.text}`}, words);
    }
  }
  let y = top + whole + 2;
  if (show.streams) {
    row.lanes.forEach((lane, list) => {
      svg(group, 'text', {x: right + 4, y: y + kLane - 1, class: 'small lane'}, lane.name);
      drawItems(band, group, lane.items, list, y, kLane, x, inside);
      y += kLane + 2;
    });
  }
  if (pointsOf(band).length) drawMemory(chart, band, group, y + 1, x, inside, right);
}

function drawItems(band, group, items, list, y, tall, x, inside) {
  const tick = band.run.tick;
  for (let i = 0; i < items.length; i += 4) {
    const [begin, met, end] = [1, 2, 3].map(k => items[i + k] * tick);
    if (end < view.from || begin > view.to) continue;
    const item = {'data-list': list, 'data-at': i, y, height: tall};
    const left = inside(x(begin)), middle = inside(x(met)), stop = inside(x(end));
    if (middle - left > 0.3) svg(group, 'rect', {...item, x: left, width: middle - left, class: 'item arriving'});
    const moving = {...item, x: middle, width: Math.max(stop - middle, 0.5)};
    svg(group, 'rect', list < 0 ? {...moving, class: 'item', fill: data.other} : {...moving, class: 'item moving'});
  }
}

function drawMemory(chart, band, group, top, x, inside, right) {
  const {run, index} = band, memory = run.memory[index], list = pointsOf(band), tick = run.tick;
  const counted = show.memory === 'bytes', peak = peakOf(run, index);
  // All rows of the page share a scale, so that their areas compare.
  const most = show.most / partOf(chart.schedule);
  const y = amount => top + kMemory * (1 - amount / most);
  let last = 0, start = Math.max(view.from, list[0] * tick), line = '';
  for (let i = 0; i < list.length; i += 2) {
    const at = list[i] * tick;
    if (at > view.to) break;
    if (at > view.from) {
      if (!line) line = `M${x(start).toFixed(2)} ${top + kMemory}V${y(last).toFixed(2)}`;
      line += `H${x(at).toFixed(2)}V${y(list[i + 1]).toFixed(2)}`;
    }
    last = list[i + 1];
  }
  if (!line) line = `M${x(view.from).toFixed(2)} ${top + kMemory}V${y(last).toFixed(2)}`;
  // What lives until the end of the view, or nothing any more.
  if (last > 0) line += `H${right}`;
  svg(group, 'path', {d: line + `V${top + kMemory}Z`, class: 'use'});
  svg(group, 'text', {x: kLabels - 8, y: top + kMemory - 4, class: 'label small', 'text-anchor': 'end'},
      counted ? 'memory' : 'activations');
  const words = svg(group, 'text', {x: right + 6, y: top + kMemory - 4, class: 'small memory'},
                    'peak ' + (counted ? bytes(peak) : peak + (chart.schedule.share < 1 ? ' chunks' : '')));
  svg(words, 'title', {}, counted ? `at most ${bytes(peak)} of frames and transfer slots live, ` +
      `${bytes(memory.reserved)} reserved; ${bytes(memory.fixed)} beside them` : 'activations live at once, at most');
}

// Of the run that was measured, or else predicted: what it waited for. Thick along tasks, thin from rank to rank.
function drawPath(chart, x, inside) {
  const run = chart.schedule.runs[chart.schedule.runs.length - 1], path = run.path, tick = run.tick;
  const group = svg(chart.svg, 'g', {class: 'critical'});
  let along = '', across = '', last = null;
  for (let i = 0; i < path.length; i += 4) {
    const begin = path[i + 1] * tick, end = path[i + 2] * tick;
    const band = chart.bands.find(one => one.run === run && one.index === path[i]);
    if (end < view.from || begin > view.to || !path[i + 3] || !band) continue;
    const left = inside(x(begin)), stop = inside(x(end)), y = band.top + band.tall + 1.5;
    if (last && last.y !== y) across += `M${last.x.toFixed(2)} ${last.y}L${left.toFixed(2)} ${y}`;
    along += last && last.y === y ? `L${stop.toFixed(2)} ${y}` : `M${left.toFixed(2)} ${y}L${stop.toFixed(2)} ${y}`;
    last = {x: stop, y};
  }
  if (across) svg(group, 'path', {d: across, class: 'across'});
  if (along) svg(group, 'path', {d: along, class: 'path'});
}

function drawAll() {
  if (show.memory !== 'off') show.most = highest();
  for (const chart of charts) draw(chart);
}
let scheduled = false;
function redraw() {
  if (scheduled) return;
  scheduled = true;
  setTimeout(() => { scheduled = false; drawAll(); }, 8);
}

function look(from, to) {
  const least = data.extent * 1e-6, length = Math.min(Math.max(to - from, least), data.extent);
  view.from = Math.min(Math.max(from, 0), data.extent - length);
  view.to = view.from + length;
  page.dataset.view = view.from + ' ' + view.to;
  redraw();
}
function zoom(factor, around) {
  look(around - (around - view.from) * factor, around + (view.to - around) * factor);
}
