/* From the document to plots: groups the rounds, takes medians, makes each view what report_plot.js draws. */

const report = JSON.parse(document.getElementById('data-document').textContent);
const names = JSON.parse(document.getElementById('data-names').textContent);

/* The value at a path with dots; keys may hold dots themselves, and the longest that fits is tried first. */
function find(object, path) {
    if (path === '') return object;
    if (object === null || typeof object !== 'object' || Array.isArray(object)) return undefined;
    const keys = path.split('.');
    for (let count = keys.length; count > 0; count--) {
        const key = keys.slice(0, count).join('.');
        if (!Object.prototype.hasOwnProperty.call(object, key)) continue;
        const found = find(object[key], keys.slice(count).join('.'));
        if (found !== undefined && found !== null) return found;
    }
    return undefined;
}

function median(values) {
    const sorted = [...values].sort((a, b) => a - b), half = sorted.length >> 1;
    return sorted.length % 2 ? sorted[half] : sorted[half - 1] / 2 + sorted[half] / 2;
}

/* {value, spread} over steps, or null when none has it. */
function summarise(steps, path) {
    const values = steps.map(step => find(step, path)).filter(value => typeof value === 'number');
    if (!values.length) return null;
    const value = median(values);
    return {value, spread: median(values.map(other => Math.abs(other - value)))};
}

function wordOf(value) {
    if (typeof value === 'number') return digits(value, 6);
    if (typeof value === 'boolean') return value ? 'yes' : 'no';
    return typeof value === 'string' ? value : '–';
}

/* The steps by what they say at a path: [{word, value, steps}], numbers in their order, then words as they came. Steps
 * that say nothing there are of another part of the scenario. */
function split(steps, path) {
    const parts = new Map();
    for (const step of steps) {
        const value = path ? find(step, path) : '';
        if (value === undefined) continue;
        const word = wordOf(value);
        if (!parts.has(word)) parts.set(word, {word, value, steps: []});
        parts.get(word).steps.push(step);
    }
    const list = [...parts.values()];
    const numbers = list.filter(part => typeof part.value === 'number').sort((a, b) => a.value - b.value);
    return numbers.concat(list.filter(part => typeof part.value !== 'number'));
}

function nameOf(path) {
    const known = names[path] || {label: path, unit: 'none'};
    const words = {rate: 'requests a second', mb_rate: 'megabytes a second'};
    return {name: known.label || words[known.unit] || path, unit: known.unit};
}

/* The steps that a view is for. */
function stepsOf(view) {
    const wanted = Object.entries(view.where || {});
    return report.steps.filter(step => wanted.every(([name, value]) => (step.params || {})[name] === value));
}

function isGeneratorBound(steps) {
    return steps.some(step => ['generator', 'both'].includes(find(step, 'result.limit')));
}

/* The points of one series. Where x is measured too, each step is a point, and the line goes from step to step. */
function linePoints(steps, view, places) {
    const isMeasured = /^(result|derived)\./.test(view.x);
    const points = split(steps, isMeasured ? 'id' : view.x).map(part => {
        const y = summarise(part.steps, view.y), x = isMeasured ? summarise(part.steps, view.x).value :
            places ? places.findIndex(place => place.word === part.word) : part.value;
        const bound = isGeneratorBound(part.steps);
        return {x, y: y.value, low: y.value - y.spread, high: y.value + y.spread, hollow: bound,
            note: bound ? 'generator at its limit' : isMeasured ? part.word : ''};
    });
    return isMeasured ? points : points.sort((a, b) => a.x - b.x);
}

function showLines(host, view) {
    const used = stepsOf(view).filter(step => find(step, view.x) !== undefined && typeof find(step, view.y) === 'number');
    const places = split(used, view.x);
    const inWords = places.some(part => typeof part.value !== 'number') || (view.log_x && places.some(part => part.value <= 0));
    const y = nameOf(view.y);
    const series = split(used, view.series).map(({word, steps}) =>
        ({name: word, hidden: false, points: linePoints(steps, view, inWords ? places : null)}));
    drawLines(host, {series, points: true, marks: [], seriesName: view.series ? nameOf(view.series).name : '',
        x: {...nameOf(view.x), log: Boolean(view.log_x), words: inWords ? places.map(place => place.word) : null},
        y: {...y, log: Boolean(view.log_y)}});
    if (series.some(one => one.points.some(point => point.hollow))) {
        make(host, 'p', {class: 'key'}, 'Hollow points: the generator was at its limit.');
    }
}

/* Percentiles stand at the number of nines: 90 at 1, 99 at 2; the maximum where one of all requests is. */
function ninesOf(percent, count) {
    const top = Math.log10(Math.max(10, count));
    return percent >= 100 ? top : Math.min(top, -Math.log10(1 - percent / 100));
}

function curveOf(latency) {
    if (!latency) return [];
    const percents = {p50: 50, p90: 90, p99: 99, p999: 99.9, p9999: 99.99, max: 100};
    const pairs = latency.curve && latency.curve.length ? latency.curve :
        Object.keys(percents).filter(key => typeof latency[key] === 'number').map(key => [percents[key], latency[key]]);
    return pairs.map(([percent, us]) => ({x: ninesOf(percent, latency.count || 1e5), y: us})).sort((a, b) => a.x - b.x);
}

function valueAt(points, x) {
    const after = points.findIndex(point => point.x >= x);
    if (after < 0 || !points.length) return null;
    if (after === 0) return points[0].y;
    const [from, to] = [points[after - 1], points[after]];
    return to.x === from.x ? to.y : from.y + (to.y - from.y) * (x - from.x) / (to.x - from.x);
}

/* The median of several curves, as far as all of them go. */
function middleCurve(curves) {
    const full = curves.filter(points => points.length);
    if (full.length < 2) return full[0] || [];
    return full[0].map(({x}) => ({x, values: full.map(points => valueAt(points, x))}))
        .filter(({values}) => values.every(value => value !== null))
        .map(({x, values}) => ({x, y: median(values)}));
}

function percentOf(nines) {
    const percent = 100 - 100 * Math.pow(10, -nines);
    return 'percentile ' + percent.toFixed(Math.max(1, Math.min(5, Math.ceil(nines)))).replace(/\.?0+$/, '');
}

function showPercentiles(host, view) {
    const span = view.span || 'full';
    const path = view.series || 'id';
    const series = split(stepsOf(view), path).map(({word, steps}, number) => ({name: word, hidden: number >= COLOURS,
        points: middleCurve(steps.map(step => curveOf(find(step, 'result.latency.' + span))))}));
    const ticks = [[0, '0'], [1 - Math.log10(5), '50 %'], [1, '90 %'], [2, '99 %'], [3, '99.9 %'], [4, '99.99 %'],
        [5, '99.999 %'], [6, '99.9999 %']];
    drawLines(host, {series, points: false, marks: [], seriesName: nameOf(path).name,
        x: {name: 'share of requests that were faster', read: percentOf, scale: values => {
            const high = Math.max(1, most(values));
            return {low: 0, high, ticks: ticks.filter(tick => tick[0] <= high + 0.01), at: value => value / high};
        }},
        y: {name: span === 'full' ? 'latency' : `latency (${span})`, unit: 'us', log: true}});
    noteHidden(host, series);
}

function noteHidden(host, series) {
    const hidden = series.filter(one => one.hidden).length;
    if (hidden) make(host, 'p', {class: 'key'}, `${hidden} more can be switched on in the legend.`);
}

const ROW = {at: 0, wanted: 1, right: 2, refused: 3, errors: 4, bytes: 5, p50: 6, p99: 7, max: 8};
const TIMELINE = {
    rate: {row: ROW.right, each: true, name: 'requests a second', unit: 'rate'},
    right: {row: ROW.right, each: true, name: 'requests a second', unit: 'rate'},
    refused: {row: ROW.refused, each: true, name: 'refused a second', unit: 'rate'},
    errors: {row: ROW.errors, each: true, name: 'errors a second', unit: 'rate'},
    bytes: {row: ROW.bytes, each: true, name: 'body bytes a second', unit: 'bytes'},
    p50: {row: ROW.p50, name: 'p50', unit: 'us'},
    p99: {row: ROW.p99, name: 'p99', unit: 'us'},
    max: {row: ROW.max, name: 'slowest', unit: 'us'},
};

function timeSeries(step, name, what, number) {
    const timeline = find(step, 'result.timeline') || {interval: 1, rows: []};
    const of = row => ({x: row[ROW.at], y: what.each ? row[what.row] / timeline.interval : row[what.row]});
    const isRate = what.row === ROW.right && timeline.rows.some(row => row[ROW.wanted] > 0);
    /* Where nothing ended there is no latency to draw. */
    const rows = what.each ? timeline.rows : timeline.rows.filter(row => row[ROW.right] > 0);
    return {name, hidden: number >= COLOURS, points: rows.map(of),
        wanted: isRate ? timeline.rows.map(row => ({x: row[ROW.at], y: row[ROW.wanted]})) : []};
}

/* Marks of several steps that say the same at the same time are one. */
function marksOf(steps) {
    const all = steps.flatMap(step => step.marks || []).map(mark => ({x: mark.at, text: mark.what}));
    const marks = [];
    for (const mark of all.sort((a, b) => a.x - b.x)) {
        if (!marks.some(other => other.text === mark.text && Math.abs(other.x - mark.x) < 0.25)) marks.push(mark);
    }
    return marks;
}

function showTimeline(host, view) {
    const what = TIMELINE[view.y || 'rate'] || TIMELINE.rate;
    const parts = split(stepsOf(view), view.series || 'id');
    const rounds = most(parts.map(part => part.steps.length));
    const place = make(host, 'div');
    const show = round => {
        place.textContent = '';
        const steps = parts.map(part => part.steps[Math.min(round, part.steps.length - 1)]);
        const series = steps.map((step, i) => timeSeries(step, parts[i].word, what, i));
        drawLines(place, {series, points: false, marks: marksOf(steps.filter((step, i) => !series[i].hidden)),
            seriesName: nameOf(view.series || 'id').name, x: {name: 'time', unit: 'seconds', zero: true},
            y: {name: what.name, unit: what.unit, log: Boolean(view.log_y)}});
        noteHidden(place, series);
        if (series.some(one => one.wanted.length)) make(place, 'p', {class: 'key'}, 'Dotted: the rate that was asked for.');
    };
    if (rounds > 1) {
        const label = make(null, 'label', {class: 'key'}, 'Round ');
        const select = make(label, 'select');
        for (let i = 0; i < rounds; i++) make(select, 'option', {value: i}, `${i + 1} of ${rounds}`);
        select.addEventListener('change', () => show(Number(select.value)));
        host.insertBefore(label, place);
    }
    show(0);
}

function showHeat(host, view) {
    const used = stepsOf(view).filter(step => find(step, view.x) !== undefined && typeof find(step, view.value) === 'number');
    const columns = split(used, view.x), rows = split(used, view.y), cells = new Map();
    rows.forEach((row, down) => split(row.steps, view.x).forEach(part => {
        const found = summarise(part.steps, view.value);
        if (found) cells.set(down + ' ' + columns.findIndex(column => column.word === part.word), found);
    }));
    drawHeat(host, {...nameOf(view.value), cells, x: {...nameOf(view.x), words: columns.map(part => part.word)},
        y: {...nameOf(view.y), words: rows.map(part => part.word)}});
}

/* Light, dark, or as the system has it. */
function startTheme() {
    const button = document.getElementById('theme'), order = ['auto', 'light', 'dark'];
    let theme = 'auto';
    try { theme = localStorage.getItem('baleen-theme') || 'auto'; } catch (error) { /* No storage for local files. */ }
    const apply = () => {
        if (theme === 'auto') delete document.documentElement.dataset.theme;
        else document.documentElement.dataset.theme = theme;
        button.textContent = 'Theme: ' + theme;
    };
    button.hidden = false;
    button.addEventListener('click', () => {
        theme = order[(order.indexOf(theme) + 1) % order.length];
        try { localStorage.setItem('baleen-theme', theme); } catch (error) { /* As above. */ }
        apply();
    });
    if (!order.includes(theme)) theme = 'auto';
    apply();
}

function start() {
    const shows = {lines: showLines, percentiles: showPercentiles, timeline: showTimeline, heatmap: showHeat};
    startTheme();
    for (const host of document.querySelectorAll('[data-view]')) {
        const view = report.views[Number(host.dataset.view)];
        if (!shows[view.kind] || !report.steps.length) continue;
        try {
            shows[view.kind](host, view);
            host.parentNode.querySelector('details').open = false;
        } catch (error) {
            make(host, 'p', {class: 'empty'}, 'This could not be drawn: ' + error.message);
        }
    }
    window.addEventListener('beforeprint', () => document.querySelectorAll('details').forEach(one => { one.open = true; }));
}

start();
