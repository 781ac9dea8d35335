/** The process that `issueApart` starts: a request on standard input, the result on standard output. */
import { readFileSync } from 'node:fs';
import { isOperatorError } from '../../core/index.ts';
import { type IssueRequest, issueHere, REFUSED } from './issue.ts';

try {
  // The supervisor's, which is trusted.
  const request = JSON.parse(readFileSync(0, 'utf8')) as IssueRequest;
  process.stdout.write(JSON.stringify(issueHere(request)));
} catch (error) {
  if (!isOperatorError(error)) throw error;
  process.stderr.write(error.message);
  process.exitCode = REFUSED;
}
