// go test -json | node report.mjs [FILE]: shows what failed or was skipped, the packages' closing lines and the slowest tests.
// Exit 1 if a test or package failed, a test was skipped, or none ran. FILE gets a line "package test" for each test that failed,
// if that is all that went wrong.
import fs from 'node:fs';
import readline from 'node:readline';

const tests = new Map(), packages = new Map(); // "package test" or package -> {output, action, elapsed}
let broken = false;                            // a package failed or could not be built
const entry = (map, key) => map.get(key) ?? map.set(key, { output: '', action: 'unfinished', elapsed: 0 }).get(key);

for await (const line of readline.createInterface({ input: process.stdin })) {
  let event;
  try { event = JSON.parse(line); } catch { console.log(line); continue; }
  const { Action, Package, Test, Output, Elapsed } = event;
  if (Action === 'build-output') process.stdout.write(Output);
  else if (Action === 'build-fail') broken = true;
  else if (Test ?? Package) {
    const e = Test ? entry(tests, Package + ' ' + Test) : entry(packages, Package);
    if (Action === 'output') e.output += Output;
    else if (['pass', 'fail', 'skip'].includes(Action)) Object.assign(e, { action: Action, elapsed: Elapsed ?? 0 });
  }
}

const of = action => [...tests].filter(([, e]) => e.action === action);
for (const action of ['fail', 'unfinished', 'skip'])
  for (const [name, e] of of(action)) console.log(`--- ${action}: ${name}\n${e.output}`);
for (const e of packages.values()) {
  if (e.action === 'fail') broken = true;
  const closing = e.output.trimEnd().split('\n').filter(l => e.action === 'fail' || l.startsWith('ok'));
  if (closing.length) console.log(closing.join('\n'));
}
const parents = new Set([...tests.keys()].filter(k => k.includes('/', k.indexOf(' '))).map(k => k.slice(0, k.indexOf('/', k.indexOf(' ')))));
const slowest = [...tests].filter(([name]) => !parents.has(name)).sort((a, b) => b[1].elapsed - a[1].elapsed).slice(0, 10);
console.log('slowest tests:');
for (const [name, e] of slowest) console.log(`${e.elapsed.toFixed(1).padStart(7)} s  ${name}`);
const [passed, failed, skipped] = [of('pass').length, of('fail').length + of('unfinished').length, of('skip').length];
console.log(`tests: ${passed} passed, ${failed} failed, ${skipped} skipped`);
const failures = of('fail').map(([name]) => name).filter(name => !name.includes('/', name.indexOf(' ')));
const grave = [...tests.values(), ...packages.values()].some(e => e.action !== 'pass' && /^(panic|fatal error|WARNING: DATA RACE)/m.test(e.output));
const alone = grave || [...packages].some(([name, e]) => e.action === 'fail' && !failures.some(f => f.startsWith(name + ' '))); // or it could not be built, or died
if (process.argv[2] && failures.length && !alone && !skipped && !of('unfinished').length) fs.writeFileSync(process.argv[2], failures.join('\n') + '\n');
process.exitCode = broken || failed || skipped || !passed ? 1 : 0;
