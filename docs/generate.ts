// Writes the documents that are made from the code: `npm run docs`.
import { readFileSync, writeFileSync } from 'node:fs';
import {
  renderConfigDocument,
  renderConfigSchema,
  renderErrorsDocument,
  renderMqttDocument,
} from './render.ts';

const write = (name: string, text: string) => writeFileSync(new URL(name, import.meta.url), text);

write('CONFIG.md', renderConfigDocument());
write('ERRORS.md', renderErrorsDocument());
write('bramble.schema.json', renderConfigSchema());
write('MQTT.md', renderMqttDocument(readFileSync(new URL('MQTT.md', import.meta.url), 'utf8')));
