// The page: what the mouse and the keys do, the tables, and everything built in its place.
// What the pointer is on: a box, an item of another stream, or nothing.
function under(event) {
  const node = event.target, group = node.closest && node.closest('g.row');
  if (!group || node.dataset.at === undefined) return null;
  const chart = charts.find(one => one.svg === group.ownerSVGElement);
  const found = {chart, row: Number(group.dataset.row), at: Number(node.dataset.at)};
  if (node.dataset.list !== undefined) found.list = Number(node.dataset.list);
  return found;
}
const text = found => found.list === undefined ? describeBox(found.chart, found.row, found.at)
                                               : describeItem(found.chart, found.row, found.list, found.at);

const tip = html(document.body, 'div');
tip.id = 'tip';
tip.hidden = true;
const details = document.createElement('section');
details.id = 'details';
details.hidden = true;

function pin(found) {
  pinned = found;
  details.hidden = !found;
  details.replaceChildren();
  if (found) details.append(text(found));
  redraw();
}
// `#box=CHART.ROW.BOX` names a box, so that a link can show it.
function pinFromAddress() {
  const match = /^#box=(\d+)\.(\d+)\.(\d+)$/.exec(location.hash);
  if (!match) return;
  const [chart, row, box] = match.slice(1).map(Number);
  const rows = charts[chart] && charts[chart].run.rows;
  if (rows && rows[row] && box * kBox < rows[row].boxes.length) pin({chart: charts[chart], row, at: box * kBox});
}

function listen(chart) {
  const root = chart.svg;
  const at = event => view.from + (event.clientX - root.getBoundingClientRect().left - kLabels) / chart.scale;
  root.addEventListener('wheel', event => {
    event.preventDefault();
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      const by = (event.deltaX || event.deltaY) / chart.scale;
      look(view.from + by, view.to + by);
    } else {
      zoom(Math.pow(1.0015, event.deltaY), at(event));
    }
  }, {passive: false});
  let drag = null;
  root.addEventListener('pointerdown', event => {
    drag = {x: event.clientX, from: view.from, to: view.to, moved: false};
  });
  addEventListener('pointermove', event => {
    if (!drag) return;
    const by = (drag.x - event.clientX) / chart.scale;
    if (Math.abs(event.clientX - drag.x) > 3) drag.moved = true;
    if (!drag.moved) return;
    root.classList.add('dragging');
    tip.hidden = true;
    look(drag.from + by, drag.to + by);
  });
  addEventListener('pointerup', event => {
    if (drag && !drag.moved && root.contains(event.target)) {
      const found = under(event);
      pin(found);
      if (found && found.list === undefined) {
        history.replaceState(null, '', `#box=${charts.indexOf(chart)}.${found.row}.${found.at / kBox}`);
      }
    }
    drag = null;
    root.classList.remove('dragging');
  });
  root.addEventListener('dblclick', () => look(0, data.extent));
  root.addEventListener('mousemove', event => {
    const found = drag && drag.moved ? null : under(event);
    tip.hidden = !found;
    if (!found) return;
    tip.replaceChildren(text(found));
    const size = tip.getBoundingClientRect();
    tip.style.left = Math.max(4, Math.min(event.clientX + 14, innerWidth - size.width - 8)) + 'px';
    const below = event.clientY + 18;
    tip.style.top = (below + size.height < innerHeight ? below : Math.max(4, event.clientY - size.height - 12)) + 'px';
  });
  root.addEventListener('mouseleave', () => { tip.hidden = true; });
}

// Tables.
const causeColours = ['#d9a441', '#b5532d', '#7b61c9', '#c94f7c', data.other, '#d5d8de'];
function timesTable(parent, schedule) {
  const repeats = schedule.runs[schedule.runs.length - 1].repeats;
  const step = repeats.length > 1 ? ' in step ' + repeats[repeats.length - 1] : '';
  html(parent, 'h3', 'where the time of each rank went' + step + (data.axis.suffix ? ', in' + data.axis.suffix : ''));
  const table = html(parent, 'table', undefined, 'times'), head = html(table, 'tr');
  for (const words of ['', '', 'busy', ...data.causes, '']) html(head, 'th', words);
  const longest = Math.max(...schedule.runs.flatMap(
      run => run.times.map(times => times.idle.reduce((sum, idle) => sum + idle, times.busy))));
  const ranks = schedule.runs[schedule.runs.length - 1].times.map(one => one.rank);
  for (const rank of ranks) {
    schedule.runs.forEach((run, i) => {
      const row = run.rows.find(one => one.rank === rank), last = schedule.runs[schedule.runs.length - 1];
      const own = last.rows.find(one => one.rank === rank);
      const twin = row || run.rows.find(one => own && one.position === own.position);
      const times = twin && run.times.find(one => one.rank === twin.rank);
      if (!times) return;
      const line = html(table, 'tr');
      html(line, 'td', i === 0 ? own.label : '');
      html(line, 'td', run.kind, 'words');
      for (const value of [times.busy, ...times.idle]) html(line, 'td', compact(value * data.axis.factor));
      const stack = html(html(line, 'td'), 'span', undefined, 'stack');
      [times.busy, ...times.idle].forEach((value, cause) => {
        const piece = html(stack, 'b');
        piece.style.width = 220 * value / longest + 'px';
        piece.style.background = cause ? causeColours[cause - 1] : data.colours[0];
        piece.title = (cause ? data.causes[cause - 1] : 'busy') + ' ' + time(value);
      });
    });
  }
}

function schedulesTable(parent) {
  const table = html(parent, 'table', undefined, 'schedules'), head = html(table, 'tr');
  for (const words of ['schedule', '', 'makespan', 'bubble', 'peak memory', 'peak activations']) html(head, 'th', words);
  for (const schedule of data.schedules) {
    for (const run of schedule.runs) {
      const line = html(table, 'tr'), most = name => Math.max(0, ...run.memory.map(one => one[name]));
      html(line, 'td', schedule.name);
      html(line, 'td', run.kind, 'words');
      html(line, 'td', time(run.makespan));
      html(line, 'td', percent(run.bubble));
      html(line, 'td', most('peak_bytes') ? bytes(most('peak_bytes')) : '-');
      html(line, 'td', most('peak_activations'));
    }
  }
}

function sample(parent, words, colour, border) {
  const entry = html(parent, 'span'), mark = html(entry, 'i');
  mark.style.background = colour;
  if (border) mark.style.borderColor = border;
  entry.append(words);
}

function build() {
  if (!data.schedules.length) { html(page, 'p', 'nothing to draw'); return; }
  const several = data.schedules.length > 1;
  html(page, 'h1', several ? 'Schedules on one time axis' : data.schedules[0].subject);
  if (several || data.schedules[0].runs.length > 1) schedulesTable(page);
  const bar = html(page, 'div', undefined, 'bar');
  for (const [name, words] of [['path', 'critical path'], ['memory', 'memory'], ['streams', 'transfers']]) {
    const label = html(bar, 'label'), input = html(label, 'input');
    input.type = 'checkbox';
    input.id = 'show-' + name;
    input.checked = show[name];
    label.append(words);
    input.addEventListener('change', () => { show[name] = input.checked; redraw(); });
  }
  const reset = html(bar, 'button', 'whole run');
  reset.id = 'reset';
  reset.addEventListener('click', () => look(0, data.extent));
  html(bar, 'span', 'wheel: zoom · drag: move · click: keep · double click: whole run', 'hint');
  const legend = html(page, 'div', undefined, 'legend');
  const used = new Set();
  for (const schedule of data.schedules) for (const run of schedule.runs) for (const row of run.rows) {
    for (let i = 3; i < row.boxes.length; i += kBox) used.add(row.boxes[i]);
  }
  data.kinds.forEach((kind, i) => { if (used.has(i)) sample(legend, kind, data.colours[i]); });
  sample(legend, 'idle', '#ffffff', '#c9ccd2');
  sample(legend, 'other work', data.other);
  sample(legend, 'critical path', 'linear-gradient(transparent 70%, #c2185b 70%)');
  if (data.schedules.some(schedule => schedule.chunks > 1)) html(legend, 'span', 'further chunks lighter');
  if (data.schedules.some(schedule => schedule.pipes > 1)) html(legend, 'span', 'second pipe hatched');

  for (const schedule of data.schedules) {
    if (several) html(page, 'h2', schedule.name);
    for (const run of schedule.runs) {
      const words = [run.kind + ' makespan ' + time(run.makespan), 'bubble ' + percent(run.bubble)];
      if (several) words.unshift(schedule.subject);
      if (run.kind === 'measured') words.push('step ' + run.repeats.join(', '));
      if (run.detail !== 'all') words.push('condensed: more tasks than a page holds');
      html(page, 'p', words.join(', '), 'finding');
      const chart = {schedule, run, svg: svg(page, 'svg', {class: 'chart'})};
      charts.push(chart);
      listen(chart);
    }
    timesTable(page, schedule);
  }
  page.append(details);
  addEventListener('resize', redraw);
  addEventListener('hashchange', pinFromAddress);
  addEventListener('keydown', event => {
    const middle = (view.from + view.to) / 2, by = (view.to - view.from) / 10;
    if (event.key === '+' || event.key === '=') zoom(0.8, middle);
    if (event.key === '-') zoom(1.25, middle);
    if (event.key === '0') look(0, data.extent);
    if (event.key === 'ArrowLeft') look(view.from - by, view.to - by);
    if (event.key === 'ArrowRight') look(view.from + by, view.to + by);
    if (event.key === 'Escape') pin(null);
  });
  drawAll();
  pinFromAddress();
}

build();
