"""How the report looks: one style sheet, written into the page so that the file stands alone."""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fbfaf8; --card: #ffffff; --ink: #1d2228; --soft: #626a73; --rule: #e4e1db; --zero: #c9c5bd;
  --stage: #1f6f8b; --baseline: #c4bfb5;
  --ahead: #2f7d4f; --level: #a66a00; --behind: #b3372f;
  --care: #fff6e2; --care-rule: #e9cf94;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --card: #1b1f23; --ink: #e7e5e0; --soft: #9aa2aa; --rule: #2d3237; --zero: #4a5056;
    --stage: #2f8dad; --baseline: #565b60;
    --ahead: #69c08d; --level: #e0a94a; --behind: #ef7d74;
    --care: #2a2415; --care-rule: #59491f;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums; -webkit-text-size-adjust: 100%;
}
main { max-width: 56rem; margin: 0 auto; padding: 3rem 1.25rem 4rem; }

header { margin-bottom: 2.25rem; }
.eyebrow { margin: 0 0 .75rem; color: var(--soft); font-size: .875rem; }
h1 {
  margin: 0; padding-left: 1rem; border-left: .3rem solid var(--soft);
  font-size: clamp(1.35rem, 1rem + 1.8vw, 2rem); line-height: 1.25; font-weight: 650; letter-spacing: -.012em;
  text-wrap: balance; overflow-wrap: anywhere;
}
h1.ahead { border-color: var(--ahead); }
h1.level { border-color: var(--level); }
h1.behind { border-color: var(--behind); }
.numbers { margin: .9rem 0 0; font-size: 1.05rem; }
.subtitle { margin: .25rem 0 0; color: var(--soft); }
aside {
  margin-top: 1.5rem; padding: .9rem 1.2rem; border-radius: .6rem;
  background: var(--care); border: 1px solid var(--care-rule);
}
aside h2 { margin: 0 0 .3rem; font-size: .95rem; }
aside ul { margin: 0; padding-left: 1.1rem; }
aside li + li { margin-top: .35rem; }

section {
  margin-top: 1.25rem; padding: 1.4rem 1.5rem 1.5rem; border-radius: .75rem;
  background: var(--card); border: 1px solid var(--rule);
}
h2 { margin: 0 0 1rem; font-size: 1.1rem; font-weight: 650; }
h2 small { margin-left: .6rem; color: var(--soft); font-weight: 400; font-size: .875rem; }
h3 { margin: 0 0 .3rem; font-size: .95rem; font-weight: 650; }

.line {
  display: grid; grid-template-columns: 8.5rem 1fr 4rem; align-items: center; gap: 0 1rem; padding: .28rem 0;
}
.line .value { text-align: right; white-space: nowrap; }
.line .interval { text-align: right; white-space: nowrap; color: var(--soft); font-size: .85rem; }
.line.stages .name, .line.stages .value { font-weight: 600; }
.line.baselines .name { color: var(--soft); }
.track { position: relative; height: 1.35rem; }
.bars .track b { position: absolute; top: 0; bottom: 0; border-radius: .2rem; background: var(--baseline); }
.bars .stages .track b { background: var(--stage); }
.whisker { position: absolute; top: 50%; height: 1px; background: var(--ink); }
.whisker::before, .whisker::after {
  content: ""; position: absolute; top: -.2rem; height: calc(.4rem + 1px); width: 1px; background: var(--ink);
}
.whisker::before { left: 0; }
.whisker::after { right: 0; }

.differences + .differences { margin-top: 1.4rem; }
.differences .line { grid-template-columns: 8.5rem 1fr 4rem 8.5rem; padding: 0; }
.differences .track { height: 1.9rem; }
.differences .track b {
  position: absolute; top: 50%; width: .6rem; height: .6rem; margin: -.3rem 0 0 -.3rem; border-radius: 50%;
}
.differences .ahead .track b { background: var(--ahead); }
.differences .level .track b { background: var(--level); }
.differences .behind .track b { background: var(--behind); }
.zero { position: absolute; left: 50%; top: 0; bottom: 0; width: 1px; background: var(--zero); }

figure { margin: 0 0 1rem; }
figcaption { display: flex; flex-wrap: wrap; gap: 0 1.5rem; color: var(--soft); font-size: .875rem; }
figcaption span::before {
  content: ""; display: inline-block; width: 1.2rem; height: .2rem; margin-right: .5rem; vertical-align: middle;
  background: var(--stage);
}
figcaption .series-1::before { background: var(--level); }
.plot { display: block; width: 100%; height: auto; }
.plot text { fill: var(--soft); font-size: 12px; }
.plot polyline { fill: none; stroke: var(--stage); stroke-width: 2.5; stroke-linejoin: round; }
.plot polyline.series-1 { stroke: var(--level); }
.plot .grid { stroke: var(--rule); }
.plot .mark { stroke: var(--soft); stroke-dasharray: 4 4; }

.scroll { overflow-x: auto; margin: 0 -.6rem; }
table { border-collapse: collapse; width: 100%; font-size: .925rem; }
th, td { padding: .42rem .6rem; text-align: right; white-space: nowrap; font-weight: 400; }
thead th { color: var(--soft); font-size: .8rem; border-bottom: 1px solid var(--rule); }
tbody tr + tr > * { border-top: 1px solid var(--rule); }
th:first-child { text-align: left; position: sticky; left: 0; background: var(--card); }
tr.stages > th { font-weight: 600; }
tr.stages > th::before, tr.baselines > th::before {
  content: ""; display: inline-block; width: .55rem; height: .55rem; margin-right: .55rem;
  border-radius: .15rem;
  background: var(--stage);
}
tr.baselines > th::before { background: var(--baseline); }
tr.group > th { padding-top: 1.1rem; font-weight: 650; }
tr.group small { margin-left: .6rem; color: var(--soft); font-weight: 400; }
td.best { font-weight: 700; }
td.empty { text-align: left; color: var(--soft); }
td.words { text-align: left; white-space: normal; min-width: 14rem; color: var(--soft); }

dl { display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: .35rem 1.5rem; margin: 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
dl + .scroll { margin-top: 1.2rem; }

@media (max-width: 40rem) {
  main { padding: 1.75rem .8rem 3rem; }
  section { padding: 1.1rem 1rem 1.2rem; }
  h2 small { display: block; margin: .1rem 0 0; }
  .line { grid-template-columns: 5.8rem 1fr 3rem; gap: 0 .7rem; font-size: .925rem; }
  .differences .line { grid-template-columns: 1fr auto auto; padding: .15rem 0; }
  .differences .track { grid-column: 1 / -1; grid-row: 2; height: 1.2rem; }
  tr.group small { display: block; margin: 0; white-space: normal; }
  dl { grid-template-columns: 6.5rem 1fr; gap: .35rem 1rem; }
}
@media print {
  body { background: none; }
  section, aside { break-inside: avoid; }
}
"""
