import { shownUrl, type Web } from './web.ts';
import { explainStatus } from './web-status.ts';

/**
 * The SHA-256 that a publisher keeps beside a download, at its address with `.sha256` behind it, as Raspberry Pi does and
 * `sha256sum` writes; `undefined` when there is none.
 */
export async function findPublishedSha256(web: Web, url: URL): Promise<string | undefined> {
  const beside = new URL(url);
  beside.pathname += '.sha256';
  const answer = await web.get(beside, {});
  if (answer.status === 200) return parseSha256(await readStart(answer.body()));
  await answer.ignore();
  if (answer.status >= 500) throw explainStatus(answer.status, shownUrl(beside));
  return undefined;
}

/** Some servers answer any address with a page: only what begins as a line of `sha256sum` counts. */
export function parseSha256(text: string): string | undefined {
  return /^\\?([0-9a-f]{64})(?:\s|$)/i.exec(text)?.[1]?.toLowerCase();
}

async function readStart(body: AsyncIterable<Uint8Array>): Promise<string> {
  let text = '';
  for await (const piece of body) {
    text += Buffer.from(piece).toString('latin1');
    if (text.length > 1_024) break;
  }
  return text;
}
