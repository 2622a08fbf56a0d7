import { createServer } from 'node:http';
import { probe } from './probe.mjs';

createServer(async (request, response) => {
  const [path, query = ''] = request.url.split('?');
  if (path === '/echo')
    return request.pipe(response.writeHead(200, { 'content-type': 'application/octet-stream' }));
  const chunks = await request.toArray();
  const body = await probe(path, query, Buffer.concat(chunks));
  response.end(body);
}).listen(Number(process.env.PORT), '127.0.0.1');
