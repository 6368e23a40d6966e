// The charts, and the part of the time axis that all of them show.
// Charts. Each draws only what is in view; boxes that share a pixel with one drawn already are left out.
function heightOf(chart) {
  let height = 4;
  chart.tops = chart.run.rows.map((row, i) => {
    const top = height;
    height += kRow + kGap;
    if (show.streams) height += row.lanes.length * (kLane + 2);
    if (show.memory && points(chart, i).length) height += kMemory + kGap;
    return top;
  });
  return height + kAxis;
}
function points(chart, i) {
  const memory = chart.run.memory[i];
  return memory.bytes.length ? memory.bytes : memory.activations;
}

function draw(chart) {
  const root = chart.svg, run = chart.run;
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
    svg(root, 'line', {x1: x(at), x2: x(at), y1: 0, y2: height - kAxis + 4, class: 'grid'});
    svg(root, 'text', {x: x(at), y: height - 6, class: 'tick'}, time(Math.abs(at) < step / 2 ? 0 : at));
  }
  run.rows.forEach((row, i) => drawRow(chart, row, i, x, inside, right));
  if (show.path) drawPath(chart, x, inside, right);
}

function drawRow(chart, row, index, x, inside, right) {
  const tick = chart.run.tick, top = chart.tops[index], boxes = row.boxes;
  const group = svg(chart.svg, 'g', {class: 'row', 'data-row': index, 'data-rank': row.rank});
  svg(group, 'text', {x: kLabels - 8, y: top + kRow / 2 + 4, class: 'label'}, row.label);
  svg(group, 'rect', {x: kLabels, y: top, width: right - kLabels, height: kRow, class: 'frame'});
  drawItems(chart, group, row.others, index, -1, top + 3, kRow - 6, x, inside);
  let drawn = -1, repeat = null;
  for (let i = 0; i < boxes.length; i += kBox) {
    const begin = boxes[i] * tick, end = boxes[i + 1] * tick;
    const left = inside(x(begin)), stop = inside(x(end));
    const first = repeat !== null && boxes[i + 9] !== repeat;
    repeat = boxes[i + 9];
    if (end < view.from || begin > view.to || stop - left <= 0) continue;
    if (first) svg(group, 'line', {x1: left, x2: left, y1: top - 3, y2: top + kRow + 3, class: 'step'});
    const wide = stop - left;
    if (wide < 0.7 && Math.floor(left) === drawn) continue;
    drawn = Math.floor(left);
    const look = data.looks[boxes[i + 2]], lanes = boxes[i + 8], tall = kRow / lanes, y = top + tall * boxes[i + 7];
    const chosen = pinned && pinned.chart === chart && pinned.row === index && pinned.at === i;
    svg(group, 'rect', {x: left, y, width: Math.max(wide, 0.7), height: tall, fill: look.fill,
                        class: 'box' + (wide < 3 ? ' thin' : '') + (chosen ? ' pinned' : ''), 'data-at': i});
    if (look.hatch && wide >= 3) svg(group, 'rect', {x: left, y, width: wide, height: tall, class: 'hatch'});
    const number = String(boxes[i + 4]), size = Math.min(12, tall - 3, wide / (0.86 * number.length));
    if (boxes[i + 4] >= 0 && size >= 7) {
      svg(group, 'text', {x: (left + stop) / 2, y: y + tall / 2 + size * .36, class: 'number', fill: look.text,
                          style: `font-size:${size.toFixed(1)}px;fill:${look.text}`}, number);
    }
  }
  let y = top + kRow + 2;
  if (show.streams) {
    row.lanes.forEach((lane, number) => {
      svg(group, 'text', {x: right + 4, y: y + kLane - 1, class: 'small lane'}, lane.name);
      drawItems(chart, group, lane.items, index, number, y, kLane, x, inside);
      y += kLane + 2;
    });
  }
  if (show.memory && points(chart, index).length) drawMemory(chart, group, index, y + 1, x, inside, right);
}

function drawItems(chart, group, items, row, list, y, tall, x, inside) {
  const tick = chart.run.tick;
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

function drawMemory(chart, group, index, top, x, inside, right) {
  const memory = chart.run.memory[index], list = points(chart, index), tick = chart.run.tick;
  const counted = list === memory.bytes;
  const peak = counted ? memory.peak_bytes : memory.peak_activations;
  // All rows of a chart share a scale, so that their areas compare.
  const most = Math.max(1, ...chart.run.memory.map(one => counted ? one.peak_bytes : one.peak_activations));
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
  const words = svg(group, 'text', {x: right + 5, y: top + 11, class: 'small memory'},
                    counted ? bytes(peak) : 'peak ' + peak);
  svg(words, 'title', {}, counted ? `at most ${bytes(peak)} of frames and transfer slots live, ` +
      `${bytes(memory.reserved)} reserved; ${bytes(memory.fixed)} beside them` : 'activations live at once, at most');
}

function drawPath(chart, x, inside, right) {
  const path = chart.run.path, tick = chart.run.tick, scaleGroup = svg(chart.svg, 'g', {class: 'critical'});
  let line = '';
  for (let i = 0; i < path.length; i += 4) {
    const begin = path[i + 1] * tick, end = path[i + 2] * tick, top = chart.tops[path[i]];
    if (end < view.from || begin > view.to || !path[i + 3]) continue;
    const left = inside(x(begin)), stop = inside(x(end)), y = top + kRow + 1;
    line += `${line ? 'L' : 'M'}${left.toFixed(2)} ${y}L${stop.toFixed(2)} ${y}`;
  }
  if (line) svg(scaleGroup, 'path', {d: line, class: 'path'});
}

function drawAll() {
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
