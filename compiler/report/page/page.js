// The page: what the mouse and the keys do, the tables, and everything built in its place.
// What the pointer is on: a box, an item of another stream, or nothing.
function under(event) {
  const node = event.target, group = node.closest && node.closest('g.row');
  if (!group || node.dataset.at === undefined) return null;
  const chart = charts.find(one => one.svg === group.ownerSVGElement);
  const found = {chart, band: chart.bands[Number(group.dataset.row)], at: Number(node.dataset.at)};
  if (node.dataset.list !== undefined) found.list = Number(node.dataset.list);
  return found;
}
const text = found => found.list === undefined ? describeBox(found.chart, found.band, found.at)
                                               : describeItem(found.chart, found.band, found.list, found.at);

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
  if (found) {
    const close = html(details, 'button', '\u00d7', 'close');
    close.title = 'close (Escape)';
    close.addEventListener('click', () => pin(null));
    details.append(text(found));
  }
  redraw();
}
// `#box=CHART.ROW.BOX` names a box, so that a link can show it.
function pinFromAddress() {
  const match = /^#box=(\d+)\.(\d+)\.(\d+)$/.exec(location.hash);
  if (!match) return;
  const [number, row, box] = match.slice(1).map(Number);
  const chart = charts[number], band = chart && chart.bands[row];
  if (band && box * kBox < band.row.boxes.length) pin({chart, band, at: box * kBox});
}

function listen(chart) {
  const root = chart.svg;
  const at = event => view.from + (event.clientX - root.getBoundingClientRect().left - kLabels) / chart.scale;
  root.addEventListener('wheel', event => {
    // The wheel alone scrolls the page.
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      zoom(Math.pow(1.0015, event.deltaY), at(event));
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      const by = (event.deltaX || event.deltaY) / chart.scale;
      look(view.from + by, view.to + by);
    }
  }, {passive: false});
  let drag = null, clicked = {time: -1e9, x: 0, y: 0};
  root.addEventListener('pointerdown', event => {
    if (event.button !== 0) return;
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
    // A click draws anew, so that no element is clicked twice, and the browser sees no double click.
    const twice = drag && !drag.moved && event.timeStamp - clicked.time < 400 &&
                  Math.abs(event.clientX - clicked.x) + Math.abs(event.clientY - clicked.y) < 8;
    clicked = {time: twice ? -1e9 : event.timeStamp, x: event.clientX, y: event.clientY};
    if (twice) {
      look(0, data.extent);
    } else if (drag && !drag.moved && root.contains(event.target)) {
      const found = under(event);
      pin(found);
      const box = found && found.list === undefined;
      const address = `#box=${charts.indexOf(chart)}.${box ? chart.bands.indexOf(found.band) : 0}.${box ? found.at / kBox : 0}`;
      history.replaceState(null, '', box ? address : '#');
    }
    drag = null;
    root.classList.remove('dragging');
  });
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
function swatch(parent, colour, words) {
  const entry = html(parent, 'span', undefined, 'sample'), mark = html(entry, 'i');
  mark.style.background = colour;
  entry.append(words);
  return mark;
}
// Shares of `longest`, side by side: [amount, colour, words] each.
function bar(parent, longest, pieces) {
  const stack = html(html(parent, 'td'), 'span', undefined, 'stack');
  for (const [amount, colour, words] of pieces) {
    const piece = html(stack, 'b');
    piece.style.width = 220 * amount / longest + 'px';
    piece.style.background = colour;
    piece.title = words + ' ' + time(amount);
  }
}

function timesTable(parent, schedule) {
  const last = schedule.runs[schedule.runs.length - 1];
  const step = last.steps.length > 1 ? ' in step ' + last.steps[last.steps.length - 1] : '';
  const fold = html(parent, 'details');
  fold.open = data.schedules.length === 1;
  html(fold, 'summary', 'Where the time of each rank went' + step + ', in' + (data.axis.suffix || ' units of the costs'));
  const table = html(html(fold, 'div', undefined, 'wide'), 'table', undefined, 'times'), head = html(table, 'tr');
  for (const words of ['', '']) html(head, 'th', words);
  swatch(html(head, 'th'), data.colours[0], 'busy');
  data.causes.forEach((words, cause) => {
    const cell = html(head, 'th');
    cell.title = data.cause_words[cause];
    swatch(cell, causeColours[cause], words);
  });
  html(head, 'th', '');
  const longest = Math.max(...schedule.runs.flatMap(
      run => run.times.map(times => times.idle.reduce((sum, idle) => sum + idle, times.busy))));
  for (const {rank} of last.times) {
    const own = last.rows.find(one => one.rank === rank);
    if (!own) continue;
    schedule.runs.forEach((run, i) => {
      const row = twinOf(run, own), times = row && run.times.find(one => one.rank === row.rank);
      if (!times) return;
      const line = html(table, 'tr');
      html(line, 'td', i === 0 ? own.label : '');
      html(line, 'td', run.kind, 'words');
      for (const value of [times.busy, ...times.idle]) html(line, 'td', aligned(value));
      bar(line, longest, [[times.busy, data.colours[0], 'busy'],
                          ...times.idle.map((idle, cause) => [idle, causeColours[cause], data.causes[cause]])]);
    });
  }
}

function schedulesTable(parent) {
  const table = html(html(parent, 'div', undefined, 'wide'), 'table', undefined, 'schedules'), head = html(table, 'tr');
  const memory = data.memory === 'bytes', measured = data.schedules.some(schedule => schedule.runs.length > 1);
  const cells = [['schedule'], measured && [''], ['makespan'], ['bubble'], memory && ['peak memory'],
                 ['peak activations', 'live at once on a rank, in parts of its whole share of the model'], ['']];
  for (const cell of cells) if (cell) html(head, 'th', cell[0]).title = cell[1] || '';
  data.schedules.forEach((schedule, number) => {
    for (const run of schedule.runs) {
      const line = html(table, 'tr'), most = name => Math.max(0, ...run.memory.map(one => one[name]));
      const name = html(html(line, 'td'), 'a', schedule.name);
      name.addEventListener('click', () => charts[number].svg.scrollIntoView({block: 'center'}));
      if (measured) html(line, 'td', run.kind, 'words');
      html(line, 'td', time(run.makespan));
      html(line, 'td', percent(run.bubble));
      if (memory) html(line, 'td', bytes(most('peak_bytes')));
      html(line, 'td', compact(most('peak_activations') * Math.min(schedule.share, 1)));
      bar(line, data.extent, [[run.makespan * (1 - run.bubble), data.colours[0], 'busy'],
                              [run.makespan * run.bubble, causeColours[0], 'bubble']]);
    }
  });
}

function legendOf(parent) {
  const legend = html(parent, 'div', undefined, 'legend'), used = new Set();
  for (const schedule of data.schedules) for (const run of schedule.runs) for (const row of run.rows) {
    for (let i = 3; i < row.boxes.length; i += kBox) used.add(row.boxes[i]);
  }
  data.kinds.forEach((kind, i) => { if (used.has(i)) swatch(legend, data.colours[i], kind); });
  swatch(legend, '#ffffff', 'idle').style.borderColor = '#c9ccd2';
  const others = data.schedules.some(one => one.runs.some(run => run.rows.some(row => row.others.length)));
  if (others) swatch(legend, data.other, 'other work');
  const measured = data.schedules.some(schedule => schedule.runs.length > 1) ? ' (measured)' : '';
  swatch(legend, 'linear-gradient(transparent 70%, #c2185b 70%)', 'critical path' + measured).className = 'line';
  for (const [colour, words] of [['#7b61c9', 'transfer'], ['#c8ccd4', 'waiting for its partner']]) {
    swatch(legend, colour, words).parentNode.classList.add('of-streams');
  }
  if (data.schedules.some(schedule => schedule.chunks > 1)) html(legend, 'span', 'further chunks lighter');
  if (data.schedules.some(schedule => schedule.pipes > 1)) html(legend, 'span', 'second pipe hatched');
}

function controls(parent) {
  const bar = html(parent, 'div', undefined, 'controls');
  const box = (name, words) => {
    const label = html(bar, 'label'), input = html(label, 'input');
    input.type = 'checkbox';
    input.id = 'show-' + name;
    input.checked = show[name];
    label.append(words);
    input.addEventListener('change', () => {
      show[name] = input.checked;
      page.classList.toggle('with-' + name, input.checked);
      redraw();
    });
  };
  box('path', 'critical path');
  box('streams', 'transfers');
  const label = html(bar, 'label', 'memory '), choice = html(label, 'select');
  choice.id = 'show-memory';
  const kinds = data.memory === 'bytes' ? ['off', 'bytes', 'activations'] : ['off', 'activations'];
  for (const words of kinds) html(choice, 'option', words).value = words;
  choice.value = show.memory;
  choice.addEventListener('change', () => { show.memory = choice.value; redraw(); });
  const middle = () => (view.from + view.to) / 2;
  for (const [id, words, title, act] of [['zoom-in', '+', 'zoom in', () => zoom(0.5, middle())],
                                         ['zoom-out', '\u2212', 'zoom out', () => zoom(2, middle())],
                                         ['reset', 'whole run', 'show all of it', () => look(0, data.extent)]]) {
    const button = html(bar, 'button', words);
    button.id = id;
    button.title = title;
    button.addEventListener('click', act);
  }
  html(bar, 'span', 'Ctrl + wheel: zoom \u00b7 drag: move \u00b7 click: keep \u00b7 double click: whole run', 'hint');
}

function build() {
  if (!data.schedules.some(schedule => schedule.runs.some(run => run.rows.length))) {
    html(page, 'p', 'nothing to draw: the step takes no time');
    return;
  }
  const several = data.schedules.length > 1;
  html(page, 'h1', several ? 'Schedules on one time axis' : data.schedules[0].subject);
  if (several) schedulesTable(page);
  const head = html(page, 'div', undefined, 'bar');
  controls(head);
  legendOf(head);
  for (const schedule of data.schedules) {
    if (several) html(page, 'h2', schedule.name);
    const findings = schedule.runs.map(run => {
      const words = [run.kind + ' makespan ' + time(run.makespan), 'bubble ' + percent(run.bubble)];
      if (run.remark) words.push(run.remark);
      if (run.kind === 'measured') words.push('step ' + run.steps.join(', '));
      if (run.detail !== 'all') words.push('condensed: more tasks than a page holds');
      return words.join(', ');
    });
    if (several) findings.unshift(schedule.subject);
    html(page, 'p', findings.join(' \u00b7 '), 'finding');
    const chart = {schedule, bands: bandsOf(schedule), svg: svg(page, 'svg', {class: 'chart'})};
    charts.push(chart);
    listen(chart);
    timesTable(page, schedule);
  }
  page.append(details);
  addEventListener('resize', redraw);
  addEventListener('hashchange', pinFromAddress);
  addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === 'SELECT') return;
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
