// The page sets --cams-qr-…

export const style = new CSSStyleSheet();

style.replaceSync(`
:host {
  --accent: var(--cams-qr-accent, light-dark(#075e54, #5fd0a8));
  --on-accent: var(--cams-qr-on-accent, light-dark(#fff, #06231c));
  --ground: var(--cams-qr-ground, light-dark(#fff, #1b2421));
  --text: var(--cams-qr-text, light-dark(#16211d, #e8efec));
  --quiet: var(--cams-qr-quiet, light-dark(#52605a, #a7b5af));
  --line: var(--cams-qr-line, light-dark(#ccd5d0, #4a5a53));
  --bubble: var(--cams-qr-bubble, light-dark(#dff5e3, #143f36));
  --wrong: var(--cams-qr-wrong, light-dark(#a3201b, #ff9d95));
  --radius: var(--cams-qr-radius, .75rem);
  display: block;
  color: var(--text);
  line-height: 1.5;
}
:host([hidden]), [hidden], [data-phase=idle], [data-phase=failed] .tools { display: none !important; }
* { box-sizing: border-box; margin: 0; }
button, label, .status, .panel p { unicode-bidi: plaintext; }
.status, .panel p { width: fit-content; }
.status, .panel, .card { overflow-wrap: anywhere; }
.main:focus { outline: none; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }

button, .panel:has(p), .card, .ghost { border: 1px solid var(--line); border-radius: var(--radius); background: var(--ground); }
button {
  font: inherit;
  min-height: 2.75rem;
  padding: .4rem .9rem;
  border-color: currentColor;
  color: var(--accent);
  font-weight: 600;
  cursor: pointer;
}
:disabled { color: var(--quiet); cursor: default; }
.pick { display: flex; align-items: center; gap: .6rem; min-width: 0; min-height: 2.75rem; cursor: pointer; }

/* As tall as while it loads, for what follows. */
.main { display: flex; flex-direction: column; min-height: 44rem; }
.tools { display: grid; grid: "status" minmax(3rem, auto) / 1fr; gap: .5rem 1rem; margin-bottom: 1rem; padding-block: .5rem; }
.status { grid-area: status; align-self: center; color: var(--quiet); }
/* Place for the tools, which come later. */
.many .tools { grid: "status pick" minmax(3rem, auto) "find find" minmax(6rem, auto) "acts acts" minmax(2.75rem, auto) / 1fr auto; }
@media (min-width: 40rem) {
  .main { min-height: 38rem; }
  .many .tools { grid: "status pick" minmax(3rem, auto) "find acts" minmax(2.75rem, auto) / 1fr auto; }
}

.panel:has(p) {
  margin-bottom: 1rem;
  padding: 1rem 1.25rem;
  border-inline-start: 4px solid var(--wrong);
  font-weight: 600;
}
.alert p + p { color: var(--quiet); font-weight: 400; }
.retry { margin-top: .75rem; font-variant-numeric: tabular-nums; }

.cards {
  display: grid;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 16rem), 1fr));
  gap: 1rem;
  padding: 0;
  list-style: none;
}
.card, .ghost { display: flex; flex-direction: column; gap: .75rem; min-width: 0; padding: .5rem 1rem 1rem; }
.card { content-visibility: auto; contain-intrinsic-height: auto 30rem; }
.head { display: flex; align-items: center; justify-content: space-between; gap: .5rem; }
.main:not(.many) .card input, .ghost input { display: none; }
.card input, .ghost .more { visibility: hidden; }
.code { font: .9rem/1.4 ui-monospace, monospace; }
.more { flex: none; width: 2.75rem; padding: 0; margin-inline-end: -.5rem; border-color: transparent; font-size: 1.25rem; }
.tile {
  display: grid;
  place-items: center;
  width: min(100%, 15rem);
  aspect-ratio: 1;
  margin-inline: auto;
  border-radius: var(--radius);
  background: #fff;
  color: #52605a;
  text-align: center;
  forced-color-adjust: none;
}
.drawing { width: 100%; height: 100%; stroke: #000; shape-rendering: crispEdges; }
.prefilled {
  align-self: start;
  padding: .5rem .8rem;
  border: 1px solid transparent;
  border-radius: 1rem;
  border-start-start-radius: .2rem;
  background: var(--bubble);
  white-space: pre-wrap;
}
.none { border: 1px dashed var(--line); background: none; color: var(--quiet); }
/* The last line is cut, in a shadow until the end. */
.long {
  max-height: 13.2rem;
  overflow: auto;
  background:
    linear-gradient(transparent, var(--bubble) 60%) bottom / 100% 3rem no-repeat local,
    linear-gradient(transparent, var(--line)) bottom / 100% 1.5rem no-repeat var(--bubble);
}
.link { margin-top: auto; color: var(--quiet); font-size: .85rem; }
.copy { border-color: var(--accent); background: var(--accent); color: var(--on-accent); }

.ghosts { flex: 1 0 0; overflow: hidden; }
.ghost .pick { flex: 1; }
[data-phase=loading] .tools::after { grid-area: 2 / 1 / -1 / -1; content: ""; }
.ghost :empty, .tools::after {
  min-width: 60%;
  border: 0;
  border-radius: var(--radius);
  background: var(--line);
  animation: wait 1.6s infinite alternate;
}
.ghost :empty::before { content: "\\a0"; }
@keyframes wait { to { opacity: .5; } }

@media (prefers-reduced-motion: reduce) { *, ::after { animation: none !important; } }
@media (forced-colors: active) {
  .prefilled, .ghost :empty { border: 1px solid; }
  .copy { background: ButtonText; color: ButtonFace; forced-color-adjust: none; }
}
@media print {
  .tools, .panel, .copy, .more, .card input { display: none !important; }
  .card { break-inside: avoid; content-visibility: visible; }
}
`);
