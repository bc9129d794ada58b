// Custom properties that begin with --cams-qr- are for the page to set.

export const style = new CSSStyleSheet();

style.replaceSync(`
:host {
  --accent: var(--cams-qr-accent, light-dark(#075e54, #5fd0a8));
  --on-accent: var(--cams-qr-on-accent, light-dark(#fff, #06231c));
  --ground: var(--cams-qr-ground, light-dark(#fff, #1b2421));
  --text: var(--cams-qr-text, light-dark(#16211d, #e8efec));
  --quiet: var(--cams-qr-quiet, light-dark(#52605a, #a7b5af));
  --line: var(--cams-qr-line, light-dark(#d3dad6, #37443f));
  --bubble: var(--cams-qr-bubble, light-dark(#dff5e3, #143f36));
  --wrong: var(--cams-qr-wrong, light-dark(#a3201b, #ff9d95));
  --radius: var(--cams-qr-radius, .75rem);
  display: block;
  color: var(--text);
  line-height: 1.5;
}
:host([hidden]), [hidden] { display: none !important; }
* { box-sizing: border-box; }
p { margin: 0; }
.main:focus { outline: none; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }

button {
  font: inherit;
  min-height: 2.75rem;
  padding: .4rem .9rem;
  border: 1px solid var(--line);
  border-radius: calc(var(--radius) * .75);
  background: var(--ground);
  color: var(--accent);
  font-weight: 600;
  cursor: pointer;
}
button:hover { border-color: var(--accent); }
:disabled { color: var(--quiet); cursor: default; opacity: .7; }
.pick { display: flex; align-items: center; gap: .6rem; min-height: 2.75rem; cursor: pointer; }

[data-phase=failed] .panel {
  padding: 1rem 1.25rem;
  border: 1px solid var(--line);
  border-inline-start: 4px solid var(--wrong);
  border-radius: var(--radius);
  background: var(--ground);
  overflow-wrap: anywhere;
}
#message p:first-child { font-weight: 600; }
.request { color: var(--quiet); font-size: .85rem; }
#retry { margin-top: .75rem; font-variant-numeric: tabular-nums; }

.tools { margin-block: 0 1rem; }
.status { grid-area: status; align-self: center; color: var(--quiet); overflow-wrap: anywhere; }
[data-phase=idle] .tools { display: none; }
[data-phase=failed] .tools { margin-block: .75rem; }
/* The tools load a little later than the codes, so their space is reserved. */
.many .tools {
  display: grid;
  grid: "find find" minmax(6rem, auto) "pick status" minmax(2.75rem, auto) "acts acts" minmax(2.75rem, auto) / minmax(8rem, auto) 1fr;
  gap: .5rem 1rem;
}
@media (min-width: 40rem) {
  .many .tools {
    grid: "find find find" minmax(2.75rem, auto) "pick status acts" minmax(2.75rem, auto) / minmax(8rem, auto) 1fr auto;
    padding-block: .75rem;
  }
}

.cards {
  display: grid;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 16rem), 1fr));
  gap: 1rem;
  margin: 0;
  padding: 0;
  list-style: none;
}
.card, .ghost {
  display: flex;
  flex-direction: column;
  gap: .75rem;
  min-width: 0;
  padding: .5rem 1rem 1rem;
  border: 1px solid var(--line);
  border-radius: var(--radius);
  background: var(--ground);
}
.card { content-visibility: auto; contain-intrinsic-block-size: auto 30rem; }
.head { display: flex; align-items: center; justify-content: space-between; gap: .5rem; }
.head .pick { min-width: 0; }
.main:not(.many) .card input { display: none; }
/* Hidden until the tools have loaded. */
.card input { visibility: hidden; }
.code { font: .9rem/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
.more { flex: none; width: 2.75rem; padding: 0; margin-inline-end: -.5rem; border-color: transparent; font-size: 1.25rem; }
.tile {
  display: grid;
  place-items: center;
  width: min(100%, 15rem);
  aspect-ratio: 1;
  margin-inline: auto;
  border-radius: calc(var(--radius) * .75);
  background: #fff;
  color: #52605a;
  text-align: center;
  forced-color-adjust: none;
}
.drawing { display: block; width: 100%; height: 100%; stroke: #000; shape-rendering: crispEdges; }
.prefilled {
  align-self: start;
  max-width: 100%;
  padding: .5rem .8rem;
  border: 1px solid transparent;
  border-radius: 1rem;
  border-start-start-radius: .2rem;
  background: var(--bubble);
  overflow-wrap: anywhere;
  white-space: pre-wrap;
}
.none { color: var(--quiet); background: none; border: 1px dashed var(--line); }
.long { max-height: 14rem; overflow: auto; }
.link { margin-top: auto; color: var(--quiet); font-size: .85rem; overflow-wrap: anywhere; }
.link[href]:hover { color: var(--accent); }
.copy { border-color: var(--accent); background: var(--accent); color: var(--on-accent); }

.ghost { height: 30rem; padding: 4rem 1rem 1rem; }
.ghost > * { border-radius: .5rem; background: var(--line); animation: wait 1.6s ease-in-out infinite alternate; }
.ghost i { width: min(100%, 15rem); aspect-ratio: 1; margin-inline: auto; }
.ghost b { height: 1.2rem; }
.ghost b:last-child { width: 60%; }
@keyframes wait { to { opacity: .4; } }

@media (prefers-reduced-motion: reduce) { .ghost > * { animation: none; } }
@media (forced-colors: active) {
  .prefilled, .ghost > * { border: 1px solid; }
}
@media print {
  .tools, .panel, .copy, .more, .card input { display: none !important; }
  .card { break-inside: avoid; content-visibility: visible; }
}
`);
