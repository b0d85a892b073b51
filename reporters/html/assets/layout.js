// Where things stand on the map: callers left of whom they call, workloads of a
// namespace in a grid. It takes a time that grows with what is drawn, and the
// same report always looks the same.

const cell = { w: 178, h: 58 };
const gap = { x: 110, y: 34 };
const frame = 10; // between a group's edge and its cells

// positions is a centre, and the column, for each node that is drawn and holds no
// others.
function positions(nodes, arrows) {
  const boxes = new Map();
  for (const n of nodes.values()) if (!n.parent) boxes.set(n.id, { ...boxSize(n), id: n.id, out: new Map(), in: new Map(), children: [] });
  for (const n of nodes.values()) if (n.parent) boxes.get(n.parent).children.push(n.id);
  const box = (id) => boxes.get(nodes.get(id).parent ?? id);
  for (const a of arrows.values()) {
    const [f, t] = [box(a.from), box(a.to)];
    if (f === t) continue;
    f.out.set(t, (f.out.get(t) ?? 0) + 1);
    t.in.set(f, (t.in.get(f) ?? 0) + 1);
  }
  const columns = inColumns([...boxes.values()]);
  untangle(columns);
  return stand(columns);
}

function boxSize(n) {
  if (!n.group || !n.open) return { cols: 1, w: cell.w, h: cell.h };
  const cols = n.size <= 5 ? 1 : Math.ceil(Math.sqrt(n.size / 3));
  return { cols, w: cols * cell.w + 2 * frame, h: Math.ceil(n.size / cols) * cell.h + 2 * frame };
}

// inColumns puts each box right of those that call it. Calls in a circle are
// broken where the balance of calls out and in says who is rather the caller.
function inColumns(boxes) {
  const alone = boxes.filter((b) => b.out.size + b.in.size === 0);
  const balance = (b) => (b.out.size - b.in.size) / (b.out.size + b.in.size);
  const order = boxes.filter((b) => b.out.size + b.in.size > 0).sort((a, b) => balance(b) - balance(a) || compare(a.id, b.id));
  order.forEach((b, i) => { b.order = i; b.column = 0; });
  for (const b of order) for (const o of b.out.keys()) if (o.order > b.order) o.column = Math.max(o.column, b.column + 1);
  const area = boxes.reduce((sum, b) => sum + (b.w + gap.x) * (b.h + gap.y), 0);
  const most = Math.max(3, Math.round(Math.sqrt(area * 1.7) / (cell.w + gap.x)));
  const deepest = order.reduce((d, b) => Math.max(d, b.column), 0);
  const scale = deepest >= most ? (most - 1) / deepest : 1;
  const columns = [];
  for (const b of order) (columns[Math.round(b.column * scale)] ??= []).push(b);
  const filled = columns.filter(Boolean);
  alone.sort((a, b) => compare(a.id, b.id));
  const tallest = Math.max(4, ...filled.map((c) => c.length));
  while (alone.length > 0) filled.push(alone.splice(0, tallest));
  return filled;
}

// untangle orders each column by where the callers and the called stand.
function untangle(columns) {
  const place = () => columns.forEach((c) => c.forEach((b, i) => { b.at = (i + 0.5) / c.length; }));
  place();
  for (let sweep = 0; sweep < 6; sweep++) {
    const side = sweep % 2 === 0 ? "in" : "out";
    for (const c of columns) {
      for (const b of c) {
        const others = [...b[side].keys()];
        b.pull = others.length ? others.reduce((sum, o) => sum + o.at, 0) / others.length : b.at;
      }
      c.sort((a, b) => a.pull - b.pull || compare(a.id, b.id));
    }
    place();
  }
}

function stand(columns) {
  const at = new Map();
  const height = (c) => c.reduce((sum, b) => sum + b.h + gap.y, 0);
  const tallest = Math.max(0, ...columns.map(height));
  let x = 0;
  for (const c of columns) {
    const w = Math.max(...c.map((b) => b.w));
    let y = (tallest - height(c)) / 2;
    for (const b of c) {
      if (b.children.length === 0) at.set(b.id, { x: x + w / 2, y: y + b.h / 2, column: x });
      b.children.forEach((id, i) => at.set(id, {
        x: x + (w - b.w) / 2 + frame + (i % b.cols + 0.5) * cell.w,
        y: y + frame + (Math.floor(i / b.cols) + 0.5) * cell.h,
        column: x,
      }));
      y += b.h + gap.y;
    }
    x += w + gap.x;
  }
  return at;
}
