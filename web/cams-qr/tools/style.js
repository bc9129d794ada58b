// How the tools look.

export const style = new CSSStyleSheet();

style.replaceSync(`
select, input { font: inherit; color: inherit; }
select, [type=search] {
  min-height: 2.75rem;
  padding: .4rem .9rem;
  border: 1px solid var(--quiet);
  border-radius: var(--radius);
  background: var(--ground);
}
/* Keeps the arrow away from the edge. */
select { border-color: transparent; border-inline-end-width: .7rem; outline: 1px solid var(--quiet); outline-offset: -1px; }
.find, .acts { display: flex; flex-wrap: wrap; gap: .5rem; }
.find { grid-area: find; }
.acts { grid-area: acts; }
.many .pick { grid-area: pick; }
#filter, #sort { flex: 1 1 100%; min-width: 0; }
#filter::placeholder { color: var(--quiet); opacity: 1; }
@media (min-width: 40rem) { #filter { flex: 1 1 12rem; } #sort { flex: none; } }
@media (min-width: 40rem) and (min-height: 40rem) {
  [data-phase=loaded].many .tools {
    position: sticky;
    z-index: 1;
    inset-block-start: 0;
    background: var(--cams-qr-behind, light-dark(#f6f7f6, #101614));
    box-shadow: 0 1px var(--line);
  }
  .card * { scroll-margin-block: 9rem; }
}
.tools:has(.progress) > :not(.progress, .status) { visibility: hidden; }
.progress {
  display: flex;
  grid-area: 2 / 1 / auto / -1;
  flex-wrap: wrap;
  align-items: center;
  align-self: start;
  gap: .5rem 1rem;
}
.progress p { min-width: 16rem; font-variant-numeric: tabular-nums; }
.progress progress { flex: 1 1 8rem; accent-color: var(--accent); }

.empty {
  display: grid;
  justify-items: center;
  gap: 1rem;
  padding: 2.5rem 1.25rem;
  border: 2px dashed var(--line);
  border-radius: var(--radius);
  text-align: center;
}
.empty p { max-width: 32rem; }
.sign { width: 4rem; fill: none; stroke: var(--accent); stroke-width: 2; }

.card input { visibility: visible; }
.more[aria-expanded=true] { border-color: currentColor; background: var(--bubble); }
.card:has(:checked) { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent); }
[type=checkbox] { width: 1.25rem; height: 1.25rem; flex: none; accent-color: var(--accent); }

[role=menu], dialog {
  border: 1px solid var(--line);
  border-radius: var(--radius);
  background: var(--ground);
  color: var(--text);
}
[role=menu] {
  position: fixed;
  inset: auto;
  max-width: calc(100vw - .5rem);
  max-height: calc(100vh - .5rem);
  padding: .35rem;
  overflow: auto;
  box-shadow: 0 .5rem 1.5rem #0003;
}
[role=menuitem] {
  display: block;
  width: 100%;
  padding: .55rem .9rem;
  border: 0;
  border-radius: .5rem;
  background: none;
  color: inherit;
  font-weight: inherit;
  text-align: start;
  text-decoration: none;
}
[role=menuitem]:is(:hover, :focus) { background: var(--bubble); outline-offset: -3px; }

dialog { width: min(26rem, calc(100vw - 2rem)); margin: auto; padding: 1.25rem; }
dialog::backdrop { background: #0008; }
dialog h2 { margin-bottom: 1rem; font-size: 1.2rem; }
dialog label { display: grid; gap: .25rem; margin-bottom: 1rem; font-weight: 600; }
dialog select { font-weight: 400; }
dialog .acts { justify-content: end; margin-top: 1rem; }

@media (forced-colors: active) {
  select { border: 1px solid; outline: none; }
  .card:has(:checked) { outline: 3px solid Highlight; }
  [role=menuitem]:is(:hover, :focus) { background: Highlight; color: HighlightText; forced-color-adjust: none; }
}
@media print { dialog, .empty { display: none !important; } }
`);
