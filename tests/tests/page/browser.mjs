// As much of a browser as the page needs: a tree of elements, and `fetch` from the host that it came from. Prints what the
// page shows before its first answer and after it, as JSON: the text of each element that has an id.
const [origin] = process.argv.slice(2);
const VOID = ['meta', 'link', 'br'];

globalThis.Node = class Node {
  children = [];
  constructor(tag) { this.tagName = tag.toUpperCase(); }
  append(...nodes) { this.children.push(...nodes); }
  replaceChildren(...nodes) { this.children = nodes; }
  setAttribute(name, value) { this[name] = value; }
  set textContent(text) { this.children = [text]; }
  get textContent() { return this.children.map(child => child.textContent ?? child).join(' '); }
};

const html = await (await fetch(origin)).text();
const byId = new Map();
const open = [new Node('html')];
for (const [, closes, tag, attributes, text] of html.matchAll(/<(\/?)([a-z][a-z0-9]*)([^>]*)>|([^<]+|<)/g)) {
  const inside = open.at(-1);
  if (tag === undefined) {
    if (text.trim()) inside.append(inside.tagName === 'SCRIPT' ? text : text.trim());
  } else if (inside.tagName === 'SCRIPT' && !(closes && tag === 'script')) {
    inside.append(`<${closes}${tag}${attributes}>`);
  } else if (closes) {
    open.pop();
  } else {
    const made = new Node(tag);
    inside.append(made);
    const id = attributes.match(/ id="([^"]*)"/)?.[1];
    if (id) byId.set(id, made);
    if (tag === 'script') byId.set('', made);
    if (!VOID.includes(tag)) open.push(made);
  }
}
const script = byId.get('').children.join('');
byId.delete('');
const look = () => Object.fromEntries([...byId].map(([id, node]) => [id, node.textContent]));

globalThis.document = {
  hidden: false,
  getElementById: id => byId.get(id),
  createElement: tag => new Node(tag),
  querySelectorAll: () => [],
};
const answered = globalThis.fetch;
globalThis.fetch = path => answered(new URL(path, origin));
const before = look();
(0, eval)(script);
while (byId.get('messages').textContent === before.messages) await new Promise(done => setTimeout(done, 10));
console.log(JSON.stringify({ before, after: look() }));
process.exit(0);
