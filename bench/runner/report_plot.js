/* Axes, lines, marks, heat maps: drawn as SVG, with a legend that hides series and a read-out. Texts of the document
 * only ever become text nodes. */

const SVG = 'http://www.w3.org/2000/svg';
const COLOURS = 8;
const DASHES = ['', '7 4', '2 4', '9 3 2 3'];

function make(parent, name, attributes, text) {
    const node = document.createElement(name);
    for (const key in attributes || {}) node.setAttribute(key, attributes[key]);
    if (text !== undefined) node.textContent = text;
    if (parent) parent.appendChild(node);
    return node;
}

function draw(parent, name, attributes, text) {
    const node = document.createElementNS(SVG, name);
    for (const key in attributes || {}) node.setAttribute(key, attributes[key]);
    if (text !== undefined) node.textContent = text;
    parent.appendChild(node);
    return node;
}

/* Numbers as people write them. */

function digits(value, count) {
    const size = Math.abs(value);
    if (size >= 1e15) return value.toExponential(2);
    if (size === 0) return '0';
    const places = Math.max(0, Math.min(6, count - 1 - Math.floor(Math.log10(size))));
    const text = value.toFixed(places);
    const cut = text.includes('.') ? text.replace(/\.?0+$/, '') : text;
    return cut.replace(/\B(?=(\d{3})+(?!\d))/g, (match, group, at) =>
        cut.includes('.') && at > cut.indexOf('.') ? '' : ',');
}

function scaled(value, steps, count) {
    let step = steps[0];
    for (const next of steps) if (Math.abs(value) >= next[0]) step = next;
    return digits(value / step[0], count) + step[1];
}

const TIME = [[1, ' µs'], [1e3, ' ms'], [1e6, ' s']];
const BYTES = [[1, ' B'], [1024, ' KiB'], [1048576, ' MiB'], [1073741824, ' GiB']];
const LARGE = [[1, ''], [1e4, 'k'], [1e6, 'M'], [1e9, 'G']];

/* 'tick' is short, 'full' has the unit and more digits. */
function format(value, unit, form) {
    if (value === null || value === undefined || !isFinite(value)) return '–';
    const tick = form === 'tick';
    if (value === 0 && unit !== 'share') return '0';
    switch (unit) {
    case 'us': return scaled(value, TIME, 4);
    case 'bytes': return scaled(value, BYTES, 4);
    case 'share': return digits(value * 100, 3) + ' %';
    case 'seconds': return digits(value, 4) + ' s';
    case 'cores': return digits(value, 3) + (tick ? '' : ' cores');
    case 'mb_rate': return (tick ? short(value) : digits(value, 4)) + ' MB/s';
    case 'rate': return tick ? short(value) : digits(Math.abs(value) >= 1000 ? Math.round(value) : value, Math.abs(value) >= 1000 ? 12 : 4) + '/s';
    case 'count': return tick ? short(value) : digits(value, 12);
    default: return tick ? short(value) : digits(value, 6);
    }
}

function short(value) {
    const step = Math.abs(value) >= 1e9 ? LARGE[3] : Math.abs(value) >= 1e6 ? LARGE[2] :
        Math.abs(value) >= 1e4 ? [1e3, 'k'] : LARGE[0];
    return digits(value / step[0], 4) + step[1];
}

/* Spreading a long array over the arguments of Math.min would overflow the stack. */
function least(values) {
    return values.reduce((low, value) => Math.min(low, value), Infinity);
}

function most(values) {
    return values.reduce((high, value) => Math.max(high, value), -Infinity);
}

/* Scales: {low, high, log, at(value) -> 0..1, ticks: [[value, text]]}. */

function niceStep(span, count) {
    const raw = span / Math.max(1, count);
    const power = Math.pow(10, Math.floor(Math.log10(raw)));
    for (const step of [1, 2, 2.5, 5]) if (step * power >= raw * 0.999) return step * power;
    return 10 * power;
}

function linearScale(values, unit, count, fromZero) {
    let low = least(values), high = most(values);
    if (fromZero && low > 0) low = 0;
    if (!(high > low)) high = low + (Math.abs(low) || 1);
    const step = niceStep(high - low, count);
    low = fromZero ? Math.min(0, Math.floor(low / step) * step) : low;
    high = fromZero ? Math.ceil(high / step - 1e-9) * step : high;
    const ticks = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-6; i++) {
        ticks.push([i * step, format(i * step, unit, 'tick')]);
    }
    return {log: false, low, high, ticks, at: value => (value - low) / (high - low)};
}

function logScale(values, unit, count) {
    const above = values.filter(value => value > 0);
    let low = least(above), high = most(above);
    if (!above.length) { low = 1; high = 10; }
    const steps = [1, 2, 5, 10];
    const down = Math.pow(10, Math.floor(Math.log10(low)));
    low = down * steps.filter(step => down * step <= low * 1.0001).pop();
    const up = Math.pow(10, Math.floor(Math.log10(high)));
    high = up * steps.find(step => up * step >= high * 0.9999);
    if (high <= low) high = low * 10;
    const decades = Math.log10(high / low);
    const each = decades > count ? [1] : decades * 3 > count + 2 ? [1, 3] : [1, 2, 5];
    const stride = Math.max(1, Math.ceil(decades / count));
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high) + 1e-9; power += stride) {
        for (const step of each) {
            const value = step * Math.pow(10, power);
            if (value >= low * 0.999 && value <= high * 1.001) ticks.push([value, format(value, unit, 'tick')]);
        }
    }
    const span = Math.log(high / low);
    return {log: true, low, high, ticks, at: value => Math.log(Math.max(value, low) / low) / span};
}

/* Places for words: the value is an index. */
function wordScale(words) {
    const last = Math.max(1, words.length - 1);
    return {words: true, ticks: words.map((word, i) => [i, word]),
        at: value => words.length === 1 ? 0.5 : 0.03 + 0.94 * value / last};
}

/* Markers differ in form as well as in colour. */
function drawPoint(parent, kind, x, y, colour, hollow) {
    const r = 4;
    const look = {class: `point s${colour} ${hollow ? 'hollow' : 'f' + colour}`};
    const polygon = points => draw(parent, 'polygon',
        {points: points.map(([dx, dy]) => `${x + dx * r},${y + dy * r}`).join(' '), ...look});
    switch (kind % 4) {
    case 0: return draw(parent, 'circle', {cx: x, cy: y, r: r - 0.3, ...look});
    case 1: return polygon([[-0.85, -0.85], [0.85, -0.85], [0.85, 0.85], [-0.85, 0.85]]);
    case 2: return polygon([[0, -1.1], [1.1, 0.9], [-1.1, 0.9]]);
    default: return polygon([[0, -1.2], [1.2, 0], [0, 1.2], [-1.2, 0]]);
    }
}

function look(number) {
    return {colour: number % COLOURS, dash: DASHES[Math.floor(number / COLOURS) % DASHES.length], form: number};
}

function drawSample(parent, number, withPoint, width) {
    const svg = draw(parent, 'svg', {viewBox: `0 0 ${width} 12`, 'aria-hidden': 'true'});
    const {colour, dash, form} = look(number);
    draw(svg, 'line', {x1: 1, x2: width - 1, y1: 6, y2: 6, class: `line s${colour}`, 'stroke-dasharray': dash});
    if (withPoint) drawPoint(svg, form, width / 2, 6, colour, false);
}

/* A legend whose buttons hide and show; a double click leaves one alone. */
function drawLegend(host, plot, redraw) {
    if (plot.series.length < 2) return;
    const legend = make(host, 'div', {class: 'legend'});
    if (plot.seriesName) make(legend, 'span', {class: 'what'}, plot.seriesName);
    plot.series.forEach((series, number) => {
        const button = make(legend, 'button', {type: 'button', 'aria-pressed': String(!series.hidden),
            title: 'Click: hide or show. Double click: this one alone, or all.'});
        drawSample(button, number, plot.points, 26);
        make(button, 'span', {}, series.name);
        const update = () => legend.querySelectorAll('button').forEach((other, i) =>
            other.setAttribute('aria-pressed', String(!plot.series[i].hidden)));
        button.addEventListener('click', () => { series.hidden = !series.hidden; update(); redraw(); });
        button.addEventListener('dblclick', () => {
            const alone = plot.series.every(other => other.hidden === (other !== series));
            for (const other of plot.series) other.hidden = !alone && other !== series;
            update();
            redraw();
        });
    });
}

/* Labels of marks in rows, so that none covers another. Returns [{x, text, row}]. */
function placeMarks(marks, toX, right) {
    const ends = [];
    return marks.map(mark => {
        const x = toX(mark.x);
        const width = mark.text.length * 6.4 + 10;
        const left = x + width > right ? x - width : x;
        let row = ends.findIndex(end => end < left);
        if (row < 0) row = ends.length;
        ends[row] = left + width;
        return {x, text: mark.text, row, flip: left !== x};
    });
}

/*
 * Lines over an axis. plot: {series: [{name, points: [{x, y, low, high, hollow, note}], wanted: [{x, y}], hidden}],
 * x: {name, unit, scale(values, count) or words}, y: {name, unit, log, zero}, marks: [{x, text}], points, seriesName}.
 */
function drawLines(host, plot) {
    const frame = make(host, 'div', {class: 'plot'});
    const redraw = () => drawLinesOnce(frame, plot);
    drawLegend(host, plot, redraw);
    onWidth(frame, redraw);
}

function onWidth(frame, redraw) {
    let width = 0;
    const check = () => {
        if (frame.clientWidth > 0 && frame.clientWidth !== width) {
            width = frame.clientWidth;
            redraw();
        }
    };
    new ResizeObserver(check).observe(frame);
    check();
}

function axisScales(plot, shown, plotWidth, plotHeight) {
    const all = shown.flatMap(series => series.points.concat(series.wanted || []));
    const xs = all.map(point => point.x).concat(plot.marks.map(mark => mark.x));
    const ys = all.flatMap(point => [point.y, point.low, point.high]).filter(value => value !== undefined);
    const across = Math.max(3, Math.floor(plotWidth / 80)), up = Math.max(2, Math.floor(plotHeight / 48));
    const bounded = (values, make) => make(values.length ? values : [0, 1]);
    return {
        x: plot.x.words ? wordScale(plot.x.words) : plot.x.scale ? plot.x.scale(xs, across) :
            bounded(xs, values => plot.x.log ? logScale(values, plot.x.unit, across) :
                linearScale(values, plot.x.unit, across, plot.x.zero)),
        y: bounded(ys, values => plot.y.log && values.some(value => value > 0) ? logScale(values, plot.y.unit, up) :
            linearScale(values, plot.y.unit, up, true)),
    };
}

/* Words below the axis that would overlap are left out. */
function drawAxes(svg, plot, scales, box) {
    for (const [value, text] of scales.y.ticks) {
        const y = box.bottom - scales.y.at(value) * (box.bottom - box.top);
        draw(svg, 'line', {x1: box.left, x2: box.right, y1: y, y2: y, class: 'grid'});
        draw(svg, 'text', {x: box.left - 8, y: y + 4, 'text-anchor': 'end'}, text);
    }
    let end = -Infinity;
    for (const [value, text] of scales.x.ticks) {
        const x = box.left + scales.x.at(value) * (box.right - box.left);
        const half = text.length * 3.4 + 3;
        if (x < box.left - 1 || x > box.right + 1) continue;
        if (!scales.x.words) draw(svg, 'line', {x1: x, x2: x, y1: box.top, y2: box.bottom, class: 'grid'});
        draw(svg, 'line', {x1: x, x2: x, y1: box.bottom, y2: box.bottom + 4, class: 'axis'});
        if (x - half > end) {
            draw(svg, 'text', {x, y: box.bottom + 18, 'text-anchor': 'middle'}, text);
            end = x + half;
        }
    }
    draw(svg, 'line', {x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom, class: 'axis'});
    draw(svg, 'text', {x: 0, y: 12, class: 'axis-name'}, plot.y.name + (scales.y.log ? ' (log)' : ''));
    draw(svg, 'text', {x: box.right, y: box.bottom + 36, 'text-anchor': 'end', class: 'axis-name'},
        plot.x.name + (scales.x.log ? ' (log)' : ''));
}

function drawMarks(svg, placed, box) {
    for (const mark of placed) {
        draw(svg, 'line', {x1: mark.x, x2: mark.x, y1: 20 + mark.row * 14, y2: box.bottom, class: 'mark'});
        draw(svg, 'text', {x: mark.x + (mark.flip ? -4 : 4), y: 30 + mark.row * 14, class: 'mark-name',
            'text-anchor': mark.flip ? 'end' : 'start'}, mark.text);
    }
}

function pathOf(points, toX, toY) {
    return points.map((point, i) => (i ? 'L' : 'M') + toX(point.x).toFixed(1) + ' ' + toY(point.y).toFixed(1)).join('');
}

function drawSeries(svg, plot, series, number, toX, toY) {
    const {colour, dash, form} = look(number);
    if (series.wanted && series.wanted.length) {
        draw(svg, 'path', {d: pathOf(series.wanted, toX, toY), class: `line thin wanted s${colour}`});
    }
    draw(svg, 'path', {d: pathOf(series.points, toX, toY), class: `line s${colour}${plot.points ? '' : ' thin'}`,
        'stroke-dasharray': dash});
    if (!plot.points) return;
    for (const point of series.points) {
        const x = toX(point.x);
        if (point.high > point.low) {
            draw(svg, 'line', {x1: x, x2: x, y1: toY(point.low), y2: toY(point.high), class: `whisker s${colour}`});
        }
        drawPoint(svg, form, x, toY(point.y), colour, point.hollow);
    }
}

function drawLinesOnce(frame, plot) {
    frame.textContent = '';
    const shown = plot.series.filter(series => !series.hidden && series.points.length);
    const width = Math.max(260, frame.clientWidth), narrow = width < 520;
    const box = {left: 62, right: width - 14, top: 28, bottom: 0};
    const height = narrow ? 260 : 330;
    if (!plot.series.some(series => series.points.length)) {
        make(frame, 'div', {class: 'empty'}, 'Nothing of this was measured.');
        return;
    }
    const scales = axisScales(plot, shown, box.right - box.left, height);
    box.left = 16 + Math.max(28, ...scales.y.ticks.map(tick => tick[1].length * 6.8));
    const toX = value => box.left + scales.x.at(value) * (box.right - box.left);
    const placed = placeMarks(plot.marks, toX, box.right);
    box.top += placed.length ? 16 + 14 * Math.max(...placed.map(mark => mark.row)) : 0;
    box.bottom = box.top + height - 66;
    const toY = value => box.bottom - scales.y.at(value) * (box.bottom - box.top);
    const svg = draw(frame, 'svg', {viewBox: `0 0 ${width} ${box.bottom + 42}`, tabindex: 0, role: 'img',
        'aria-label': `${plot.y.name} over ${plot.x.name}; the figures are in the table below`});
    drawAxes(svg, plot, scales, box);
    drawMarks(svg, placed, box);
    plot.series.forEach((series, number) => {
        if (!series.hidden && series.points.length) drawSeries(svg, plot, series, number, toX, toY);
    });
    readOut(frame, svg, plot, {toX, toY, box, width});
}

/* The point of a series that is nearest to a place on the axis, when it is near at all. Points need not be in order. */
function nearest(points, x, toX) {
    const away = point => Math.abs(point.x - x);
    const best = points.reduce((one, other) => away(other) < away(one) ? other : one);
    return Math.abs(toX(best.x) - toX(x)) < 12 ? best : null;
}

function fillTip(tip, plot, x, rows) {
    tip.textContent = '';
    make(tip, 'b', {}, plot.x.words ? plot.x.name + ' ' + plot.x.words[x] : plot.x.read ? plot.x.read(x) :
        plot.x.name + ' ' + format(x, plot.x.unit, 'full'));
    const table = make(tip, 'table');
    for (const {series, number, point} of rows) {
        const row = make(table, 'tr');
        drawSample(make(row, 'td', {class: 'word'}), number, plot.points, 18);
        if (plot.series.length > 1) make(row, 'td', {class: 'word'}, series.name);
        const spread = point.high > point.low ? ' ± ' + format((point.high - point.low) / 2, plot.y.unit, 'full') : '';
        make(row, 'td', {}, format(point.y, plot.y.unit, 'full') + spread);
        if (point.note) make(row, 'td', {class: 'word'}, point.note);
    }
}

function readOut(frame, svg, plot, {toX, toY, box, width}) {
    const shown = plot.series.map((series, number) => ({series, number}))
        .filter(({series}) => !series.hidden && series.points.length);
    const xs = [...new Set(shown.flatMap(({series}) => series.points.map(point => point.x)))].sort((a, b) => a - b);
    if (!xs.length) return;
    const cross = draw(svg, 'line', {y1: box.top, y2: box.bottom, class: 'cross', visibility: 'hidden'});
    const dots = draw(svg, 'g');
    const tip = make(frame, 'div', {class: 'tip', hidden: ''});
    let current = -1;
    const hide = () => { cross.setAttribute('visibility', 'hidden'); dots.textContent = ''; tip.hidden = true; };
    const show = index => {
        current = index;
        const x = xs[index], px = toX(x);
        const rows = shown.map(({series, number}) => ({series, number, point: nearest(series.points, x, toX)}))
            .filter(row => row.point).sort((a, b) => b.point.y - a.point.y);
        for (const [name, value] of [['x1', px], ['x2', px], ['visibility', 'visible']]) cross.setAttribute(name, value);
        dots.textContent = '';
        for (const {number, point} of rows) drawPoint(dots, look(number).form, toX(point.x), toY(point.y),
            look(number).colour, point.hollow);
        fillTip(tip, plot, x, rows);
        tip.hidden = false;
        const ratio = frame.clientWidth / width;
        const left = px * ratio + 14, over = left + tip.offsetWidth > frame.clientWidth;
        tip.style.left = Math.max(0, over ? px * ratio - 14 - tip.offsetWidth : left) + 'px';
        tip.style.top = box.top * ratio + 6 + 'px';
    };
    svg.addEventListener('pointermove', event => {
        const bounds = svg.getBoundingClientRect();
        const px = (event.clientX - bounds.left) * width / bounds.width;
        let best = 0;
        xs.forEach((x, i) => { if (Math.abs(toX(x) - px) < Math.abs(toX(xs[best]) - px)) best = i; });
        show(best);
    });
    svg.addEventListener('pointerleave', hide);
    svg.addEventListener('blur', hide);
    svg.addEventListener('keydown', event => {
        const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
        if (event.key === 'Escape') hide();
        if (!step) return;
        event.preventDefault();
        show(Math.max(0, Math.min(xs.length - 1, current + step)));
    });
}

/* A heat map. plot: {x: {name, words}, y: {name, words}, unit, name, cells: Map of "row column" -> {value, spread}}. */
function drawHeat(host, plot) {
    const frame = make(host, 'div', {class: 'plot'});
    onWidth(frame, () => drawHeatOnce(frame, plot));
}

function drawHeatCell(svg, plot, cell, place, share) {
    const shape = {x: place.x + 1, y: place.y + 1, width: Math.max(1, place.width - 2), height: place.height - 2, rx: 3};
    if (!cell) {
        draw(svg, 'rect', {...shape, class: 'cell-none'});
        return;
    }
    draw(svg, 'rect', {...shape, class: 'cell-low'});
    draw(svg, 'rect', {...shape, class: 'cell-high', 'fill-opacity': share.toFixed(3)});
    const text = format(cell.value, plot.unit, 'tick');
    if (text.length * 6.6 + 6 < place.width) {
        draw(svg, 'text', {x: place.x + place.width / 2, y: place.y + place.height / 2 + 4,
            class: 'cell-name ' + (share > 0.58 ? 'in-high' : 'in-low')}, text);
    }
}

function heatRange(plot) {
    const values = [...plot.cells.values()].map(cell => cell.value);
    return {low: least(values), high: most(values)};
}

/* The value's name, then its least, the colours, its most. */
function drawHeatKey(svg, plot, range, y) {
    const low = format(range.low, plot.unit, 'tick');
    const start = plot.name.length * 7.4 + 14, x = start + low.length * 6.8 + 6;
    draw(svg, 'text', {x: 0, y: y + 9, class: 'axis-name'}, plot.name);
    draw(svg, 'text', {x: x - 6, y: y + 9, 'text-anchor': 'end'}, low);
    for (let i = 0; i < 40; i++) {
        const strip = {x: x + i * 3, y, width: 3, height: 9, 'shape-rendering': 'crispEdges'};
        draw(svg, 'rect', {...strip, class: 'cell-low'});
        draw(svg, 'rect', {...strip, class: 'cell-high', 'fill-opacity': i / 39});
    }
    draw(svg, 'text', {x: x + 126, y: y + 9}, format(range.high, plot.unit, 'tick'));
}

function drawHeatOnce(frame, plot) {
    frame.textContent = '';
    if (!plot.cells.size) {
        make(frame, 'div', {class: 'empty'}, 'Nothing of this was measured.');
        return;
    }
    const width = Math.max(260, frame.clientWidth), cellHeight = 34, top = 24;
    const left = Math.min(width * 0.35, 14 + Math.max(...plot.y.words.map(word => word.length * 7)));
    const cellWidth = Math.min(130, (width - left - 4) / plot.x.words.length);
    const bottom = top + cellHeight * plot.y.words.length, right = left + cellWidth * plot.x.words.length;
    const range = heatRange(plot), span = range.high - range.low || 1;
    const svg = draw(frame, 'svg', {viewBox: `0 0 ${width} ${bottom + 66}`, role: 'img',
        'aria-label': `${plot.name} over ${plot.x.name} and ${plot.y.name}; the figures are in the table below`});
    const tip = make(frame, 'div', {class: 'tip', hidden: ''});
    draw(svg, 'text', {x: 0, y: 14, class: 'axis-name'}, plot.y.name);
    plot.y.words.forEach((word, row) => {
        const fits = Math.floor((left - 12) / 6.6);
        draw(svg, 'text', {x: left - 8, y: top + cellHeight * (row + 0.5) + 4, 'text-anchor': 'end'},
            word.length > fits ? word.slice(0, Math.max(1, fits - 1)) + '…' : word);
        plot.x.words.forEach((column, at) => {
            const cell = plot.cells.get(row + ' ' + at);
            const place = {x: left + at * cellWidth, y: top + row * cellHeight, width: cellWidth, height: cellHeight};
            drawHeatCell(svg, plot, cell, place, cell ? (cell.value - range.low) / span : 0);
        });
    });
    let end = -Infinity;
    plot.x.words.forEach((word, at) => {
        const x = left + (at + 0.5) * cellWidth, half = word.length * 3.4 + 2;
        if (x - half < end) return;
        draw(svg, 'text', {x, y: bottom + 16, 'text-anchor': 'middle'}, word);
        end = x + half;
    });
    draw(svg, 'text', {x: right, y: bottom + 34, 'text-anchor': 'end', class: 'axis-name'}, plot.x.name);
    drawHeatKey(svg, plot, range, bottom + 52);
    heatReadOut(frame, svg, tip, plot, {left, top, cellWidth, cellHeight, width});
}

function heatReadOut(frame, svg, tip, plot, {left, top, cellWidth, cellHeight, width}) {
    const chosen = draw(svg, 'rect', {width: cellWidth - 2, height: cellHeight - 2, rx: 3, class: 'chosen', visibility: 'hidden'});
    const hide = () => { tip.hidden = true; chosen.setAttribute('visibility', 'hidden'); };
    svg.addEventListener('pointerleave', hide);
    svg.addEventListener('pointermove', event => {
        const bounds = svg.getBoundingClientRect(), ratio = bounds.width / width;
        const at = Math.floor(((event.clientX - bounds.left) / ratio - left) / cellWidth);
        const row = Math.floor(((event.clientY - bounds.top) / ratio - top) / cellHeight);
        const cell = plot.cells.get(row + ' ' + at);
        if (!cell) { hide(); return; }
        for (const [name, value] of [['x', left + at * cellWidth + 1], ['y', top + row * cellHeight + 1],
            ['visibility', 'visible']]) chosen.setAttribute(name, value);
        tip.textContent = '';
        make(tip, 'b', {}, format(cell.value, plot.unit, 'full') +
            (cell.spread > 0 ? ' ± ' + format(cell.spread, plot.unit, 'full') : ''));
        make(tip, 'div', {}, `${plot.x.name} ${plot.x.words[at]}`);
        make(tip, 'div', {}, `${plot.y.name} ${plot.y.words[row]}`);
        tip.hidden = false;
        const x = (left + (at + 1) * cellWidth) * ratio + 6;
        tip.style.left = (x + tip.offsetWidth > frame.clientWidth ? Math.max(0, x - tip.offsetWidth - cellWidth * ratio - 12) : x) + 'px';
        tip.style.top = (top + row * cellHeight) * ratio + 'px';
    });
}
