// Writes the documents that are made from the code: `npm run docs`.
import { writeFileSync } from 'node:fs';
import { renderConfigDocument, renderConfigSchema, renderErrorsDocument } from './render.ts';

const write = (name: string, text: string) => writeFileSync(new URL(name, import.meta.url), text);

write('CONFIG.md', renderConfigDocument());
write('ERRORS.md', renderErrorsDocument());
write('bramble.schema.json', renderConfigSchema());
