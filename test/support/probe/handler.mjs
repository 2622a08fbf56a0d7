import { probe } from './probe.mjs';

export default async (event, context) => {
  context.headers({ 'content-type': 'application/octet-stream' });
  const [name = ''] = Object.keys(event.query);
  return probe(event.path, name, Buffer.from(event.body));
};
