// As much of a browser as the sign-in form needs. Prints what it offers, as JSON: the text of each of its elements, and of
// links where they lead.
const [origin] = process.argv.slice(2);

class Node {
  children = [];
  constructor(tag) { this.tagName = tag; }
  append(...nodes) {
    for (const node of nodes) if (node instanceof Node) node.parent = this;
    this.children.push(...nodes);
  }
  after(...nodes) {
    const { children } = this.parent;
    children.splice(children.indexOf(this) + 1, 0, ...nodes);
  }
  setAttribute(name, value) { this[name] = value; }
  addEventListener() {}
  showModal() {}
  focus() {}
  querySelector(tag) { return this.children.find(child => child.tagName === tag); }
}

const done = new Set();
const answered = globalThis.fetch;
globalThis.window = globalThis;
globalThis.CSSStyleSheet = class { replaceSync() {} };
globalThis.document = { adoptedStyleSheets: [], body: new Node('body'), createElement: tag => new Node(tag), querySelector: () => null };
globalThis.fetch = async (path, options) => {
  const reply = await answered(new URL(path, origin), options);
  const { json } = reply;
  // Once the form has it, it has what comes of it a moment later.
  reply.json = async () => { const body = await json.call(reply); setTimeout(() => done.add(path)); return body; };
  return reply;
};
(0, eval)(await (await answered(new URL('sign-in.js', origin))).text());
globalThis.fetch('api/v1/project');
while (!done.has('api/v1/session/ways')) await new Promise(later => setTimeout(later, 10));
const form = document.body.querySelector('dialog').querySelector('form');
console.log(JSON.stringify(form.children.map(child => ({ text: child.textContent ?? child.children[0], href: child.href }))));
process.exit(0);
