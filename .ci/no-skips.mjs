// Reads vitest's report: here every part is installed, so a skipped test is a failure. Ends with a line of counts.
import { readFileSync } from 'node:fs';

const report = JSON.parse(readFileSync(new URL('../coverage/results.json', import.meta.url), 'utf8'));
const tests = report.testResults.flatMap((file) => file.assertionResults);
const notRun = tests.filter(({ status }) => status !== 'passed' && status !== 'failed');
for (const { fullName, status } of notRun) console.error(`${status}: ${fullName}`);
const count = (wanted) => tests.filter(({ status }) => status === wanted).length;
console.log(`${count('passed')} passed, ${count('failed')} failed, ${notRun.length} skipped`);
if (tests.length === 0 || notRun.length > 0 || count('failed') > 0) process.exit(1);
